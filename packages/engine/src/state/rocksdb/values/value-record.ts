/**
 * What files with values are made of, one record behind the other, and what stands in the database in place of a value that is there.
 *
 *   record   CRC-32 of the rest (4 bytes), length of the key (4), length of the value (4), key, value; numbers are little-endian
 *   place    `APART_VALUE`, varint number of the file, varint where its record begins, varint length of the value
 *
 * Neither rows, nor entries of maps, nor what else the database holds begins with `APART_VALUE`.
 */
import { crc32 } from 'node:zlib'
import { ByteReader } from '../../../codec/byte-reader.ts'
import { ByteWriter } from '../../../codec/byte-writer.ts'

const APART_VALUE = 0xf9
/** In front of the key. */
export const RECORD_HEADER_BYTES = 12
const REST_AT = 4

/** Where a value is. */
export interface ValuePlace {
  readonly segment: number
  readonly offset: number
  readonly valueLength: number
}

export function recordLength(keyLength: number, valueLength: number): number {
  return RECORD_HEADER_BYTES + keyLength + valueLength
}

/** Writes a record to where there is room for it. */
export function writeRecord(into: Buffer, at: number, key: Uint8Array, value: Uint8Array): void {
  into.writeUInt32LE(key.length, at + 4)
  into.writeUInt32LE(value.length, at + 8)
  into.set(key, at + RECORD_HEADER_BYTES)
  into.set(value, at + RECORD_HEADER_BYTES + key.length)
  into.writeUInt32LE(crc32(into.subarray(at + REST_AT, at + recordLength(key.length, value.length))), at)
}

export interface ValueRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array
  /** Of the record. */
  readonly length: number
}

/** Bytes of the record that begins here; undefined where too few of them are there to say. */
export function lengthOfRecord(bytes: Buffer, at: number): number | undefined {
  if (bytes.length - at < RECORD_HEADER_BYTES) return undefined
  return recordLength(bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at + 8))
}

/** The record that begins here; undefined where it is not whole, or not what was written. */
export function recordAt(bytes: Buffer, at: number): ValueRecord | undefined {
  const length = lengthOfRecord(bytes, at)
  if (length === undefined || at + length > bytes.length) return undefined
  if (crc32(bytes.subarray(at + REST_AT, at + length)) !== bytes.readUInt32LE(at)) return undefined
  const valueAt = at + RECORD_HEADER_BYTES + bytes.readUInt32LE(at + 4)
  return { key: bytes.subarray(at + RECORD_HEADER_BYTES, valueAt), value: bytes.subarray(valueAt, at + length), length }
}

/** The value in the record that begins here; undefined where it is not that of the key, or not what was written. */
export function valueIn(bytes: Buffer, at: number, key: Uint8Array, { valueLength }: ValuePlace): Uint8Array | undefined {
  const record = recordAt(bytes, at)
  return record?.value.length === valueLength && Buffer.compare(record.key, key) === 0 ? record.value : undefined
}

const writer = new ByteWriter(32)

/** Good until the next call. */
export function encodePlace({ segment, offset, valueLength }: ValuePlace): Uint8Array {
  writer.reset()
  writer.byte(APART_VALUE)
  writer.varint(segment)
  writer.varint(offset)
  writer.varint(valueLength)
  return writer.view()
}

const reader = new ByteReader()

/** Undefined where it is no place, but the value itself. */
export function placeIn(stored: Uint8Array): ValuePlace | undefined {
  if (stored[0] !== APART_VALUE) return undefined
  reader.reset(stored)
  reader.seek(1)
  return { segment: reader.varint(), offset: reader.varint(), valueLength: reader.varint() }
}
