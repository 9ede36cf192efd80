// Keys as canonical tagged bytes: two keys are the same exactly when their bytes are.
//
// A tag, then: int32 4 bytes · float64 8 bytes (one NaN) · bigint a varint of bytes, then its shortest two's complement · latin1 a varint of length, then a byte a code unit ·
// utf16 (some unit above 255) a varint of code units, then 2 bytes each · tuple a varint of atoms, then each of them. Little-endian throughout.
import type { Key, KeyAtom } from '../api/state.ts'
import { allocateTextBuffer, isLatin1, viewAsTextBuffer, type TextBuffer } from '../codec/text-buffer.ts'
import { engineError } from '../errors.ts'
import { KeyTag } from './hash.ts'
import { canonicalKey, KEY_TUPLE_LENGTH_MAX } from './key.ts'

/** Strings up to here are moved a character at a time: a call into the runtime costs more. */
const SHORT_STRING = 24

/** Where a decoder stands. */
export interface KeyCursor {
  at: number
}

/** @throws what `canonicalKey` throws */
export function encodeKey(key: unknown): Uint8Array {
  const canonical = canonicalKey(key)
  const target = allocateTextBuffer(encodedKeyBytesMax(canonical))
  return Uint8Array.prototype.slice.call(target, 0, writeKey(target, 0, canonical))
}

