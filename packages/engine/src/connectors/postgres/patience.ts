import { MillraceError, type Clock } from '@millrace/core'

const FIRST_DELAY_MS = 50
const DELAY_MS_MAX = 5_000

/** Tries again what may succeed later, for so long, with growing pauses. */
export class Patience {
  readonly #clock: Clock
  readonly #patienceMs: number
  #isOver = false
  readonly #wakes: Set<() => void> = new Set()

  constructor(clock: Clock, patienceMs: number) {
    this.#clock = clock
    this.#patienceMs = patienceMs
  }

  async with<R>(work: () => Promise<R>): Promise<R> {
    const startMs = this.#clock.monotonic()
    for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(2 * delayMs, DELAY_MS_MAX)) {
      try {
        return await work()
      } catch (error) {
        const isFutile = !(error instanceof MillraceError) || !error.retry || error.code.endsWith('_FENCED')
        if (this.#isOver || isFutile || this.#clock.monotonic() + delayMs - startMs > this.#patienceMs) throw error
      }
      await this.#pause(delayMs)
    }
  }

  /** Nothing is tried again any more. */
  end(): void {
    this.#isOver = true
    for (const wake of this.#wakes) wake()
  }

  async #pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = this.#clock.after(delayMs, resolve)
    this.#wakes.add(resolve)
    await promise
    cancel()
    this.#wakes.delete(resolve)
  }
}
