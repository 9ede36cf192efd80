import type { Key } from '../../api/state.ts'
import { keyGroupOf } from '../../keys/key-group.ts'
import type { RecordWriter } from '../segments/record-writer.ts'
import type { RowsBelow } from '../segments/snapshot-writer.ts'
import { copyRecord, hasApart, hashIn, keyIn } from './row-encoder.ts'
import type { StoredRecords } from './stored-records.ts'

/** The rows of a store as they were when its scans began, on their way into a snapshot. */
export class StoredRows implements RowsBelow {
  readonly #records: StoredRecords
  readonly #maxParallelism: number
  readonly #outranked: (key: Key, hash: number) => boolean
  /** The key group of the record that is next; -1: it is to be looked for. */
  #group = -1
  /** `next` has said yes to it. */
  #given = false
  #over = false

  /** `outranked`: whether another row of the snapshot says what there is of a key. */
  constructor(records: StoredRecords, maxParallelism: number, outranked: (key: Key, hash: number) => boolean) {
    this.#records = records
    this.#maxParallelism = maxParallelism
    this.#outranked = outranked
  }

  next(keyGroup: number): boolean {
    if (this.#given) this.#group = -1
    this.#given = false
    while (!this.#over) {
      if (this.#group < 0 && !this.#advance()) break
      if (this.#group > keyGroup) return false
      if (this.#group === keyGroup && !this.#isOutranked()) {
        this.#given = true
        return true
      }
      this.#group = -1
    }
    return false
  }

  copy(out: RecordWriter): number {
    const { row, value, entries } = this.#records
    if (entries === undefined) copyRecord(out, row, value)
    else out.raw(entries)
    return entries === undefined ? 1 : 0
  }

  get cost(): number {
    return Math.max(1, this.#records.count)
  }

  close(): void {
    if (this.#over) return
    this.#over = true
    this.#records.close()
  }

  #advance(): boolean {
    do {
      if (!this.#records.next()) {
        this.close()
        return false
      }
    } while (this.#records.isBetween)
    this.#group = keyGroupOf(hashIn(this.#records.row), this.#maxParallelism)
    return true
  }

  /** What another row says of a map that lies apart are changes over what the store has of it: so such a row is always written, and the other one behind it. */
  #isOutranked(): boolean {
    const { row, value } = this.#records
    return !hasApart(value) && this.#outranked(keyIn(row), hashIn(row))
  }
}
