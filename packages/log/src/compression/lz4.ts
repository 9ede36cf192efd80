/**
 * The LZ4 frame format, as Kafka uses it since record batches v2.
 *
 * The library decodes blocks; the frame around them is read here, so that no more memory is taken than the caller allows, and because its blocks decode several
 * times faster than its frames. A frame with checksums of its content or blocks, or with blocks that refer to earlier ones, is left to the library as a whole.
 */
import { createRequire } from 'node:module'
import { logError } from '../errors.ts'
import { lazyLibrary } from './library.ts'
import { xxh32OfShort } from './xxh32.ts'

interface Lz4 {
  compressFrameSync(bytes: Uint8Array): Buffer
  decompressFrameSync(bytes: Uint8Array): Buffer
  /** The block behind the size to make room for, four bytes, little end first; the result has the size it turns out to have. */
  uncompressSync(sizeAndBlock: Uint8Array): Buffer
}

interface Frame {
  /** Where each block's data lies. */
  readonly blocks: readonly Block[]
  readonly blockBytesMax: number
  readonly needsLibrary: boolean
}

interface Block {
  readonly start: number
  readonly end: number
  readonly isStored: boolean
}

const require = createRequire(import.meta.url)
const library = lazyLibrary('lz4', () => require('lz4-napi')) as () => Lz4

const MAGIC = 0x184d_2204
const FLAG = { version: 0xc0, independent: 0x20, blockChecksum: 0x10, contentSize: 0x08, contentChecksum: 0x04, dictionary: 0x01 } as const
const VERSION = 0x40
/** Magic, flags, block size and the header's checksum. */
const HEADER_BYTES_MIN = 7
const BLOCK_STORED = 0x8000_0000
/** Matches are at least four bytes long; each further byte of their length stands for up to 255. */
const MATCH_BYTES_MIN = 4
const EXPANSION_MAX = 255

export function compressLz4(bytes: Uint8Array): Uint8Array {
  return library().compressFrameSync(bytes)
}

export function decompressLz4(bytes: Uint8Array, limitBytes: number): Uint8Array {
  const frame = readFrame(bytes)
  const tooLarge = frameBytes(bytes, frame, upperBound) > limitBytes && frameBytes(bytes, frame, exactBytes) > limitBytes
  if (tooLarge) throw logError('COMPRESSION_TOO_LARGE', { name: 'lz4', limit: limitBytes })
  try {
    return frame.needsLibrary ? library().decompressFrameSync(bytes) : decodeBlocks(bytes, frame)
  } catch (cause) {
    throw corrupt((cause as Error).message, cause)
  }
}

function readFrame(bytes: Uint8Array): Frame {
  if (bytes.length < HEADER_BYTES_MIN || readUint32LE(bytes, 0) !== MAGIC) throw corrupt('no frame')
  const flags = bytes[4]!
  if ((flags & FLAG.version) !== VERSION || (flags & FLAG.dictionary) !== 0)
    throw corrupt('a frame of an unknown version or with a dictionary')
  const headerEnd = HEADER_BYTES_MIN + (flags & FLAG.contentSize ? 8 : 0)
  if (headerEnd > bytes.length) throw corrupt('the frame has no end')
  const checksum = (xxh32OfShort(bytes, 4, headerEnd - 1) >>> 8) & 0xff
  if (bytes[headerEnd - 1] !== checksum) throw corrupt('the checksum of the frame header does not match')
  return {
    blocks: readBlocks(bytes, headerEnd, flags & FLAG.blockChecksum ? 4 : 0),
    blockBytesMax: 1 << (8 + 2 * ((bytes[5]! >> 4) & 0x07)),
    needsLibrary: (flags & (FLAG.blockChecksum | FLAG.contentChecksum)) !== 0 || (flags & FLAG.independent) === 0,
  }
}

function readBlocks(bytes: Uint8Array, from: number, checksumBytes: number): Block[] {
  const blocks: Block[] = []
  for (let at = from; ;) {
    if (at + 4 > bytes.length) throw corrupt('the frame has no end')
    const word = readUint32LE(bytes, at)
    if (word === 0) return blocks
    const start = at + 4
    const end = start + (word % BLOCK_STORED)
    if (end > bytes.length) throw corrupt(`a block of ${end - start} bytes where ${bytes.length - start} are left`)
    blocks.push({ start, end, isStored: word >= BLOCK_STORED })
    at = end + checksumBytes
  }
}

function decodeBlocks(bytes: Uint8Array, { blocks, blockBytesMax }: Frame): Uint8Array {
  const parts = blocks.map(({ start, end, isStored }) => {
    if (isStored) return bytes.subarray(start, end)
    const sizeAndBlock = Buffer.allocUnsafe(4 + end - start)
    sizeAndBlock.writeUInt32LE(Math.min(blockBytesMax, (end - start) * EXPANSION_MAX))
    sizeAndBlock.set(bytes.subarray(start, end), 4)
    return library().uncompressSync(sizeAndBlock)
  })
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

type MeasureBlock = (bytes: Uint8Array, block: Block, blockBytesMax: number) => number

/** The decompressed size of a frame, each compressed block measured by `measure`. */
function frameBytes(bytes: Uint8Array, { blocks, blockBytesMax }: Frame, measure: MeasureBlock): number {
  let total = 0
  for (const block of blocks) total += block.isStored ? block.end - block.start : measure(bytes, block, blockBytesMax)
  return total
}

const upperBound: MeasureBlock = (_bytes, { start, end }, blockBytesMax) => Math.min(blockBytesMax, (end - start) * EXPANSION_MAX)

/** Adds up the literals and matches of a block. */
const exactBytes: MeasureBlock = (bytes, { start, end }, blockBytesMax) => {
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
