/**
 * Big-endian integers and variable-length integers at a position of a byte array.
 *
 * The caller has checked the bounds. 64-bit integers are safe `number`s: one outside ±(2^53-1) is a `ProtocolError`, never a rounded value.
 */
import { ProtocolError } from '../errors.ts'

const TWO_32 = 0x1_0000_0000
/** High words of the safe integers. */
const SAFE_HIGH_MAX = 0x1f_ffff
const SAFE_HIGH_MIN = -0x20_0000

/** Most bytes of a 64-bit variable-length integer. */
export const VARLONG_BYTES_MAX = 10

export function readInt8(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) >> 24
}

export function readInt16(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) >> 16) | bytes[at + 1]!
}

export function readUint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

export function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) >>> 0
}

/** Whether the 64-bit integer at `at` is a safe `number`. */
export function isSafeInt64(bytes: Uint8Array, at: number): boolean {
  const high = readInt32(bytes, at)
  return high >= SAFE_HIGH_MIN && high <= SAFE_HIGH_MAX && !(high === SAFE_HIGH_MIN && readInt32(bytes, at + 4) === 0)
}

/** @throws ProtocolError `PROTOCOL_INT64_RANGE` outside the safe integers. */
export function readInt64(bytes: Uint8Array, at: number): number {
  if (!isSafeInt64(bytes, at)) throw new ProtocolError('PROTOCOL_INT64_RANGE', { at })
  return readInt32(bytes, at) * TWO_32 + readUint32(bytes, at + 4)
}

export function writeInt16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8
  bytes[at + 1] = value
}

export function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 24
  bytes[at + 1] = value >> 16
  bytes[at + 2] = value >> 8
  bytes[at + 3] = value
}

/** `value` is a safe integer. */
export function writeInt64(bytes: Uint8Array, at: number, value: number): void {
  writeInt32(bytes, at, Math.floor(value / TWO_32))
  writeInt32(bytes, at + 4, value >>> 0 === value ? value : value % TWO_32)
}

/** Bytes of an unsigned 32-bit variable-length integer. */
export function varuintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5
}

/** Writes an unsigned 32-bit variable-length integer and returns the position behind it. */
export function writeVaruint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value >>> 0
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  bytes[at++] = rest
  return at
}

/** A zigzag 32-bit integer as the unsigned one it is written as. */
export function zigzag(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0
}

export function unzigzag(value: number): number {
  return (value >>> 1) ^ -(value & 1)
}

/** Bytes of a zigzag 64-bit variable-length integer. */
export function varlongBytes(value: number): number {
  if (value >= -0x4000_0000 && value < 0x4000_0000) return varuintBytes(zigzag(value))
  // The sign bit is the lowest: it never changes the length.
  let rest = (value < 0 ? -(value + 1) : value) * 2
  let count = 1
  while (rest > 0x7f) {
    rest = Math.floor(rest / 0x80)
    count++
  }
  return count
}

/** Writes a zigzag 64-bit variable-length integer (a safe integer) and returns the position behind it. */
export function writeVarlong(bytes: Uint8Array, at: number, value: number): number {
  if (value >= -0x4000_0000 && value < 0x4000_0000) return writeVaruint(bytes, at, zigzag(value))
  // Of a value beyond 2^52 twice its size is no safe integer, so that the sign bit is split off first: seven bits are `low`, the rest `rest`.
  const magnitude = value < 0 ? -(value + 1) : value
  let low = ((magnitude % 0x40) << 1) | (value < 0 ? 1 : 0)
  let rest = Math.floor(magnitude / 0x40)
  while (rest > 0) {
    bytes[at++] = low | 0x80
    low = rest % 0x80
    rest = Math.floor(rest / 0x80)
  }
  bytes[at++] = low
  return at
}
