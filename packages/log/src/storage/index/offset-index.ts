import { readInt32, writeInt32 } from '../../protocol/primitives.ts'
import { logError } from '../../errors.ts'
import { EntryTable } from './entry-table.ts'

export const OFFSET_INDEX_ENTRY_BYTES = 8
export const RELATIVE_OFFSET_MAX = 0x7fff_ffff

export interface OffsetPosition {
  readonly offset: number
  readonly position: number
}

/**
 * Where in a segment's file some of its offsets are (`.index`): the last offset of a batch, relative to the segment's
 * base offset, and the position of that batch.
 *
 * 1. Offsets and positions rise strictly.
 */
export class OffsetIndex {
  readonly baseOffset: number
  readonly entries: EntryTable

  constructor(baseOffset: number, entries: EntryTable = new EntryTable(OFFSET_INDEX_ENTRY_BYTES)) {
    this.baseOffset = baseOffset
    this.entries = entries
  }

  /** An index from its file's bytes. A tail of zeros, which Kafka's preallocation leaves behind, is cut off. @throws `STORAGE_CORRUPT` */
  static parse(baseOffset: number, bytes: Uint8Array, path: string): OffsetIndex {
    const index = new OffsetIndex(baseOffset, new EntryTable(OFFSET_INDEX_ENTRY_BYTES, bytes))
    const { entries } = index
    let count = entries.count
    while (count > 0 && index.#offset(count - 1) === 0 && index.#position(count - 1) === 0) count--
    entries.truncate(count)
    for (let slot = 0; slot < count; slot++) {
      const rises = slot === 0 || (index.#offset(slot) > index.#offset(slot - 1) && index.#position(slot) > index.#position(slot - 1))
      if (!rises || index.#offset(slot) < 0 || index.#position(slot) < 0) {
        throw logError('STORAGE_CORRUPT', { path, problem: `the order at entry ${slot}` })
      }
    }
    return index
  }

  append(offset: number, position: number): void {
    const at = this.entries.grow()
    writeInt32(this.entries.bytes, at, offset - this.baseOffset)
    writeInt32(this.entries.bytes, at + 4, position)
  }

  get last(): OffsetPosition | undefined {
    const { count } = this.entries
    return count === 0 ? undefined : this.#entry(count - 1)
  }

  /** The entry with the largest offset up to `offset`; the start of the segment if there is none. */
  lookup(offset: number): OffsetPosition {
    const relative = offset - this.baseOffset
    const count = this.entries.countWhile((at) => readInt32(this.entries.bytes, at) <= relative)
    return count === 0 ? { offset: this.baseOffset, position: 0 } : this.#entry(count - 1)
  }

  /** The first entry whose batch begins at `position` or behind it. */
  firstAtPosition(position: number): OffsetPosition | undefined {
    const slot = this.entries.countWhile((at) => readInt32(this.entries.bytes, at + 4) < position)
    return slot < this.entries.count ? this.#entry(slot) : undefined
  }

  /** Removes the entries of `offset` and above. */
  truncate(offset: number): void {
    const relative = offset - this.baseOffset
    this.entries.truncate(this.entries.countWhile((at) => readInt32(this.entries.bytes, at) < relative))
  }

  /** All entries, for tests and tools. */
  list(): OffsetPosition[] {
    return Array.from({ length: this.entries.count }, (_, slot) => this.#entry(slot))
  }

  #entry(slot: number): OffsetPosition {
    return { offset: this.baseOffset + this.#offset(slot), position: this.#position(slot) }
  }

  #offset(slot: number): number {
    return readInt32(this.entries.bytes, slot * OFFSET_INDEX_ENTRY_BYTES)
  }

  #position(slot: number): number {
    return readInt32(this.entries.bytes, slot * OFFSET_INDEX_ENTRY_BYTES + 4)
  }
}
