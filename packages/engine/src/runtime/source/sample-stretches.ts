/**
 * Which records of a source are samples of its chain's keys: one of each stretch of records, of which there are about as many as polls.
 *
 * 1. Where a stretch ends, and which of its records is the sample, is settled before its first one is read: each is as likely to be it, and it stands for all of them.
 * 2. A stretch never ends with a poll because that does: a source that reads much and little in turns would have the little told as if it were as much.
 */
import { SamplePositions } from '../../keys/load/sample-positions.ts'

const RECORDS_MAX = 1_024

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
  /** In the poll that is under way. */
  #taken = 0

  /** The sample was taken. */
  take(): void {
    if (++this.#taken > 1) this.#next = Math.min(RECORDS_MAX, 2 * this.#next)
    this.at = this.#end + 1 + this.#positions.below(this.#next)
    this.records = this.#next
    this.#end += this.#next
  }

  /** A poll that read something is over. */
  polled(): void {
    if (this.#taken === 0) this.#next = Math.max(1, this.#next >> 1)
    this.#taken = 0
  }
}
