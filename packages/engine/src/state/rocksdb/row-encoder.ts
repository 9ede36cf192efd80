import type { Key } from '../../api/state.ts'
import { ValueReader } from '../../codec/value.ts'
import type { SnapshotPlan } from '../segments/lineage.ts'
import type { MapCell } from '../rows/map-cell.ts'
import { RecordWriter, type OnLargeMap } from '../segments/record-writer.ts'
import type { StateSchema } from '../rows/schema.ts'
import { mark } from '../segments/segment-format.ts'
import type { ApartMap } from '../segments/segment-reader.ts'
import type { Table } from '../rows/table.ts'
import { StoredMapCell } from './stored-map-cell.ts'

/** First byte of a value in front of its cells, if maps of the row lie apart. No mark of the state format. */
const APART = 0xf8
/** First byte of the keys of rows. */
const ROWS = 0x72
/** In front of the key: `ROWS` and the hash. */
const KEY_AT = 5
/** Entries of a large map in one record. */
const ENTRIES_A_RECORD = 256

/** Everything, also what has expired: that is for others to judge. `boundary`: maps go on without remembering what is touched in them. */
const wholeRows: SnapshotPlan = {
  checkpointId: 0,
  baseCheckpointId: undefined,
  boundary: Number.POSITIVE_INFINITY,
  since: -1,
  isFull: () => true,
}
const FOREVER_MS = -Infinity

/**
 * Rows as keys and values of an ordered store.
 *
 *   key     a byte, the key's hash (4 bytes, highest first), the key as a value. So keys lie in the order of their key groups, at any number of these.
 *   value   a row's record behind its key, then records with the entries of large maps: the state format. In front of it, where maps of the row lie apart,
 *           or entries may be left over of maps that did: `APART`, varint count of such maps, for each varint column, varint entries that are there,
 *           and when one was last updated, as a value. In the record such a map has no entries.
 */
export class RowEncoder {
  readonly #row: RowWriter
  readonly #key: KeyWriter

  constructor(schema: StateSchema) {
    this.#row = new RowWriter(schema)
    this.#key = new KeyWriter(schema)
  }

  /** Bytes of a key; good until the next call. */
  key(key: Key, hash: number): Uint8Array {
    return this.#key.write(key, hash)
  }

  /** The value of an alive row; good until the next call. `leftOver`: entries may be there still of maps that are gone. @throws STATE_UNENCODABLE */
  value(table: Table, row: number, leftOver: boolean = false): Uint8Array {
    return this.#row.write(table, row, leftOver)
  }

  /** Of the last value the bytes that are units of long texts. */
  get longTextBytes(): number {
    return this.#row.longTextBytes
  }

  /** The columns of all values, as a segment without records. */
  header(): Uint8Array {
    this.#row.reset()
    this.#row.header(0, 'delta')
    return this.#row.take()
  }
}

/** Writes all there is, whether it has expired or not. */
export class WholeWriter extends RecordWriter {
  constructor(schema: StateSchema, onLargeMap: OnLargeMap = () => {}) {
    super(schema, wholeRows, FOREVER_MS, onLargeMap)
  }
}

class KeyWriter extends WholeWriter {
  write(key: Key, hash: number): Uint8Array {
    this.reset()
    hashPrefix(this, ROWS, hash)
    this.value(key, 'key')
    return this.view()
  }
}

class RowWriter extends WholeWriter {
  readonly #maps: readonly number[]
  readonly #large: { readonly key: Key; readonly column: number; readonly cell: MapCell }[]
  #leftOver = false

  constructor(schema: StateSchema) {
    const large: { key: Key; column: number; cell: MapCell }[] = []
    super(schema, (table, row, column, cell) => large.push({ key: table.key(row), column, cell }))
    this.#large = large
    this.#maps = mapColumns(schema)
  }

