/**
 * The LZ4 frame format, as Kafka uses it since record batches v2.
 *
 * The library decodes; the walk here goes over the frame first, without decoding, so that no more memory is taken than the caller allows.
 */
import { logError } from '../errors.ts'
import { lazyLibrary } from './library.ts'

interface Lz4 {
  compressFrameSync(bytes: Uint8Array): Buffer
  decompressFrameSync(bytes: Uint8Array): Buffer
}

const library = lazyLibrary('lz4', 'lz4-napi') as () => Lz4

const MAGIC = 0x184d_2204
const FLAG = { version: 0xc0, blockChecksum: 0x10, contentSize: 0x08, contentChecksum: 0x04, dictionary: 0x01 } as const
const VERSION = 0x40
const BLOCK_UNCOMPRESSED = 0x8000_0000
/** Matches are at least four bytes long; each further byte of their length stands for up to 255. */
const MATCH_BYTES_MIN = 4
const EXPANSION_MAX = 255

export function compressLz4(bytes: Uint8Array): Uint8Array {
  return library().compressFrameSync(bytes)
}

export function decompressLz4(bytes: Uint8Array, limitBytes: number): Uint8Array {
  const tooLarge = frameBytes(bytes, upperBound) > limitBytes && frameBytes(bytes, exactBytes) > limitBytes
  if (tooLarge) throw logError('COMPRESSION_TOO_LARGE', { name: 'lz4', limit: limitBytes })
  try {
    return library().decompressFrameSync(bytes)
  } catch (cause) {
    throw corrupt((cause as Error).message, cause)
  }
}

type MeasureBlock = (bytes: Uint8Array, start: number, end: number, blockBytesMax: number) => number

/** The decompressed size of a frame, each compressed block measured by `measure`. */
function frameBytes(bytes: Uint8Array, measure: MeasureBlock): number {
  if (bytes.length < 7 || readUint32LE(bytes, 0) !== MAGIC) throw corrupt('no frame')
  const flags = bytes[4]!
  if ((flags & FLAG.version) !== VERSION || (flags & FLAG.dictionary) !== 0)
    throw corrupt('a frame of an unknown version or with a dictionary')
  const blockBytesMax = 1 << (8 + 2 * ((bytes[5]! >> 4) & 0x07))
  let at = 7 + (flags & FLAG.contentSize ? 8 : 0)
  let total = 0
  for (;;) {
    if (at + 4 > bytes.length) throw corrupt('the frame has no end')
    const word = readUint32LE(bytes, at)
    at += 4
    if (word === 0) return total
    const size = word % BLOCK_UNCOMPRESSED
    if (at + size > bytes.length) throw corrupt(`a block of ${size} bytes where ${bytes.length - at} are left`)
    total += word >= BLOCK_UNCOMPRESSED ? size : measure(bytes, at, at + size, blockBytesMax)
    at += size + (flags & FLAG.blockChecksum ? 4 : 0)
  }
}

const upperBound: MeasureBlock = (_bytes, start, end, blockBytesMax) => Math.min(blockBytesMax, (end - start) * EXPANSION_MAX)

/** Adds up the literals and matches of a block. */
const exactBytes: MeasureBlock = (bytes, start, end, blockBytesMax) => {
  let total = 0
  for (let at = start; at < end;) {
    const token = bytes[at++]!
    let literals = token >> 4
    if (literals === 15) [literals, at] = extended(bytes, at, end, literals)
    at += literals
    total += literals
    if (at >= end) break
    at += 2
    let match = token & 0x0f
    if (match === 15) [match, at] = extended(bytes, at, end, match)
    total += match + MATCH_BYTES_MIN
  }
  return Math.min(total, blockBytesMax)
}

function extended(bytes: Uint8Array, at: number, end: number, base: number): [length: number, at: number] {
  let length = base
  while (at < end) {
    const byte = bytes[at++]!
    length += byte
    if (byte !== 255) break
  }
  return [length, at]
}

function readUint32LE(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}

function corrupt(problem: string, cause?: unknown): Error {
  return logError('COMPRESSION_CORRUPT', { name: 'lz4', problem }, cause)
}
