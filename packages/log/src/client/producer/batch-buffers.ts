/**
 * Memory that batches are built in, used again: memory made anew for each has to be cleared by the system, and its amount drives the garbage collector.
 *
 * 1. A buffer is given back only when nothing reads it any more: not the socket, not a repetition.
 * 2. Not more than `KEPT_MAX` are kept that nobody uses.
 */
import { discardBytes } from '@millrace/core'

const KEPT_MAX = 32

export class BatchBuffers {
  readonly sizeBytes: number
  readonly #kept: Buffer[] = []

  /** @param sizeBytes of each: a batch as large as batches get, unless one record is larger */
  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes
  }

  /** One that has room for `bytes`; undefined where none of these would. */
  take(bytes: number): Buffer | undefined {
    return bytes > this.sizeBytes ? undefined : (this.#kept.pop() ?? Buffer.allocUnsafeSlow(this.sizeBytes))
  }

  /** Takes back what `take` gave; anything else is left alone. */
  give(buffer: Buffer): void {
    if (buffer.length !== this.sizeBytes) return
    if (this.#kept.length < KEPT_MAX) this.#kept.push(buffer)
    else discardBytes(buffer)
  }
}