  write(table: Table, row: number, leftOver: boolean): Uint8Array {
    this.reset()
    this.#leftOver = leftOver
    this.row(table, row)
    for (const { key, column, cell } of this.#large.splice(0)) {
      const entries = [...cell.entries.values()]
      for (let at = 0; at < entries.length; at += ENTRIES_A_RECORD) this.entries({ key, column }, entries.slice(at, at + ENTRIES_A_RECORD))
    }
    return this.view(this.cellsAt)
  }

  protected override beforeCells(table: Table, row: number): void {
    if (this.#maps.length === 0) return
    const apart = this.#maps.filter((column) => isApart(table.columns[column]!.get(row)))
    if (apart.length === 0 && !this.#leftOver) return
    this.byte(APART)
    this.varint(apart.length)
    for (const column of apart) {
      const cell = table.columns[column]!.get(row) as StoredMapCell
      this.varint(column)
      this.varint(cell.below)
      this.value(cell.newest)
    }
  }

  protected override map(table: Table, row: number, column: number, cell: MapCell): boolean {
    if (!isApart(cell)) return super.map(table, row, column, cell)
    this.byte(mark.map)
    this.varint(0)
    return true
  }
}

/** The columns of map states. */
export function mapColumns(schema: StateSchema): readonly number[] {
  return schema.columns.flatMap(({ kind }, at) => (kind === 'map' ? [at] : []))
}

function isApart(cell: unknown): cell is StoredMapCell {
  return cell instanceof StoredMapCell && cell.apart !== undefined
}

/** What the keys of a row and its entries begin with. */
export function hashPrefix(writer: RecordWriter, first: number, hash: number): void {
  writer.byte(first)
  writer.byte(hash >>> 24)
  writer.byte((hash >>> 16) & 0xff)
  writer.byte((hash >>> 8) & 0xff)
  writer.byte(hash & 0xff)
}

/** Where the rows of key groups begin: all hashes from this one on. 2^32 is behind the last. */
export function rowsFrom(hash: number): Uint8Array {
  if (hash >= 2 ** 32) return Uint8Array.of(ROWS + 1)
  return Uint8Array.of(ROWS, hash >>> 24, (hash >>> 16) & 0xff, (hash >>> 8) & 0xff, hash & 0xff)
}

/** The record of a row, as the state format has it: key and value behind each other. */
export function copyRecord(out: RecordWriter, key: Uint8Array, value: Uint8Array): void {
  out.raw(key.subarray(KEY_AT))
  out.raw(value.subarray(cellsAt(value)))
}

/** What of a row lies apart, and where its record goes on behind that. */
export interface ApartOfRow {
  readonly maps: readonly ApartMap[]
  readonly cellsAt: number
}

const nothingApart: ApartOfRow = { maps: [], cellsAt: 0 }

/** Whether maps of a row lie apart, or are left over there. */
export function hasApart(value: Uint8Array): boolean {
  return value[0] === APART
}

export function apartIn(value: Uint8Array): ApartOfRow {
  if (!hasApart(value)) return nothingApart
  keys.reset(value)
  keys.seek(1)
  const maps: ApartMap[] = []
  for (let count = keys.varint(); count > 0; count--) {
    const column = keys.varint()
    const size = keys.varint()
    maps.push({ column, size, newest: keys.value() as number })
  }
  return { maps, cellsAt: keys.position }
}

function cellsAt(value: Uint8Array): number {
  return apartIn(value).cellsAt
}

/** The key, as a value, in a row's key. */
export function keyBytesIn(key: Uint8Array): Uint8Array {
  return key.subarray(KEY_AT)
}

/** The hash in a row's key. */
export function hashIn(key: Uint8Array): number {
  return (key[1]! << 24) | (key[2]! << 16) | (key[3]! << 8) | key[4]!
}

const keys = new ValueReader()

/** The key of a row's key. */
export function keyIn(key: Uint8Array): Key {
  keys.reset(key.subarray(KEY_AT))
  return keys.value() as Key
}

/** The first hash of a key group. */
export function firstHashOf(keyGroup: number, maxParallelism: number): number {
  return Math.ceil((keyGroup * 2 ** 32) / maxParallelism)
}
