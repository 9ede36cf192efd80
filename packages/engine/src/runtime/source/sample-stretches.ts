/**
 * Which records of a source are samples of its chain's keys: one of each stretch of records, about as many as there are in `INTERVAL_MS`.
 *
 * 1. Where a stretch ends, and which of its records is the sample, is settled before its first one is read: each is as likely to be it, and it stands for all of them.
 * 2. A stretch never ends with a poll: a source that reads much and little in turns would have the little told as if it were as much.
 * 3. A sample costs as much as some records do, so a source that reads fast has fewer for each poll: there are enough of them by the second.
 */
import { SamplePositions } from '../../keys/load/sample-positions.ts'

/** Samples are to come so far apart, or up to twice as far. */
const INTERVAL_MS = 5
/** A source that has become slow has this, and then half of it, and so on, to go until each of its records is told. */
const RECORDS_MAX = 2_048

export class SampleStretches {
  /** The sample, as the number of its record: the first is 1. */
  at = 1
  /** Records that it stands for. */
  records = 1
  readonly #positions: SamplePositions = new SamplePositions()
  /** The last record of the stretch. */
  #end = 1
  /** Length of those that follow. */
  #next = 1
  #takenMs = -Infinity

  /** The sample was taken, at such a time of a clock that never goes back. */
  take(nowMs: number): void {
    const sinceMs = nowMs - this.#takenMs
    this.#takenMs = nowMs
    if (sinceMs < INTERVAL_MS) this.#next = Math.min(RECORDS_MAX, 2 * this.#next)
    else if (sinceMs > 2 * INTERVAL_MS) this.#next = Math.max(1, this.#next >> 1)
    this.at = this.#end + 1 + this.#positions.below(this.#next)
    this.records = this.#next
    this.#end += this.#next
  }
}
