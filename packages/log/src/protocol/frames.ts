/**
 * Cuts a byte stream into frames: a size (int32), then so many bytes.
 *
 * 1. A frame that arrived within one chunk is a view of it; one that did not is put together in memory of its own, each byte copied as it comes.
 * 2. Memory for a frame follows what has arrived of it, not what it claims: `firstBytes`, then at most four times what is there.
 * 3. After a size out of bounds the stream has no frames any more: every call throws.
 */
import { discardBytes } from '@millrace/core'
import { ProtocolError } from '../errors.ts'
import { readInt32 } from './primitives.ts'

/** Bytes of the size before a frame. */
export const FRAME_PREFIX_BYTES = 4

/** Memory for the beginning of a frame that arrives in pieces. */
const FIRST_BYTES = 64 * 1024
const GROWTH_FACTOR = 4

/** How a splitter gets memory for frames that arrive in pieces. */
export interface FrameSplitterOptions {
  /** Whether chunks are only lent for the call of `push`: what is kept of them is copied. Default false. */
  readonly lent?: boolean
  /** Memory for the beginning of a frame that arrives in pieces; 64 KiB by default. For peers that are trusted, more saves copies. */
  readonly firstBytes?: number
  /** Where memory for frames that arrive in pieces comes from; made anew for each by default. */
  readonly memory?: FrameMemory
}

/** Where memory for frames comes from. */
export interface FrameMemory {
  /** At least so many bytes, whatever they hold. */
  take(bytes: number): Buffer
  /** Nobody looks at what was taken any more. */
  give(buffer: Buffer): void
}

const newMemory: FrameMemory = { take: (bytes) => Buffer.allocUnsafeSlow(bytes), give: discardBytes }

/** Cuts the bytes of a connection into frames, which have their length in front (int32, big endian). */
export class FrameSplitter {
  readonly #limitBytes: number
  readonly #lent: boolean
  readonly #firstBytes: number
  readonly #memory: FrameMemory
  /** Arrived, and not part of a frame yet. */
  #rest: Uint8Array = new Uint8Array(0)
  /** A frame that is being put together: its size is known, and it is longer than what had arrived. */
  #partial: Buffer | undefined
  #partialBytes = 0
  #filledBytes = 0
  #broken: ProtocolError | undefined

  /** @param limitBytes the largest frame, without its size */
  constructor(limitBytes: number, options: FrameSplitterOptions = {}) {
    this.#limitBytes = limitBytes
    this.#lent = options.lent ?? false
    this.#firstBytes = options.firstBytes ?? FIRST_BYTES
    this.#memory = options.memory ?? newMemory
  }

  /** Bytes held that are not part of a frame handed out. */
  get bufferedBytes(): number {
    return this.#filledBytes + this.#rest.length
  }

  /** The size of the frame that comes next, once it is known. @throws ProtocolError `PROTOCOL_FRAME_SIZE` */
  get nextBytes(): number | undefined {
    if (this.#broken !== undefined) throw this.#broken
    if (this.#partial !== undefined) return this.#partialBytes
    return this.#rest.length < FRAME_PREFIX_BYTES ? undefined : this.#sizeAt(this.#rest)
  }

  /** Takes what arrived. @throws ProtocolError once the stream is broken */
  push(chunk: Uint8Array): void {
    if (this.#broken !== undefined) throw this.#broken
    const rest = this.#fill(chunk)
    if (rest.length === 0) return
    if (this.#rest.length > 0) this.#rest = Buffer.concat([this.#rest, rest])
    else if (this.#partial === undefined && this.#beginsLongFrame(rest)) this.#begin(rest)
    else this.#rest = this.#lent ? Buffer.from(rest) : rest
  }

  /** The next whole frame without its size, or undefined until more has arrived. @throws ProtocolError `PROTOCOL_FRAME_SIZE` */
  next(): Uint8Array | undefined {
    if (this.#broken !== undefined) throw this.#broken
    if (this.#partial !== undefined) return this.#filledBytes === this.#partialBytes ? this.#takePartial() : undefined
    const rest = this.#rest
    if (rest.length < FRAME_PREFIX_BYTES) return undefined
    const end = FRAME_PREFIX_BYTES + this.#sizeAt(rest)
    if (rest.length < end) {
      this.#rest = rest.subarray(0, 0)
      this.#begin(rest)
      return undefined
    }
    this.#rest = rest.subarray(end)
    return rest.subarray(FRAME_PREFIX_BYTES, end)
  }

  #beginsLongFrame(chunk: Uint8Array): boolean {
    if (chunk.length < FRAME_PREFIX_BYTES) return false
    const size = readInt32(chunk, 0)
    return size >= 0 && size <= this.#limitBytes && chunk.length < FRAME_PREFIX_BYTES + size
  }

  #sizeAt(bytes: Uint8Array): number {
    const size = readInt32(bytes, 0)
    if (size >= 0 && size <= this.#limitBytes) return size
    this.#broken = new ProtocolError('PROTOCOL_FRAME_SIZE', { size, limit: this.#limitBytes })
    this.#rest = new Uint8Array(0)
    throw this.#broken
  }

  /** Starts to put a frame together from its size and its first bytes. */
  #begin(bytes: Uint8Array): void {
    this.#partialBytes = this.#sizeAt(bytes)
    this.#partial = this.#memory.take(Math.min(this.#partialBytes, Math.max(this.#firstBytes, bytes.length)))
    this.#filledBytes = 0
    this.#fill(bytes.subarray(FRAME_PREFIX_BYTES))
  }

  /** Gives what the frame that is being put together does not take. */
  #fill(chunk: Uint8Array): Uint8Array {
    if (this.#partial === undefined) return chunk
    const count = Math.min(chunk.length, this.#partialBytes - this.#filledBytes)
    const end = this.#filledBytes + count
    if (end > this.#partial.length) this.#grow(end)
    this.#partial.set(count === chunk.length ? chunk : chunk.subarray(0, count), this.#filledBytes)
    this.#filledBytes = end
    return chunk.subarray(count)
  }

  #grow(bytes: number): void {
    const grown = this.#memory.take(Math.min(this.#partialBytes, bytes * GROWTH_FACTOR))
    this.#partial!.copy(grown, 0, 0, this.#filledBytes)
    this.#memory.give(this.#partial!)
    this.#partial = grown
  }

  #takePartial(): Uint8Array {
    const frame = this.#partial!
    this.#partial = undefined
    this.#filledBytes = 0
    return frame.length === this.#partialBytes ? frame : frame.subarray(0, this.#partialBytes)
  }
}

/** The chunks with their common size before them: a frame to be sent with one gathering write. */
export function frame(chunks: readonly Uint8Array[]): Uint8Array[] {
  let size = 0
  for (const chunk of chunks) size += chunk.length
  const prefix = Buffer.allocUnsafe(FRAME_PREFIX_BYTES)
  prefix.writeInt32BE(size)
  return [prefix, ...chunks]
}
