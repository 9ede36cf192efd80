/**
 * The local file system for who reads and writes a few kilobytes at a time and waits for each: those are done at once, on the calling thread.
 *
 * What the system's memory answers takes microseconds; to hand it to a thread and hear back takes several times as long, and on a busy core two turns of its
 * scheduler besides. What opens, syncs, or is larger stays with the threads.
 *
 * 1. Slow operations may hold the calling thread for 5 % of its time, and for `ALLOWANCE_MS` ahead of that; the one that goes beyond it still holds it for as long
 *    as it takes. Whoever has used that up sends everything to the threads until it is paid back. The allowance is for what only looks slow: where another thread has taken the core meanwhile, the disk has not been
 *    slow, and going to the threads, which then want that core as well, would make it worse.
 * 2. Of a file that was closed, the number is never used again: the system gives it to the next one that is opened.
 */
import { readSync, writevSync } from 'node:fs'
import type { Disk, FileHandle, FileStat } from '../disk.ts'
import { attemptNow, nodeDisk, openNodeFile, remainder } from './disk.ts'

/** Larger ones are worth a thread. */
const PROMPT_BYTES_MAX = 64 * 1024
/** Time that has to pass for each millisecond of waiting. */
const PATIENCE_FACTOR = 20
/** What takes less costs nothing. */
const SLOW_MS = 2
/** One pause of this length, or several shorter ones, before the threads take over. */
const ALLOWANCE_MS = 100

/** Whether the disk answers at once, by how long it has taken lately. */
export class Pace {
  readonly #monotonic: () => number
  /** When all waiting will have been paid back. */
  #paidBackAtMs = Number.NEGATIVE_INFINITY

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
  }

  get isPrompt(): boolean {
    return this.#paidBackAtMs <= this.#monotonic() + PATIENCE_FACTOR * ALLOWANCE_MS
  }

  /** Does the work on this thread, and notes how long it held it. */
  measure<T>(work: () => T): T {
    const sinceMs = this.#monotonic()
    try {
      return work()
    } finally {
      const nowMs = this.#monotonic()
      const tookMs = nowMs - sinceMs
      if (tookMs >= SLOW_MS) this.#paidBackAtMs = Math.max(this.#paidBackAtMs, nowMs) + PATIENCE_FACTOR * tookMs
    }
  }
}

/** A disk of its own pace. @param monotonic milliseconds from any beginning; only for tests */
export function createPromptDisk(monotonic: () => number = () => performance.now()): Disk {
  const pace = new Pace(monotonic)
  return {
    ...nodeDisk,
    async open(path, mode) {
      const { file, fd } = await openNodeFile(path, mode)
      return new PromptFile(path, file, fd, mode === 'append', pace)
    },
  }
}

class PromptFile implements FileHandle {
  readonly #path: string
  readonly #file: FileHandle
  readonly #fd: number
  readonly #appends: boolean
  readonly #pace: Pace
  #isClosed = false

  constructor(path: string, file: FileHandle, fd: number, appends: boolean, pace: Pace) {
    this.#path = path
    this.#file = file
    this.#fd = fd
    this.#appends = appends
    this.#pace = pace
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    if (!this.#isPrompt(into.length)) return await this.#file.read(into, position)
    return this.#pace.measure(() => attemptNow('read', this.#path, () => readSync(this.#fd, into, 0, into.length, position)))
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    return this.writeAll([bytes], position)
  }

  async writeAll(chunks: readonly Uint8Array[], position: number): Promise<void> {
    const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    if (total === 0) return
    if (!this.#isPrompt(total)) return await this.#file.writeAll(chunks, position)
    const at = this.#appends ? undefined : position
    const written = this.#pace.measure(() => attemptNow('write', this.#path, () => writevSync(this.#fd, chunks, at)))
    if (written < total) await this.#file.write(remainder(chunks, written), position + written)
  }

  truncate(length: number): Promise<void> {
    return this.#file.truncate(length)
  }

  sync(): Promise<void> {
    return this.#file.sync()
  }

  stat(): Promise<FileStat> {
    return this.#file.stat()
  }

  close(): Promise<void> {
    this.#isClosed = true
    return this.#file.close()
  }

  #isPrompt(sizeBytes: number): boolean {
    return !this.#isClosed && sizeBytes <= PROMPT_BYTES_MAX && this.#pace.isPrompt
  }
}