/** @throws KEY_BYTES_CORRUPT */
export function decodeKey(bytes: Uint8Array): Key {
  const source = viewAsTextBuffer(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const cursor = { at: 0 }
  const key = readKey(source, cursor)
  if (cursor.at !== source.length) throw corrupt(cursor.at, 'bytes follow the key')
  return key
}

/** Room that `writeKey` may need. */
export function encodedKeyBytesMax(key: Key): number {
  if (typeof key === 'string') return 6 + 2 * key.length
  if (typeof key === 'bigint') return 8 + Math.ceil(key.toString(16).length / 2) + 1
  if (typeof key !== 'object' || key === null) return 9
  let bytes = 3
  for (const atom of key) bytes += encodedKeyBytesMax(atom)
  return bytes
}

/** Writes a canonical key at `at`; the target has `encodedKeyBytesMax` of room. Answers where it ends. */
export function writeKey(target: TextBuffer, at: number, key: Key): number {
  if (typeof key === 'number') return key === (key | 0) ? writeInt32(target, at, key) : writeFloat64(target, at, key)
  if (typeof key === 'string') return writeString(target, at, key)
  return writeOther(target, at, key)
}

/** Reads the key at the cursor and moves on. @throws KEY_BYTES_CORRUPT */
export function readKey(source: TextBuffer, cursor: KeyCursor): Key {
  return source[cursor.at] === KeyTag.tuple ? readTuple(source, cursor) : readAtom(source, cursor)
}

function writeInt32(target: TextBuffer, at: number, value: number): number {
  target[at] = KeyTag.int32
  target[at + 1] = value
  target[at + 2] = value >> 8
  target[at + 3] = value >> 16
  target[at + 4] = value >> 24
  return at + 5
}

function writeFloat64(target: TextBuffer, at: number, value: number): number {
  target[at] = KeyTag.float64
  return target.writeDoubleLE(value === value ? value : Number.NaN, at + 1)
}

function writeString(target: TextBuffer, at: number, text: string): number {
  const length = text.length
  const start = writeVarint(target, at + 1, length)
  target[at] = KeyTag.latin1
  if (length > SHORT_STRING) {
    if (!isLatin1(text)) return writeUtf16(target, at, text)
    return start + target.latin1Write(text, start, length)
  }
  for (let unit = 0; unit < length; unit++) {
    const code = text.charCodeAt(unit)
    if (code > 255) return writeUtf16(target, at, text)
    target[start + unit] = code
  }
  return start + length
}

function writeUtf16(target: TextBuffer, at: number, text: string): number {
  target[at] = KeyTag.utf16
  const start = writeVarint(target, at + 1, text.length)
  return start + target.ucs2Write(text, start, text.length * 2)
}

function writeOther(target: TextBuffer, at: number, key: bigint | boolean | null | readonly KeyAtom[]): number {
  if (typeof key === 'bigint') return writeBigint(target, at, key)
  if (typeof key === 'object' && key !== null) {
    target[at] = KeyTag.tuple
    let end = writeVarint(target, at + 1, key.length)
    for (const atom of key) end = writeKey(target, end, atom)
    return end
  }
  target[at] = key === null ? KeyTag.null : key ? KeyTag.true : KeyTag.false
  return at + 1
}

function writeBigint(target: TextBuffer, at: number, value: bigint): number {
  const bytes: number[] = []
  let rest = value
  for (;;) {
    const byte = Number(BigInt.asIntN(8, rest))
    bytes.push(byte & 255)
    if (rest === BigInt(byte)) break
    rest >>= 8n
  }
  target[at] = KeyTag.bigint
  const start = writeVarint(target, at + 1, bytes.length)
  target.set(bytes, start)
  return start + bytes.length
}

function readAtom(source: TextBuffer, cursor: KeyCursor): KeyAtom {
  const at = cursor.at++
  const tag: number = source[at] ?? 0
  switch (tag) {
    case KeyTag.int32:
      return source.readInt32LE(take(source, cursor, 4))
    case KeyTag.latin1:
      return readLatin1(source, cursor)
    case KeyTag.utf16: {
      const bytes = readVarint(source, cursor) * 2
      return source.ucs2Slice(take(source, cursor, bytes), cursor.at)
    }
    case KeyTag.float64:
      return source.readDoubleLE(take(source, cursor, 8))
    case KeyTag.bigint:
      return readBigint(source, cursor)
    case KeyTag.null:
      return null
    case KeyTag.true:
      return true
    case KeyTag.false:
      return false
    default:
      throw corrupt(at, at >= source.length ? 'it ends early' : `tag ${tag} is not one of an atom`)
  }
}

function readLatin1(source: TextBuffer, cursor: KeyCursor): string {
  const length = readVarint(source, cursor)
  const start = take(source, cursor, length)
  return source.latin1Slice(start, start + length)
}

function readBigint(source: TextBuffer, cursor: KeyCursor): bigint {
  const length = readVarint(source, cursor)
  const start = take(source, cursor, length)
  if (length === 0) throw corrupt(start, 'a bigint without bytes')
  let value = BigInt(source.readInt8(start + length - 1))
  for (let at = start + length - 2; at >= start; at--) value = (value << 8n) | BigInt(source[at]!)
  return value
}

function readTuple(source: TextBuffer, cursor: KeyCursor): readonly KeyAtom[] {
  const at = cursor.at++
  const length = readVarint(source, cursor)
  if (length === 0 || length > KEY_TUPLE_LENGTH_MAX) throw corrupt(at, `a tuple of ${length} atoms`)
  const tuple: KeyAtom[] = []
  for (let count = 0; count < length; count++) tuple.push(readAtom(source, cursor))
  return Object.freeze(tuple)
}

function take(source: TextBuffer, cursor: KeyCursor, bytes: number): number {
  const start = cursor.at
  if (bytes > source.length - start) throw corrupt(start, `${bytes} bytes are needed, ${source.length - start} are left`)
  cursor.at = start + bytes
  return start
}

function writeVarint(target: TextBuffer, at: number, value: number): number {
  let rest = value
  let end = at
  while (rest >= 128) {
    target[end++] = (rest & 127) | 128
    rest >>>= 7
  }
  target[end++] = rest
  return end
}

function readVarint(source: TextBuffer, cursor: KeyCursor): number {
  let value = 0
  for (let shift = 0; shift < 32; shift += 7) {
    const byte = source[cursor.at++]
    if (byte === undefined) throw corrupt(cursor.at - 1, 'it ends early')
    value |= (byte & 127) << shift
    if (byte < 128) return value >>> 0
  }
  throw corrupt(cursor.at, 'a length is too long')
}

function corrupt(at: number, problem: string): Error {
  return engineError('KEY_BYTES_CORRUPT', { at, problem })
}
