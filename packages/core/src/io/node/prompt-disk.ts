/**
 * The local file system for who reads and writes a few kilobytes at a time and waits for each: those are done at once, on the calling thread.
 *
 * What the system's memory answers takes microseconds; to hand it to a thread and hear back takes several times as long, and on a busy core two turns of its
 * scheduler besides. What opens, syncs, or is larger stays with the threads.
 *
 * 1. A slow operation holds the calling thread once: afterwards everything goes to the threads for `PATIENCE_FACTOR` times as long as it took.
 *    So at most 1 % of the thread's time goes into waiting for the disk.
 * 2. Of a file that was closed, the number is never used again: the system gives it to the next one that is opened.
 */
import { readSync, writevSync } from 'node:fs'
import type { Disk, FileHandle, FileStat } from '../disk.ts'
import { attemptNow, nodeDisk, openNodeFile, remainder } from './disk.ts'

/** Larger ones are worth a thread. */
const PROMPT_BYTES_MAX = 64 * 1024
const PATIENCE_FACTOR = 100
/** What takes less tells nothing: another thread may have had the core. */
const SLOW_MS = 2

/** Whether the disk answers at once, by how long it last took. */
export class Pace {
  readonly #monotonic: () => number
  #asideUntilMs = Number.NEGATIVE_INFINITY

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
  }

  get isPrompt(): boolean {
    return this.#asideUntilMs === Number.NEGATIVE_INFINITY || this.#monotonic() >= this.#asideUntilMs
  }

  /** Does the work on this thread, and notes how long it held it. */
  measure<T>(work: () => T): T {
    const sinceMs = this.#monotonic()
    try {
      return work()
    } finally {
      const nowMs = this.#monotonic()
      const tookMs = nowMs - sinceMs
      this.#asideUntilMs = tookMs < SLOW_MS ? Number.NEGATIVE_INFINITY : nowMs + PATIENCE_FACTOR * tookMs
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
