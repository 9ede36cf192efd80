import type { Key } from '../../api/state.ts'
import { ValueReader } from '../../codec/value.ts'
import type { SnapshotPlan } from '../lineage.ts'
import type { MapCell } from '../map-cell.ts'
import { RecordWriter } from '../record-writer.ts'
import type { StateSchema } from '../schema.ts'
import type { Table } from '../table.ts'

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
 *   value   a row's record behind its key, then records with the entries of large maps: the state format
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

  /** The value of an alive row; good until the next call. @throws STATE_UNENCODABLE */
  value(table: Table, row: number): Uint8Array {
    return this.#row.write(table, row)
  }

  /** The columns of all values, as a segment without records. */
  header(): Uint8Array {
    this.#row.reset()
    this.#row.header(0, 'delta')
    return this.#row.take()
  }
}

class KeyWriter extends RecordWriter {
  constructor(schema: StateSchema) {
    super(schema, wholeRows, FOREVER_MS, () => {})
  }

  write(key: Key, hash: number): Uint8Array {
    this.reset()
    prefix(this, hash)
    this.value(key, 'key')
    return this.view()
  }
}

class RowWriter extends RecordWriter {
  readonly #large: { readonly key: Key; readonly column: number; readonly cell: MapCell }[]

  constructor(schema: StateSchema) {
    const large: { key: Key; column: number; cell: MapCell }[] = []
    super(schema, wholeRows, FOREVER_MS, (table, row, column, cell) => large.push({ key: table.key(row), column, cell }))
    this.#large = large
  }

  write(table: Table, row: number): Uint8Array {
    this.reset()
    this.row(table, row)
    for (const { key, column, cell } of this.#large.splice(0)) {
      const entries = [...cell.entries.values()]
      for (let at = 0; at < entries.length; at += ENTRIES_A_RECORD) this.entries({ key, column }, entries.slice(at, at + ENTRIES_A_RECORD))
    }
    return this.view(this.cellsAt)
  }
}

function prefix(writer: RecordWriter, hash: number): void {
  writer.byte(ROWS)
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
  out.raw(value)
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
