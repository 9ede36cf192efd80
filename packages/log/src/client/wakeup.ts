import type { Cancel, Clock } from '@millrace/core'

/** Has something looked at, once a turn however often it is asked for, and at the earliest of the times it was asked for. */
export class Wakeup {
  readonly #clock: Clock
  readonly #look: () => void
  #cancelSoon: Cancel | undefined
  #cancelTimer: Cancel | undefined
  #atMs = Number.POSITIVE_INFINITY
  #isStopped = false

  constructor(clock: Clock, look: () => void) {
    this.#clock = clock
    this.#look = look
  }

  soon(): void {
    if (this.#isStopped) return
    this.#cancelSoon ??= this.#clock.soon(() => {
      this.#cancelSoon = undefined
      this.#look()
    })
  }

  /** No later than `atMs` of the monotonic clock. */
  by(atMs: number): void {
    if (atMs >= this.#atMs || this.#isStopped) return
    this.#cancelTimer?.()
    this.#atMs = atMs
    this.#cancelTimer = this.#clock.after(Math.max(0, atMs - this.#clock.monotonic()), () => {
      this.#atMs = Number.POSITIVE_INFINITY
      this.#look()
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#cancelSoon?.()
    this.#cancelTimer?.()
  }
}
