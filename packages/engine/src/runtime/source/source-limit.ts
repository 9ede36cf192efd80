import type { Clock } from '@millrace/core'

/** What a source that was held up may catch up. */
const CATCH_UP_MS = 1_000

/**
 * Holds a source to so many records a second, poll by poll: what one poll reads at once is paid for before the next.
 *
 * 1. Over any time longer than a second no more is read than the limit says, but for one poll.
 * 2. At most one timer waits.
 */
export class SourceLimit {
  readonly #clock: Clock
  readonly #wake: () => void
  readonly #subtasks: number
  #perMs: number
  /** When all that was read is paid for. */
  #paidMs: number
  #waits: (() => void) | undefined

  /** `perSecond`: of all `subtasks` together; undefined: no limit. */
  constructor(options: {
    readonly clock: Clock
    readonly perSecond: number | undefined
    readonly subtasks: number
    readonly wake: () => void
  }) {
    this.#clock = options.clock
    this.#wake = options.wake
    this.#paidMs = options.clock.monotonic()
    this.#subtasks = options.subtasks
    this.#perMs = this.#perMsOf(options.perSecond)
  }

  change(perSecond: number | undefined): void {
    const nowMs = this.#clock.monotonic()
    // What is still owed is owed at the new rate.
    const former = this.#perMs
    this.#perMs = this.#perMsOf(perSecond)
    if (this.#paidMs > nowMs) this.#paidMs = nowMs + ((this.#paidMs - nowMs) * former) / this.#perMs
    this.#waits?.()
    this.#waits = undefined
    this.#wake()
  }

  /** Whether the source may be polled; if not, it is woken when it may. */
  get open(): boolean {
    if (this.#perMs === Infinity) return true
    const owedMs = this.#paidMs - this.#clock.monotonic()
    if (owedMs <= 0) return true
    this.#waits ??= this.#clock.after(owedMs, () => {
      this.#waits = undefined
      this.#wake()
    })
    return false
  }

  read(records: number): void {
    if (this.#perMs === Infinity) return
    const nowMs = this.#clock.monotonic()
    this.#paidMs = Math.max(this.#paidMs, nowMs - CATCH_UP_MS) + records / this.#perMs
  }

  close(): void {
    this.#waits?.()
    this.#perMs = Infinity
  }

  #perMsOf(perSecond: number | undefined): number {
    return perSecond === undefined ? Infinity : perSecond / this.#subtasks / 1_000
  }
}
