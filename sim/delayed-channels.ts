/** Channels on which each element takes a random time: never overtaking, in whatever relation to other channels. */
import type { Clock } from '@millrace/core'
import {
  LocalChannel,
  type ChannelEvent,
  type ChannelFactory,
  type ChannelPlace,
  type Element,
  type InputChannel,
  type OutputChannel,
} from '@millrace/engine/simulation'
import type { SeededRandom } from '@millrace/testkit'

export class DelayedChannels implements ChannelFactory {
  readonly #channels: Map<string, DelayedChannel> = new Map()
  readonly #clock: Clock
  readonly #random: SeededRandom
  readonly #flushChance: number
  readonly #onBlocked: () => void
  /** The channels of each receiving subtask. */
  readonly #gates: Map<string, DelayedChannel[]> = new Map()

  /**
   * `flushChance`: that a record does not wait for others. `onBlocked`: a channel that has delivered its barrier holds more, while another one of the same subtask
   * has not delivered it.
   */
  constructor(clock: Clock, random: SeededRandom, flushChance: number, onBlocked: () => void) {
    this.#clock = clock
    this.#random = random
    this.#flushChance = flushChance
    this.#onBlocked = onBlocked
  }

  output(place: ChannelPlace, wake: () => void): OutputChannel {
    const channel = this.#channel(place)
    channel.wakeWriter = wake
    return channel
  }

  input(place: ChannelPlace, wake: () => void): InputChannel {
    const channel = this.#channel(place)
    channel.wakeReader = wake
    return channel
  }

  #channel(place: ChannelPlace): DelayedChannel {
    const key = `${place.exchange.id}:${place.from}:${place.to}`
    let channel = this.#channels.get(key)
    if (channel === undefined) {
      const gate = `${place.exchange.to}:${place.to}`
      const siblings = this.#gates.get(gate) ?? []
      this.#gates.set(gate, siblings)
      const isKeyed = place.exchange.partitioning === 'hash'
      channel = new DelayedChannel(isKeyed, this.#clock, this.#random, this.#flushChance, (barrier) => {
        if (siblings.some((sibling) => sibling.deliveredId < barrier)) this.#onBlocked()
      })
      siblings.push(channel)
      this.#channels.set(key, channel)
    }
    return channel
  }
}

class DelayedChannel implements OutputChannel, InputChannel {
  wakeReader: () => void = () => {}
  wakeWriter: () => void = () => {}
  readonly #batching: LocalChannel
  readonly #clock: Clock
  readonly #random: SeededRandom
  readonly #flushChance: number
  readonly #travelling: Element[] = []
  readonly #arrived: Element[] = []
  /** Some channels are slow for a while: barriers then arrive far apart. */
  readonly #slownessMs: number
  #moving = false
  /** Of the last barrier that was taken out; all of them once the channel has ended. */
  deliveredId = 0
  readonly readBytes = 0
  readonly writtenBytes = 0
  held = false
  #toldId = 0
  readonly #onMore: (barrier: number) => void

  /** `onMore`: something has arrived behind the barrier with this id. */
  constructor(keyed: boolean, clock: Clock, random: SeededRandom, flushChance: number, onMore: (barrier: number) => void) {
    this.#onMore = onMore
    this.#flushChance = flushChance
    this.#batching = new LocalChannel({ keyed })
    this.#clock = clock
    this.#random = random
    this.#slownessMs = random.pick([0.2, 1, 5, 20])
  }

  append(value: unknown, timestamp: number, hash: number): void {
    this.#batching.append(value, timestamp, hash)
    // Batches of all sizes, so that barriers fall everywhere.
    if (this.#random.chance(this.#flushChance)) this.flush()
  }

  event(event: ChannelEvent): void {
    this.#batching.event(event)
    this.#depart()
  }

  flush(): void {
    this.#batching.flush()
    this.#depart()
  }

  drain(): boolean {
    return this.queuedBytes === 0
  }

  get queuedBytes(): number {
    const waiting = this.#travelling.length + this.#arrived.length
    return waiting > 8 ? waiting : 0
  }

  get pending(): boolean {
    return this.#batching.pending
  }

  poll(): Element | undefined {
    const element = this.#arrived.shift()
    if (element?.kind === 'barrier') this.deliveredId = element.checkpointId
    if (element?.kind === 'end') this.deliveredId = Infinity
    if (element !== undefined) this.wakeWriter()
    return element
  }

  get available(): boolean {
    return this.#arrived.length > 0
  }

  hold(on: boolean): void {
    this.held = on
    if (!on) this.wakeWriter()
  }

  close(): void {
    this.#travelling.length = 0
    this.#arrived.length = 0
  }

  #depart(): void {
    for (let element = this.#batching.poll(); element !== undefined; element = this.#batching.poll()) this.#travelling.push(element)
    this.#move()
  }

  #move(): void {
    if (this.#moving || this.#travelling.length === 0) return
    this.#moving = true
    this.#clock.after(((this.#random.uint32() % 1000) / 1000) * this.#slownessMs, () => {
      this.#moving = false
      const element = this.#travelling.shift()
      if (element === undefined) return
      this.#arrived.push(element)
      if (this.#toldId < this.deliveredId) {
        this.#toldId = this.deliveredId
        this.#onMore(this.deliveredId)
      }
      this.wakeReader()
      this.#move()
    })
  }
}
