/** CRC-32C (Castagnoli) of a byte range: slice-by-8 here for short ranges, the prebuilt native library for longer ones where it is present. */
import { createRequire } from 'node:module'

/** Below it a native call costs more than it saves (about 100 ns a call against 0.65 ns a byte). */
const NATIVE_BYTES_MIN = 256
const POLYNOMIAL_REVERSED = 0x82f6_3b78

const [t0, t1, t2, t3, t4, t5, t6, t7] = tables()
const native = loadNative()

/** The CRC-32C of `bytes[start, end)`, continuing from `previous` (the CRC of what came before). */
export function crc32c(bytes: Uint8Array, start = 0, end: number = bytes.length, previous = 0): number {
  if (end - start >= NATIVE_BYTES_MIN && native !== undefined) return native(bytes.subarray(start, end), previous)
  return crc32cPortable(bytes, start, end, previous)
}

/** `crc32c` without the native library. */
export function crc32cPortable(bytes: Uint8Array, start: number, end: number, previous: number): number {
  let crc = ~previous
  let at = start
  for (; at + 8 <= end; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    crc =
      t7[crc & 0xff]! ^
      t6[(crc >>> 8) & 0xff]! ^
      t5[(crc >>> 16) & 0xff]! ^
      t4[crc >>> 24]! ^
      t3[bytes[at + 4]!]! ^
      t2[bytes[at + 5]!]! ^
      t1[bytes[at + 6]!]! ^
      t0[bytes[at + 7]!]!
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at]!) & 0xff]!
  return ~crc >>> 0
}

type Tables = [Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array]

function tables(): Tables {
  const made = Array.from({ length: 8 }, () => new Int32Array(256)) as Tables
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL_REVERSED : crc >>> 1
    made[0][byte] = crc
  }
  for (let slice = 1; slice < 8; slice++) {
    for (let byte = 0; byte < 256; byte++) {
      const before = made[slice - 1]![byte]!
      made[slice]![byte] = (before >>> 8) ^ made[0][before & 0xff]!
    }
  }
  return made
}

function loadNative(): ((bytes: Uint8Array, previous: number) => number) | undefined {
  try {
    return (createRequire(import.meta.url)('@node-rs/crc32') as { crc32c: (bytes: Uint8Array, previous: number) => number }).crc32c
  } catch {
    return undefined
  }
}
