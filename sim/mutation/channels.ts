/** Channels that do not keep the order, or not all. */
import type { Element, InputChannel } from '@millrace/engine/simulation'
import { overlay, type Interposer } from '../interposer.ts'

function inputs(wrap: (channel: InputChannel) => InputChannel): Interposer {
  return { channels: (factory) => overlay(factory, { input: (place, wake) => wrap(factory.input(place, wake)) }) }
}

/** A barrier passes the batch before it. */
export function barrierOvertakes(): Interposer {
  return inputs((channel) => {
    let held: Element | undefined
    const poll = (): Element | undefined => {
      if (held !== undefined) {
        const element = held
        held = undefined
        return element
      }
      const element = channel.poll()
      if (element?.kind !== 'records' || !channel.available) return element
      const next = channel.poll()
      if (next?.kind === 'barrier') {
        held = element
        return next
      }
      held = next
      return element
    }
    return overlay(channel, {
      poll,
      get available() {
        return held !== undefined || channel.available
      },
    })
  })
}

/** One batch in a hundred does not arrive. */
export function elementLost(): Interposer {
  let count = 0
  return inputs((channel) =>
    overlay(channel, {
      poll: () => {
        const element = channel.poll()
        return element?.kind === 'records' && ++count % 100 === 0 ? channel.poll() : element
      },
    }),
  )
}
