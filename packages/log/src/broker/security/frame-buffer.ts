/**
 * Frames of a client that nothing is known of yet.
 *
 * 1. It holds no more than a frame and what came with its end; each byte is copied at most twice.
 * 2. What is left when it is no longer needed can be taken out again.
 */
import { ProtocolError } from '../../errors.ts'

const PREFIX_BYTES = 4

export class FrameBuffer {
  readonly #limitBytes: number
  #chunks: Uint8Array[] = []
  #bufferedBytes = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  push(bytes: Uint8Array): void {
    this.#chunks.push(Buffer.from(bytes))
    this.#bufferedBytes += bytes.length
  }

  /** The next whole frame without its size. @throws ProtocolError `PROTOCOL_FRAME_SIZE` */
  next(): Uint8Array | undefined {
    const size = this.#size()
    if (size === undefined || this.#bufferedBytes < PREFIX_BYTES + size) return undefined
    const all = this.takeAll()
    const end = PREFIX_BYTES + size
    if (all.length > end) this.push(all.subarray(end))
    return all.subarray(PREFIX_BYTES, end)
  }

  takeAll(): Buffer {
    const all = Buffer.concat(this.#chunks)
    this.#chunks = []
    this.#bufferedBytes = 0
    return all
  }

  #size(): number | undefined {
    if (this.#bufferedBytes < PREFIX_BYTES) return undefined
    while (this.#chunks[0]!.length < PREFIX_BYTES) this.#chunks.splice(0, 2, Buffer.concat(this.#chunks.slice(0, 2)))
    const size = Buffer.from(this.#chunks[0]!.buffer, this.#chunks[0]!.byteOffset, PREFIX_BYTES).readInt32BE()
    if (size >= 0 && size <= this.#limitBytes) return size
    throw new ProtocolError('PROTOCOL_FRAME_SIZE', { size, limit: this.#limitBytes })
  }
}
