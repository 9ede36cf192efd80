/**
 * Cuts a byte stream into frames: a size (int32), then so many bytes.
 *
 * 1. A frame that arrived within one chunk is a view of it; one that did not is copied together once it is whole.
 * 2. No memory is taken for a size that is only claimed; what is held are the chunks that arrived, at most a frame and a chunk when every frame is taken as it comes.
 * 3. After a size out of bounds the stream has no frames any more: every call throws.
 */
import { ProtocolError } from '../errors.ts'
import { readInt32 } from './primitives.ts'

/** Bytes of the size before a frame. */
export const FRAME_PREFIX_BYTES = 4

export class FrameSplitter {
  readonly #limitBytes: number
  #chunks: Uint8Array[] = []
  /** Where the first chunk begins to count. */
  #offset = 0
  #buffered = 0
  #broken: ProtocolError | undefined

  /** @param limitBytes the largest frame, without its size */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** Bytes held that are not part of a frame handed out. */
  get bufferedBytes(): number {
    return this.#buffered
  }

  /** Takes what arrived. The splitter keeps views of it until its frames are handed out. */
  push(chunk: Uint8Array): void {
    if (this.#broken !== undefined) throw this.#broken
    if (chunk.length === 0) return
    this.#chunks.push(chunk)
    this.#buffered += chunk.length
  }

  /** The next whole frame without its size, or undefined until more has arrived. @throws ProtocolError `PROTOCOL_FRAME_SIZE` */
  next(): Uint8Array | undefined {
    if (this.#broken !== undefined) throw this.#broken
    if (this.#buffered < FRAME_PREFIX_BYTES) return undefined
    const size = this.#peekSize()
    if (size < 0 || size > this.#limitBytes) {
      this.#broken = new ProtocolError('PROTOCOL_FRAME_SIZE', { size, limit: this.#limitBytes })
      this.#chunks = []
      this.#buffered = 0
      throw this.#broken
    }
    if (this.#buffered < FRAME_PREFIX_BYTES + size) return undefined
    this.#take(FRAME_PREFIX_BYTES)
    return this.#take(size)
  }

  #peekSize(): number {
    const first = this.#chunks[0]!
    if (first.length - this.#offset >= FRAME_PREFIX_BYTES) return readInt32(first, this.#offset)
    const prefix = new Uint8Array(FRAME_PREFIX_BYTES)
    let at = 0
    for (let index = 0; at < FRAME_PREFIX_BYTES; index++) {
      const chunk = this.#chunks[index]!
      for (let from = index === 0 ? this.#offset : 0; from < chunk.length && at < FRAME_PREFIX_BYTES; from++) prefix[at++] = chunk[from]!
    }
    return readInt32(prefix, 0)
  }

  /** Takes so many bytes, which are there. */
  #take(size: number): Uint8Array {
    this.#buffered -= size
    const first = this.#chunks[0]
    if (first !== undefined && first.length - this.#offset >= size) {
      const taken = first.subarray(this.#offset, this.#offset + size)
      this.#advance(size)
      return taken
    }
    return this.#gather(size)
  }

  #gather(size: number): Uint8Array {
    const gathered = Buffer.allocUnsafe(size)
    let at = 0
    let used = 0
    while (at < size) {
      const chunk = this.#chunks[used]!
      const from = used === 0 ? this.#offset : 0
      const count = Math.min(chunk.length - from, size - at)
      gathered.set(chunk.subarray(from, from + count), at)
      at += count
      if (from + count < chunk.length) {
        this.#offset = from + count
        this.#chunks.splice(0, used)
        return gathered
      }
      used++
    }
    this.#chunks.splice(0, used)
    this.#offset = 0
    return gathered
  }

  #advance(size: number): void {
    this.#offset += size
    if (this.#offset < this.#chunks[0]!.length) return
    this.#chunks.shift()
    this.#offset = 0
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
