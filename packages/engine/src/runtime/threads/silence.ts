/**
 * For how long another thread has not been heard of, as far as this one was there to listen. Where the whole process was stopped, or its machine slept, the other
 * was so too: that time is not its silence. Pure.
 */
export class Silence {
  readonly periodMs: number
  #silentMs = 0
  #lookedMs: number

  /** `look` is called each `periodMs`. */
  constructor(periodMs: number, nowMs: number) {
    this.periodMs = periodMs
    this.#lookedMs = nowMs
  }

  heard(): void {
    this.#silentMs = 0
  }

  /** The silence in milliseconds, to a period. */
  look(nowMs: number): number {
    this.#silentMs += Math.min(nowMs - this.#lookedMs, this.periodMs)
    this.#lookedMs = nowMs
    return this.#silentMs
  }
}
