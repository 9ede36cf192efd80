import type { Clock } from '@millrace/core'

/** About so long a task works before it looks at what the master says, and at what else its thread has to do. */
const LOOK_MS = 5
const RECORDS_FIRST = 16
const RECORDS_MAX = 4_096

/**
 * How many records are worked off at a time, found by measuring: a batch, or what a source has at hand, would keep the thread from answering for as long as all of its records take.
 * One record is never divided.
 */
export class WorkSlice {
  readonly #clock: Clock
  readonly #isFixed: boolean
  /** At most so many at a time. */
  records: number
  #startMs = 0

  /** `fixed`: so many, whatever they take. */
  constructor(clock: Clock, fixed?: number) {
    this.#clock = clock
    this.#isFixed = fixed !== undefined
    this.records = fixed ?? RECORDS_FIRST
  }

  begin(): void {
    if (!this.#isFixed) this.#startMs = this.#clock.monotonic()
  }

  /** So many records were worked off since `begin`. */
  end(worked: number): void {
    if (this.#isFixed || worked === 0) return
    const tookMs = this.#clock.monotonic() - this.#startMs
    if (tookMs > LOOK_MS) this.records = Math.max(1, Math.floor((worked * LOOK_MS) / tookMs))
    else if (tookMs < LOOK_MS / 2) this.records = Math.min(RECORDS_MAX, this.records * 2)
  }
}
