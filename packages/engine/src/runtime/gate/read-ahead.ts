/**
 * What a gate has taken out of its channels before it could process it, because a snapshot has overtaken it: kept in order, and processed before anything newer
 * of the channel.
 *
 * 1. Elements come out in the order in which they went in; the channel is not asked while there are any.
 * 2. The channel's writer is held back from the first element read ahead until few are left: what is kept here is never more than the channel held, what its writer
 *    had queued, and what it had to send on the way.
 * 3. Nothing is read beyond the barrier that is looked for, nor beyond anything that shows that it will not come.
 */
import { detached, type Element, type RecordBatch } from '../../exchange/elements.ts'
import type { GateChannel } from './gate-channel.ts'

/** So many are left when the writer is let go on: it should be awake again when they are done. */
const RESUME_AT = 2
/** Elements read ahead of a channel in one go. */
const ELEMENTS_A_GO = 16

/** `more`: the barrier may still come. `skipped`: the writer has gone on to a newer checkpoint, or given this one up. */
export type Found = 'more' | 'barrier' | 'end' | 'skipped'

export class ReadAhead {
  readonly #channels: readonly GateChannel[]
  readonly #queues: (Element[] | undefined)[]
  /** Channels of which something is kept. */
  #kept = 0

  constructor(channels: readonly GateChannel[]) {
    this.#channels = channels
    this.#queues = channels.map(() => undefined)
  }

  /** Whether anything is kept, of any channel. */
  get any(): boolean {
    return this.#kept > 0
  }

  has(channel: number): boolean {
    return this.#queues[channel] !== undefined
  }

  take(channel: number): Element | undefined {
    const queue = this.#queues[channel]
    if (queue === undefined) return this.#channels[channel]!.channel.poll()
    const element = queue.shift()
    this.#shrunk(channel, queue)
    return element
  }

  /** Looks for the barrier in what is kept; records before it are shown to `each`. The barrier itself is taken out. */
  search(channel: number, checkpointId: number, each: (batch: RecordBatch) => void): Found {
    const queue = this.#queues[channel]
    if (queue === undefined) return 'more'
    for (const [index, element] of queue.entries()) {
      if (element.kind === 'records') each(element)
      const found = judge(element, checkpointId)
      if (found === 'barrier') {
        queue.splice(index, 1)
        this.#shrunk(channel, queue)
      }
      if (found !== 'more') return found
    }
    return 'more'
  }

  /** Reads on in the channel, as far as something has arrived; answers what it came to, and whether there was anything. */
  read(channel: number, checkpointId: number, each: (batch: RecordBatch) => void): { readonly found: Found; readonly any: boolean } {
    for (let count = 0; count < ELEMENTS_A_GO; count++) {
      const element = this.#channels[channel]!.channel.poll()
      if (element === undefined) return { found: 'more', any: count > 0 }
      const found = judge(element, checkpointId)
      if (found !== 'barrier') this.#keep(channel, element.kind === 'records' ? detached(element, 0) : element)
      if (element.kind === 'records') each(element)
      if (found !== 'more') return { found, any: true }
    }
    return { found: 'more', any: true }
  }

  #keep(channel: number, element: Element): void {
    let queue = this.#queues[channel]
    if (queue === undefined) {
      this.#queues[channel] = queue = []
      this.#kept++
      this.#channels[channel]!.channel.hold(true)
    }
    queue.push(element)
  }

  #shrunk(channel: number, queue: readonly Element[]): void {
    if (queue.length === 0) {
      this.#queues[channel] = undefined
      this.#kept--
    }
    if (queue.length <= RESUME_AT) this.#channels[channel]!.channel.hold(false)
  }
}

function judge(element: Element, checkpointId: number): Found {
  if (element.kind === 'end') return 'end'
  if (element.kind !== 'barrier' && element.kind !== 'cancel-barrier') return 'more'
  if (element.checkpointId < checkpointId) return 'more'
  return element.kind === 'barrier' && element.checkpointId === checkpointId ? 'barrier' : 'skipped'
}
