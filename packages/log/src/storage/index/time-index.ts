import { isSafeInt64, readInt32, readInt64, writeInt32, writeInt64 } from '../../protocol/primitives.ts'
import { logError } from '../../errors.ts'
import { EntryTable } from './entry-table.ts'

export const TIME_INDEX_ENTRY_BYTES = 12

export interface TimestampOffset {
  readonly timestamp: number
  readonly offset: number
}

/**
 * The largest timestamps of a segment on its way (`.timeindex`): a timestamp and the last offset of the batch that
 * brought it, relative to the base offset. Nothing up to that offset has a larger timestamp.
 *
 * 1. Timestamps rise strictly, offsets never fall.
 */
export class TimeIndex {
  readonly baseOffset: number
  readonly entries: EntryTable

  constructor(baseOffset: number, entries: EntryTable = new EntryTable(TIME_INDEX_ENTRY_BYTES)) {
    this.baseOffset = baseOffset
    this.entries = entries
  }

  /**
   * An index from its file's bytes. A tail of zeros, which Kafka's preallocation leaves behind, is cut off. The time 0 at the first offset, if
   * it is the only entry, looks the same; a look-up begins at the first offset without it as well.
   *
   * @throws `STORAGE_CORRUPT`
   */
  static parse(baseOffset: number, bytes: Uint8Array, path: string): TimeIndex {
    const index = new TimeIndex(baseOffset, new EntryTable(TIME_INDEX_ENTRY_BYTES, bytes))
    const { entries } = index
    let count = entries.count
    while (count > 0 && bytes.subarray((count - 1) * TIME_INDEX_ENTRY_BYTES, count * TIME_INDEX_ENTRY_BYTES).every((byte) => byte === 0))
      count--
    entries.truncate(count)
    for (let slot = 0; slot < count; slot++) {
      const sensible = isSafeInt64(bytes, slot * TIME_INDEX_ENTRY_BYTES) && index.#entry(slot).offset >= baseOffset
      const before = slot === 0 || !sensible ? undefined : index.#entry(slot - 1)
      const rises = before === undefined || (index.#entry(slot).timestamp > before.timestamp && index.#entry(slot).offset >= before.offset)
      if (!sensible || !rises) throw logError('STORAGE_CORRUPT', { path, problem: `the order at entry ${slot}` })
    }
    return index
  }

  /** Does nothing unless the timestamp is larger than all before. */
  append(timestamp: number, offset: number): void {
    const { last } = this
    if (timestamp < 0 || (last !== undefined && timestamp <= last.timestamp)) return
    const at = this.entries.grow()
    writeInt64(this.entries.bytes, at, timestamp)
    writeInt32(this.entries.bytes, at + 8, offset - this.baseOffset)
  }

  get last(): TimestampOffset | undefined {
    const { count } = this.entries
    return count === 0 ? undefined : this.#entry(count - 1)
  }

  /** The entry with the largest timestamp up to `timestamp`; the segment's first offset if there is none. */
  lookup(timestamp: number): TimestampOffset {
    const count = this.entries.countWhile((at) => readInt64(this.entries.bytes, at) <= timestamp)
    return count === 0 ? { timestamp: -1, offset: this.baseOffset } : this.#entry(count - 1)
  }

  /** Removes the entries of `offset` and above. */
  truncate(offset: number): void {
    const relative = offset - this.baseOffset
    this.entries.truncate(this.entries.countWhile((at) => readInt32(this.entries.bytes, at + 8) < relative))
  }

  /** All entries, for tests and tools. */
  list(): TimestampOffset[] {
    return Array.from({ length: this.entries.count }, (_, slot) => this.#entry(slot))
  }

  #entry(slot: number): TimestampOffset {
    const at = slot * TIME_INDEX_ENTRY_BYTES
    return { timestamp: readInt64(this.entries.bytes, at), offset: this.baseOffset + readInt32(this.entries.bytes, at + 8) }
  }
}
