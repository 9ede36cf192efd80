/**
 * The records of an internal topic, from a table of Kafka's schemas.
 *
 * Key: record type i16, then the key's fields. Value: schema version i16, then the value's fields; a null value is a tombstone.
 * A record type that is not in the table, written by another version, is skipped.
 */
import { messageCodec, type MessageCodec } from '../../protocol/codec.ts'
import { includesVersion, versionBounds, type Decoded, type Fields, type VersionRange } from '../../protocol/declaration.ts'
import { ByteReader } from '../../protocol/reader.ts'
import { ByteWriter } from '../../protocol/writer.ts'
import { logError } from '../../errors.ts'

/** Turns records into keys and values, and back. */
export interface RecordFormat<R> {
  encode(record: R): { readonly key: Uint8Array; readonly value: Uint8Array | null }
  /** Undefined for a record of an unknown type. Keeps nothing of the bytes it is given. @throws `COORDINATOR_RECORD_CORRUPT` */
  decode(key: Uint8Array, value: Uint8Array | null): R | undefined
}

export interface RecordDeclaration {
  /** The first two bytes of the key. */
  readonly type: number
  /** Never flexible. */
  readonly key: Fields
  readonly value: Fields
  /** Versions of the value that are read. */
  readonly versions: VersionRange
  readonly flexible: VersionRange | null
  /** The version that is written, where not the one that `versionOf` gives. */
  readonly writes: number
}

export type RecordTable = { readonly [name: string]: RecordDeclaration }

/** A record of the table: `{ name, key, value }`; a null value deletes. */
export type RecordOf<T extends RecordTable> = {
  readonly [N in keyof T & string]: {
    readonly name: N
    readonly key: Decoded<T[N]['key']>
    readonly value: Decoded<T[N]['value']> | null
  }
}[keyof T & string]

export interface RecordFormatOptions<T extends RecordTable> {
  /** Chooses another version to write by the value: Kafka writes the lowest that loses nothing of some values. */
  readonly versionOf?: { readonly [N in keyof T & string]?: (value: Decoded<T[N]['value']>) => number }
}

interface Entry {
  readonly name: string
  readonly declaration: RecordDeclaration
  readonly key: MessageCodec<unknown, unknown>
  readonly values: Map<number, MessageCodec<unknown, unknown>>
}

interface AnyRecord {
  readonly name: string
  readonly key: unknown
  readonly value: unknown
}

export function recordFormat<const T extends RecordTable>(table: T, options: RecordFormatOptions<T> = {}): RecordFormat<RecordOf<T>> {
  const entries = Object.entries(table).map(([name, declaration]): Entry => ({
    name,
    declaration,
    key: messageCodec(declaration.key, 0, false),
    values: new Map(),
  }))
  const byName = new Map(entries.map((entry) => [entry.name, entry]))
  const byType = new Map(entries.map((entry) => [entry.declaration.type, entry]))
  const versionOf = (options.versionOf ?? {}) as { readonly [name: string]: ((value: unknown) => number) | undefined }
  return {
    encode(record) {
      const { name, key, value } = record as AnyRecord
      const entry = byName.get(name)!
      const keyBytes = written(entry.declaration.type, entry.key, key)
      if (value === null) return { key: keyBytes, value: null }
      const version = versionOf[name]?.(value) ?? entry.declaration.writes
      return { key: keyBytes, value: written(version, valueCodec(entry, version), value) }
    },
    decode(key, value) {
      const reader = new ByteReader(key.slice())
      const entry = byType.get(reader.int16())
      if (entry === undefined) return undefined
      try {
        return { name: entry.name, key: entry.key.decode(reader), value: value === null ? null : decodedValue(entry, value) } as RecordOf<T>
      } catch (cause) {
        throw logError('COORDINATOR_RECORD_CORRUPT', { type: entry.name }, cause)
      }
    },
  }
}

function decodedValue(entry: Entry, value: Uint8Array): unknown {
  const reader = new ByteReader(value.slice())
  const version = reader.int16()
  const [from, to] = versionBounds(entry.declaration.versions)
  if (version < from || version > to) throw reader.malformed(`version ${version} of a record that is known from ${from} to ${to}`)
  return valueCodec(entry, version).decode(reader)
}

function valueCodec(entry: Entry, version: number): MessageCodec<unknown, unknown> {
  const { value, flexible } = entry.declaration
  const codec = entry.values.get(version) ?? messageCodec(value, version, flexible !== null && includesVersion(flexible, version))
  entry.values.set(version, codec)
  return codec
}

function written(prefix: number, codec: MessageCodec<unknown, unknown>, message: unknown): Uint8Array {
  const writer = new ByteWriter()
  writer.int16(prefix, 'version')
  codec.encode(writer, message)
  const chunks = writer.chunks()
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
}
