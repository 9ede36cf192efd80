import type { Key } from '../../api/state.ts'
import { keyGroupOf } from '../../keys/key-group.ts'
import type { RecordWriter } from '../record-writer.ts'
import type { RowsBelow } from '../snapshot-writer.ts'
import type { OrderedScan } from './ordered-store.ts'
import { copyRecord, hashIn, keyIn } from './row-encoder.ts'

/** The rows of a store as they were when its scan began, on their way into a snapshot. */
export class StoredRows implements RowsBelow {
  readonly #scan: OrderedScan
  readonly #maxParallelism: number
  readonly #outranked: (key: Key, hash: number) => boolean
  #key: Uint8Array = new Uint8Array(0)
  #value: Uint8Array = new Uint8Array(0)
  /** The key group of the row that the scan stands at; -1: it is to go on. */
  #group = -1
  /** `next` has said yes to it. */
  #given = false
  #over = false

  /** `outranked`: whether another row of the snapshot says what there is of a key. */
  constructor(scan: OrderedScan, maxParallelism: number, outranked: (key: Key, hash: number) => boolean) {
    this.#scan = scan
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

  copy(out: RecordWriter): void {
    copyRecord(out, this.#key, this.#value)
  }

  close(): void {
    if (this.#over) return
    this.#over = true
    this.#scan.close()
  }

  #advance(): boolean {
    if (!this.#scan.next()) {
      this.close()
      return false
    }
    // In memory of their own: between two calls the store is used for other things.
    this.#key = new Uint8Array(this.#scan.key)
    this.#value = new Uint8Array(this.#scan.value)
    this.#group = keyGroupOf(hashIn(this.#key), this.#maxParallelism)
    return true
  }

  #isOutranked(): boolean {
    return this.#outranked(keyIn(this.#key), hashIn(this.#key))
  }
}
