/**
 * Timers by key, over few real ones.
 *
 * 1. A key has one deadline; setting it again replaces it. After `cancelAll` nothing runs any more.
 * 2. A deadline that only moves out costs nothing: its real timer finds out when it fires. Sessions are extended far more often than they end.
 */
import type { Cancel, Clock } from '@millrace/core'

interface Timer {
  deadline: number
  run: () => void
  /** When the real timer fires. */
  armedFor: number
  cancel: Cancel
}

/** What a real timer can wait at most. */
const DELAY_MS_MAX = 0x7fff_ffff

export class Timers {
  readonly #clock: Clock
  readonly #timers = new Map<string, Timer>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#timers.size
  }

  set(key: string, delayMs: number, run: () => void): void {
    const deadline = this.#clock.monotonic() + Math.max(0, delayMs)
    const known = this.#timers.get(key)
    if (known !== undefined && known.armedFor <= deadline) {
      known.deadline = deadline
      known.run = run
      return
    }
    known?.cancel()
    const timer: Timer = { deadline, run, armedFor: 0, cancel: () => undefined }
    this.#timers.set(key, timer)
    this.#arm(key, timer)
  }

  cancel(key: string): void {
    this.#timers.get(key)?.cancel()
    this.#timers.delete(key)
  }

  cancelAll(): void {
    for (const { cancel } of this.#timers.values()) cancel()
    this.#timers.clear()
  }

  #arm(key: string, timer: Timer): void {
    const now = this.#clock.monotonic()
    const delayMs = Math.min(timer.deadline - now, DELAY_MS_MAX)
    timer.armedFor = now + delayMs
    timer.cancel = this.#clock.after(delayMs, () => {
      if (this.#clock.monotonic() < timer.deadline) return this.#arm(key, timer)
      this.#timers.delete(key)
      timer.run()
    })
  }
}
