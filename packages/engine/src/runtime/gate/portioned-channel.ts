/**
 * A channel that tells what time its next record is of, and gives out its batches in portions.
 *
 * 1. Elements are the channel's, in their order; a batch may come as several.
 * 2. To look costs one element that is taken out early. What has been given out is valid as long as the channel would have it.
 */
import type { Element, InputChannel } from '../../exchange/elements.ts'
import { detached, NO_TIMESTAMP } from '../../exchange/elements.ts'

/** What comes next: a record without a time, or something else than a record. */
export const UNTIMED = 'untimed'
export const EVENT = 'event'

export class PortionedChannel implements InputChannel {
  readonly #channel: InputChannel
  /** Taken out early; of a batch the records from `#next` on are still to be given out. */
  #element: Element | undefined
  #next = 0
  /** How far its time has come: the latest of the records and watermarks that were given out; -Infinity: there were none. */
  reached: number = -Infinity

  constructor(channel: InputChannel) {
    this.#channel = channel
  }

  /** Time of the next record, or what comes instead; undefined: nothing has arrived. */
  look(): number | typeof UNTIMED | typeof EVENT | undefined {
    this.#element ??= this.#channel.poll()
    const element = this.#element
    if (element === undefined) return undefined
    if (element.kind !== 'records') return EVENT
    const time = element.timestamps?.[this.#next] ?? NO_TIMESTAMP
    return time === NO_TIMESTAMP ? UNTIMED : time
  }

  poll(): Element | undefined {
    return this.take(Infinity)
  }

  /** As `poll`; of a batch no more than so many records. */
  take(recordsMax: number): Element | undefined {
    const element = this.#element ?? this.#channel.poll()
    this.#element = undefined
    if (element?.kind === 'watermark') this.reached = Math.max(this.reached, element.time)
    if (element?.kind !== 'records') return element
    const from = this.#next
    const end = Math.min(element.count, from + recordsMax)
    this.reached = Math.max(this.reached, element.timestamps?.[end - 1] ?? NO_TIMESTAMP)
    if (end < element.count) {
      this.#element = element
      this.#next = end
    } else this.#next = 0
    return end - from === element.count ? element : detached(element, from, end)
  }

  get available(): boolean {
    return this.#element !== undefined || this.#channel.available
  }

  get readBytes(): number {
    return this.#channel.readBytes
  }

  hold(on: boolean): void {
    this.#channel.hold(on)
  }

  close(): void {
    this.#element = undefined
    this.#channel.close()
  }
}
