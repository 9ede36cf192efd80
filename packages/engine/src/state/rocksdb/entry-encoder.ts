import type { Key, KeyAtom } from '../../api/state.ts'
import { ValueReader } from '../../codec/value.ts'
import type { TimedMapEntry } from '../rows/map-cell.ts'
import type { StateSchema } from '../rows/schema.ts'
import { mark } from '../segments/segment-format.ts'
import { StoredShape } from '../segments/stored-shape.ts'
import { hashPrefix, WholeWriter } from './row-encoder.ts'
import type { StoredEntry } from './stored-map-cell.ts'

/** First byte of the keys of entries. */
const ENTRIES = 0x6d
/** In front of the row's key: `ENTRIES` and the hash. */
const KEY_AT = 5

/**
 * Entries of maps that lie apart from their rows, as keys and values of an ordered store.
 *
 *   key     a byte, the hash of the row's key (4 bytes, highest first), that key as a value, varint column, the entry's key as a value
 *   value   what follows the entry's key in the state format: its time, if it has one, and its value
 *
 * So entries lie in the order of their rows, those of one map beside each other.
 */
export class EntryEncoder {
  readonly #schema: StateSchema
  readonly #keys: EntryKeyWriter
  readonly #values: EntryValueWriter
  readonly #reader: ValueReader = new ValueReader()
  readonly #shapes: Map<number, StoredShape> = new Map()
  readonly #now: () => number
  /** When the first entry was read that has no time though its state expires. */
  #timelessSince: number | undefined

  /** `now`: for entries without a time of states that expire. */
  constructor(schema: StateSchema, now: () => number) {
    this.#schema = schema
    this.#now = now
    this.#keys = new EntryKeyWriter(schema)
    this.#values = new EntryValueWriter(schema)
  }

  /** What the keys of a map's entries begin with, in bytes of its own. */
  prefix(key: Key, hash: number, column: number): Uint8Array {
    return this.#keys.prefix(key, hash, column)
  }

  /** Good until the next call. */
  key(prefix: Uint8Array, key: KeyAtom): Uint8Array {
    return this.#keys.key(prefix, key)
  }

  /** Good until the next call. @throws STATE_UNENCODABLE */
  value(column: number, entry: TimedMapEntry): Uint8Array {
    return this.#values.write(column, entry)
  }

  keyIn(bytes: Uint8Array, prefixLength: number): KeyAtom {
    this.#reader.reset(bytes)
    this.#reader.seek(prefixLength)
    return this.#reader.value() as KeyAtom
  }

  read(column: number, bytes: Uint8Array): StoredEntry {
    const reader = this.#reader
    reader.reset(bytes)
    const stored = timeIn(reader, bytes)
    const at = reader.position
    const shape = this.#shapeOf(column)
    let value: unknown
    if (bytes[at] === mark.coded) {
      reader.seek(at + 1)
      value = shape.coded(reader.raw(reader.varint()))
    } else value = shape.cell(reader.value())
    return { value, time: this.updateTime(column, stored) }
  }

  /** When an entry with such a stored time was last updated. */
  updateTime(column: number, stored: number): number {
    if (stored !== 0 || this.#schema.columns[column]!.ttl === undefined) return stored
    return (this.#timelessSince ??= this.#now())
  }

  #shapeOf(column: number): StoredShape {
    let shape = this.#shapes.get(column)
    if (shape === undefined) {
      const declared = this.#schema.columns[column]!
      shape = new StoredShape(this.#schema.operator, declared, declared.kind, declared.version)
      this.#shapes.set(column, shape)
    }
    return shape
  }
}

class EntryKeyWriter extends WholeWriter {
  prefix(key: Key, hash: number, column: number): Uint8Array {
    this.reset()
    hashPrefix(this, ENTRIES, hash)
    this.value(key, 'key')
    this.varint(column)
    return this.take()
  }

  key(prefix: Uint8Array, key: KeyAtom): Uint8Array {
    this.reset()
    this.raw(prefix)
    // A look-up may be for -0, which a map on the heap takes for 0 by itself.
    this.value(key === 0 ? 0 : key, 'key')
    return this.view()
  }
}

class EntryValueWriter extends WholeWriter {
  write(column: number, entry: TimedMapEntry): Uint8Array {
    this.reset()
    try {
      this.entryValue(column, entry)
    } catch (error) {
      throw this.unencodable(column, entry.key, error)
    }
    return this.view()
  }
}

/** The time that an entry's value begins with; 0 if there is none. */
function timeIn(reader: ValueReader, bytes: Uint8Array): number {
  if (bytes[0] !== mark.timed) return 0
  reader.seek(1)
  return reader.value() as number
}

const reader = new ValueReader()

/** What the key of an entry says. */
export interface EntryPlace {
  readonly key: Key
  readonly hash: number
  readonly column: number
  readonly entry: KeyAtom
  /** Where the key of the entry begins. */
  readonly entryAt: number
}

export function placeIn(bytes: Uint8Array): EntryPlace {
  reader.reset(bytes)
  reader.seek(KEY_AT)
  const key = reader.value() as Key
  const column = reader.varint()
  const entryAt = reader.position
  const hash = (bytes[1]! << 24) | (bytes[2]! << 16) | (bytes[3]! << 8) | bytes[4]!
  return { key, hash, column, entry: reader.value() as KeyAtom, entryAt }
}

/** When an entry was last updated, out of its value; 0 where that is not stored. */
export function storedTimeOf(value: Uint8Array): number {
  reader.reset(value)
  return timeIn(reader, value)
}

/** Where the entries of key groups begin: all hashes from this one on. 2^32 is behind the last. */
export function entriesFrom(hash: number): Uint8Array {
  if (hash >= 2 ** 32) return Uint8Array.of(ENTRIES + 1)
  return Uint8Array.of(ENTRIES, hash >>> 24, (hash >>> 16) & 0xff, (hash >>> 8) & 0xff, hash & 0xff)
}
