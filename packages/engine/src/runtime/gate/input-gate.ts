/**
 * The inputs of one task: takes elements from its channels in turn, and combines what the channels say about time and their end.
 *
 * 1. The channels have their turns one after the other, or are read in the order of their records' event times; one that the alignment keeps back is passed over. While
 *    channels are aligned, or read ahead, they have their turns.
 * 2. The end is given out once, after every channel has ended.
 */
import type { ChannelEvent, Element, RecordBatch } from '../../exchange/elements.ts'
import { CombinedTime, type TimeHandler } from './combined-time.ts'
import type { EventTimeOrder } from './event-time-order.ts'
import type { GateAlignment } from './gate-alignment.ts'
import type { GateChannel } from './gate-channel.ts'
import { StalledTime, type StalledInput } from '../source/stalled-time.ts'

/** What the task does with what arrives. */
export interface GateHandler extends TimeHandler {
  records(batch: RecordBatch, channel: GateChannel, index: number): void
  end(): void
}

export class InputGate {
  readonly #channels: readonly GateChannel[]
  readonly #alignment: GateAlignment
  readonly #handler: GateHandler
  readonly #ended: boolean[]
  readonly #time: CombinedTime
  readonly #order: EventTimeOrder | undefined
  readonly #stalled = new StalledTime<GateChannel>()
  readonly #states = {
    isOpen: (index: number): boolean => !this.#ended[index],
    isIdle: (index: number): boolean => this.#time.isIdle(index),
  }
  #open: number
  #next = 0

  /** `alignment`: of the same channels. `order`: of them as well; undefined: they have their turns. */
  constructor(channels: readonly GateChannel[], alignment: GateAlignment, handler: GateHandler, order?: EventTimeOrder) {
    this.#channels = channels
    this.#alignment = alignment
    this.#handler = handler
    this.#ended = channels.map(() => false)
    this.#time = new CombinedTime(channels.length, handler)
    this.#open = channels.length
    this.#order = order
  }

  /** Bytes of records received so far; 0 where they pass by reference. */
  get readBytes(): number {
    return this.#alignment.readBytes
  }

  get watermark(): number {
    return this.#time.watermark
  }

  /** The channel for which event time stands still, if that is to be told now. */
  stalledFor(nowMs: number): StalledInput<GateChannel> | undefined {
    const awaited = this.#time.awaited.map(({ channel, watermark }) => ({ input: this.#channels[channel]!, watermark }))
    return this.#stalled.look(nowMs, awaited)
  }

  /** Takes one element; answers whether there was any. `patient`: what comes too early may wait, the gate is asked again soon. */
  poll(patient: boolean = false): boolean {
    const order = this.#order
    if (order === undefined || !this.#alignment.free) return this.#pollInTurns()
    const chosen = order.choose(this.#states, patient)
    if (chosen === 'in-turns') return this.#pollInTurns()
    if (chosen === undefined) return false
    this.#handle(order.take(chosen), chosen)
    return true
  }

  /** From the next channel that has something. */
  #pollInTurns(): boolean {
    const count = this.#channels.length
    for (let tried = 0; tried < count; tried++) {
      const index = this.#next
      this.#next = index + 1 === count ? 0 : index + 1
      if (this.#ended[index]) continue
      const element = this.#alignment.take(index)
      if (element === undefined) continue
      this.#order?.served(index)
      this.#handle(element, index)
      return true
    }
    return false
  }

  #handle(element: Element, index: number): void {
    if (element.kind === 'records') this.#handler.records(element, this.#channels[index]!, index)
    else this.#event(element, index)
  }

  /** Whether `poll` would find anything. */
  get available(): boolean {
    return this.#channels.some((_, index) => !this.#ended[index] && this.#alignment.has(index))
  }

  close(): void {
    this.#alignment.close()
    for (const { channel } of this.#channels) channel.close()
  }

  #event(event: ChannelEvent, index: number): void {
    switch (event.kind) {
      case 'watermark':
        this.#time.advance(index, event.time)
        return
      case 'idle':
      case 'active':
        this.#time.setIdle(index, event.kind === 'idle')
        return
      case 'barrier':
        this.#alignment.barrier(event, index)
        return
      case 'cancel-barrier':
        this.#alignment.cancelBarrier(event.checkpointId, index)
        return
      case 'end':
        this.#end(index)
        return
      default:
        event satisfies never
    }
  }

  #end(index: number): void {
    this.#ended[index] = true
    this.#open--
    this.#alignment.end(index)
    this.#time.end(index)
    if (this.#open === 0) this.#handler.end()
  }
}
