import { MillraceError, type Clock } from '@millrace/core'
import type { ConnectorNotice } from '../source.ts'
import { SetbackNotices } from '../setback-notices.ts'

const FIRST_DELAY_MS = 50
const DELAY_MS_MAX = 5_000

/** Tries again what may succeed later, for so long, with growing pauses. */
export class Patience {
  readonly #clock: Clock
  readonly #patienceMs: number
  readonly #notices: SetbackNotices
  #isOver = false
  readonly #wakes: Set<() => void> = new Set()

  constructor(clock: Clock, patienceMs: number, report?: (notice: ConnectorNotice) => void) {
    this.#clock = clock
    this.#patienceMs = patienceMs
    this.#notices = new SetbackNotices(clock, (duration, problem) => {
      report?.({ code: 'POSTGRES_SINK_RETRY', message: `${problem}; so it is for ${duration}, and it is tried again` })
    })
  }

  async with<R>(work: () => Promise<R>): Promise<R> {
    const startMs = this.#clock.monotonic()
    for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(2 * delayMs, DELAY_MS_MAX)) {
      try {
        const done = await work()
        this.#notices.over()
        return done
      } catch (error) {
        const isFutile = !(error instanceof MillraceError) || !error.retry || error.code.endsWith('_FENCED')
        if (this.#isOver || isFutile || this.#clock.monotonic() + delayMs - startMs > this.#patienceMs) throw error
        this.#notices.failed(error.message)
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
