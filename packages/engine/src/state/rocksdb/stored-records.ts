import { ByteWriter } from '../../codec/byte-writer.ts'
import { mark } from '../segments/segment-format.ts'
import { placeIn } from './entry-encoder.ts'
import type { OrderedScan } from './ordered-store.ts'
import { apartIn, keyBytesIn } from './row-encoder.ts'

/** Entries of a map in one record, and those that are looked at for it. */
const ENTRIES_A_RECORD = 64

/**
 * The rows of a store, each followed by the entries of its maps that lie apart, as records of the state format: both lie in the order of the rows' hashes and keys.
 *
 * Entries that are left over of maps that are gone are passed over.
 */
export class StoredRecords {
  readonly #rows: OrderedScan
  readonly #entries: OrderedScan
  /** Columns whose maps lie apart from the current row. */
  #apart: readonly number[] = []
  readonly #out = new ByteWriter(1024)
  /** Key and value of the current row. In memory of their own: between two calls the store is used for other things. */
  row: Uint8Array = new Uint8Array(0)
  value: Uint8Array = new Uint8Array(0)
  /** A record with entries of the current row; undefined: it is the row's turn. */
  entries: Uint8Array | undefined = undefined
  /** How many these are. */
  count = 0
  /** Many entries were passed over, or what comes next has to be read: there is no record yet. */
  isBetween = false
  #readsAhead = false
  /** Key and value of the entry that is still to be looked at; undefined at the end. */
  #entryKey: Uint8Array | undefined
  #entryValue: Uint8Array = new Uint8Array(0)

  /** Scans of the rows and of the entries of the same hashes, opened at the same time. */
  constructor(rows: OrderedScan, entries: OrderedScan) {
    this.#rows = rows
    this.#entries = entries
    this.#nextEntry()
  }

  /** Goes on to the next record, or a part of the way (`isBetween`); false at the end. */
  next(): boolean {
    this.entries = this.#record()
    return this.entries !== undefined || this.isBetween || this.#nextRow()
  }

  /** As that of the scans. */
  readAhead(): Promise<void> | undefined {
    this.#readsAhead = true
    const rows = this.#rows.readAhead?.()
    const entries = this.#entries.readAhead?.()
    if (rows === undefined || entries === undefined) return rows ?? entries
    return Promise.all([rows, entries]).then(() => {})
  }

  close(): void {
    this.#rows.close()
    this.#entries.close()
  }

  #nextRow(): boolean {
    if (!this.#rows.next()) return false
    this.row = new Uint8Array(this.#rows.key)
    this.value = new Uint8Array(this.#rows.value)
    this.#apart = apartIn(this.value).maps.map(({ column }) => column)
    return true
  }

  #nextEntry(): void {
    const has = this.#entries.next()
    this.#entryKey = has ? new Uint8Array(this.#entries.key) : undefined
    if (has) this.#entryValue = new Uint8Array(this.#entries.value)
  }

  /** Entries of the current row, all of one map; undefined if there are no more. */
  #record(): Uint8Array | undefined {
    const out = this.#out
    out.reset()
    let column = -1
    this.count = 0
    this.isBetween = false
    for (let looked = 0; this.#apart.length > 0 && this.#entryKey !== undefined; this.#nextEntry()) {
      const order = this.#compare(this.#entryKey)
      if (order > 0) break
      if (looked++ === ENTRIES_A_RECORD || this.#mustRead) {
        this.isBetween = this.count === 0
        break
      }
      const place = placeIn(this.#entryKey)
      if (order < 0 || !this.#apart.includes(place.column)) continue
      if (column >= 0 && place.column !== column) break
      column = place.column
      this.count++
      out.raw(this.#entryKey.subarray(place.entryAt))
      out.raw(this.#entryValue)
    }
    if (this.count === 0) return undefined
    const changes = out.take()
    out.byte(mark.entries)
    out.raw(keyBytesIn(this.row))
    out.varint(column)
    out.varint(this.count)
    out.raw(changes)
    return out.take()
  }

  get #mustRead(): boolean {
    return this.#readsAhead && this.#entries.readAhead?.() !== undefined
  }

  /** Whether the entry is of a row before the current one (below 0), of it (0), or of one behind it. */
  #compare(entry: Uint8Array): number {
    // No key is the beginning of another one: these are of the same row, or in the order of their rows.
    return Buffer.compare(entry.subarray(1, this.row.length), this.row.subarray(1))
  }
}
