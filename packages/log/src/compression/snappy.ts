/**
 * Snappy as Kafka's clients write it: raw (one block), or in the frame of snappy-java: a magic, two versions, then blocks, each behind its size.
 * What is written here is framed, with blocks of 32 KiB: the one form that every client reads.
 */
import { createRequire } from 'node:module'
import { logError } from '../errors.ts'
import { readInt32, writeInt32 } from '../protocol/primitives.ts'
import { lazyLibrary } from './library.ts'

/** Results copied into memory of the engine: several times faster than handing over the library's own. */
interface Copied {
  readonly copyOutputData: true
}

interface Snappy {
  compressSync(bytes: Uint8Array, options: Copied): Buffer
  uncompressSync(bytes: Uint8Array, options: Copied & { asBuffer: true }): Buffer
}

const require = createRequire(import.meta.url)
const library = lazyLibrary('snappy', () => require('snappy')) as () => Snappy

const FRAME_MAGIC = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00)
const FRAME_HEADER_BYTES = 16
const FRAME_VERSION = 1
const BLOCK_BYTES = 32 * 1024
/** The best a copy element can do: 64 bytes out of three. A block that claims more is lying. */
const EXPANSION_MAX = 22

export function compressSnappy(bytes: Uint8Array): Uint8Array {
  const header = new Uint8Array(FRAME_HEADER_BYTES)
  header.set(FRAME_MAGIC)
  writeInt32(header, 8, FRAME_VERSION)
  writeInt32(header, 12, FRAME_VERSION)
  const parts: Uint8Array[] = [header]
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = library().compressSync(bytes.subarray(at, at + BLOCK_BYTES), { copyOutputData: true })
    const size = new Uint8Array(4)
    writeInt32(size, 0, block.length)
    parts.push(size, block)
  }
  return Buffer.concat(parts)
}

export function decompressSnappy(bytes: Uint8Array, limitBytes: number): Uint8Array {
  if (!isFramed(bytes)) return decompressBlock(bytes, limitBytes, limitBytes)
  const parts: Uint8Array[] = []
  let total = 0
  for (let at = FRAME_HEADER_BYTES; at < bytes.length;) {
    if (at + 4 > bytes.length) throw corrupt('the frame ends inside a block size')
    const size = readInt32(bytes, at)
    at += 4
    if (size < 0 || at + size > bytes.length) throw corrupt(`a block of ${size} bytes where ${bytes.length - at} are left`)
    if (size > 0) {
      const part = decompressBlock(bytes.subarray(at, at + size), limitBytes - total, limitBytes)
      parts.push(part)
      total += part.length
    }
    at += size
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, total)
}

function isFramed(bytes: Uint8Array): boolean {
  return bytes.length >= FRAME_HEADER_BYTES && FRAME_MAGIC.every((byte, index) => bytes[index] === byte)
}

function decompressBlock(block: Uint8Array, leftBytes: number, limitBytes: number): Uint8Array {
  const claimed = claimedBytes(block)
  if (claimed > leftBytes) throw logError('COMPRESSION_TOO_LARGE', { name: 'snappy', limit: limitBytes })
  if (claimed > block.length * EXPANSION_MAX) throw corrupt(`${block.length} bytes claim to hold ${claimed}`)
  try {
    return library().uncompressSync(block, { asBuffer: true, copyOutputData: true })
  } catch (cause) {
    throw corrupt((cause as Error).message, cause)
  }
}

/** The decompressed size that a block begins with, a variable-length integer of at most five bytes. */
function claimedBytes(block: Uint8Array): number {
  let claimed = 0
  for (let index = 0; index < 5; index++) {
    const byte = block[index]
    if (byte === undefined) break
    claimed += (byte & 0x7f) * 2 ** (7 * index)
    if (byte < 0x80) return claimed
  }
  throw corrupt('a block without its size')
}

function corrupt(problem: string, cause?: unknown): Error {
  return logError('COMPRESSION_CORRUPT', { name: 'snappy', problem }, cause)
}
