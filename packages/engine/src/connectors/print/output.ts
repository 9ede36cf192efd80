import { write } from 'node:fs'

/** Bytes to somewhere, in the manner of write(2). */
export interface ByteOutput {
  /** Writes a part of `bytes`, at least one, and answers how many. Rejects with a system error: `EAGAIN`, `EPIPE`. */
  write(bytes: Uint8Array): Promise<number>
}

/**
 * The process's standard output, from any thread. Written past `process.stdout`, which in a worker passes through the main thread
 * and buffers without bound there.
 */
export const standardOutput: ByteOutput = {
  write: (bytes) =>
    new Promise((resolve, reject) => write(1, bytes, (error, written) => (error === null ? resolve(written) : reject(error)))),
}
