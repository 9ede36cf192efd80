/**
 * Memory that responses are put together in, used again: memory made anew for each has to be cleared by the system, and its amount drives the garbage collector.
 *
 * 1. A buffer is handed out to one at a time. What is not from here, or has been given back already, is not taken back.
 * 2. What nobody gives back is the garbage collector's.
 * 3. Not more than `KEPT_BYTES_MAX` are kept that nobody uses.
 */
import type { FrameMemory } from '../../protocol/index.ts'

const KEPT_BYTES_MAX = 16 * 1024 * 1024
const SIZE_BYTES_MIN = 64 * 1024

export class ResponseMemory implements FrameMemory {
  readonly #handedOut = new WeakSet<ArrayBufferLike>()
  #kept: Buffer[] = []
  #keptBytes = 0

  take(bytes: number): Buffer {
    const buffer = this.#takeKept(bytes) ?? Buffer.allocUnsafeSlow(sizeFor(bytes))
    this.#handedOut.add(buffer.buffer)
    return buffer
  }

  /** Takes back what `take` gave, or a part of it. */
  give({ buffer }: Uint8Array): void {
    if (!this.#handedOut.delete(buffer) || this.#keptBytes + buffer.byteLength > KEPT_BYTES_MAX) return
    this.#kept.push(Buffer.from(buffer))
    this.#keptBytes += buffer.byteLength
  }

  /** The smallest that is large enough. */
  #takeKept(bytes: number): Buffer | undefined {
    let found: Buffer | undefined
    for (const buffer of this.#kept) if (buffer.length >= bytes && buffer.length < (found?.length ?? Infinity)) found = buffer
    if (found === undefined) return undefined
    this.#kept = this.#kept.filter((buffer) => buffer !== found)
    this.#keptBytes -= found.length
    return found
  }
}

/** A power of two, so that responses of about the same size find each other's memory. */
function sizeFor(bytes: number): number {
  return Math.max(SIZE_BYTES_MIN, 2 ** Math.ceil(Math.log2(bytes)))
}
