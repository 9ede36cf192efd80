/**
 * What several channels say about event time, as one.
 *
 * 1. The watermark given out is the smallest of all channels that are neither idle nor at the end of time, and never falls. When all of these have gone idle
 *    it is the largest of theirs, so that it does not depend on the order in which they did. It is the end of time only when all channels are there:
 *    an idle one may still have records.
 */
export interface TimeHandler {
  watermark(time: number): void
  idle(): void
  active(): void
}

const NEVER = -Infinity

export class CombinedTime {
  readonly #handler: TimeHandler
  readonly #ended: boolean[]
  readonly #idle: boolean[]
  readonly #watermarks: number[]
  #allIdle = false
  watermark: number = NEVER

  constructor(channels: number, handler: TimeHandler) {
    this.#handler = handler
    this.#ended = Array.from({ length: channels }, () => false)
    this.#idle = Array.from({ length: channels }, () => false)
    this.#watermarks = Array.from({ length: channels }, () => NEVER)
  }

  advance(channel: number, time: number): void {
    this.#watermarks[channel] = Math.max(this.#watermarks[channel]!, time)
    this.#combine()
  }

  setIdle(channel: number, idle: boolean): void {
    this.#idle[channel] = idle
    this.#combine()
  }

  isIdle(channel: number): boolean {
    return this.#idle[channel]!
  }

  /** What those say that time waits for. */
  get awaited(): readonly { readonly channel: number; readonly watermark: number }[] {
    return [...this.#watermarks.entries()].flatMap(([channel, watermark]) =>
      this.#ended[channel] || this.#idle[channel] || watermark === Infinity ? [] : [{ channel, watermark }],
    )
  }

  /** Not of the last channel: the end itself says all there is to say. */
  end(channel: number): void {
    this.#ended[channel] = true
    if (this.#ended.includes(false)) this.#combine()
  }

  #combine(): void {
    let smallest = Infinity
    let speaking = 0
    let largestIdle = NEVER
    let unfinished = false
    for (const [index, time] of this.#watermarks.entries()) {
      if (this.#ended[index] || time === Infinity) continue
      unfinished = true
      if (this.#idle[index]) largestIdle = Math.max(largestIdle, time)
      else {
        speaking++
        smallest = Math.min(smallest, time)
      }
    }
    const idle = unfinished && speaking === 0
    if (!idle) this.#tellIdle(false)
    this.#tell(idle ? largestIdle : smallest)
    if (idle) this.#tellIdle(true)
  }

  #tellIdle(idle: boolean): void {
    if (idle === this.#allIdle) return
    this.#allIdle = idle
    if (idle) this.#handler.idle()
    else this.#handler.active()
  }

  #tell(time: number): void {
    if (time <= this.watermark) return
    this.watermark = time
    this.#handler.watermark(time)
  }
}
