import { MillraceError, messageOf } from '@millrace/core'
import { posix } from 'node:path'
import type { Disk, FileHandle } from '@millrace/core'
import { engineError } from '../../errors.ts'
import type { PendingFile } from './handle.ts'

export interface PartFileOptions {
  readonly disk: Disk
  readonly dir: string
  readonly hidden: string
  readonly final: string
  /** What is done before the file is made. */
  readonly before?: () => Promise<void>
  /** So many bytes are written and no longer held in memory. */
  readonly onWritten: (bytes: number) => void
  /** The part cannot be written; said once. */
  readonly onFailure: (error: Error) => void
}

/**
 * One part file while it is written.
 *
 * 1. Bytes are written in the order of `append`; one write is under way at a time.
 * 2. `seal` resolves when all of them and the length are durable, and the file is closed. After it nothing is appended.
 * 3. After a failure or `abandon` nothing more is written, and the file is closed.
 */
export class PartFile {
  readonly #options: PartFileOptions
  readonly #path: string
  #chunks: Uint8Array[] = []
  #sizeBytes = 0
  #writtenBytes = 0
  #handle: FileHandle | undefined
  #pump: Promise<void> | undefined
  #sealed: Promise<PendingFile> | undefined
  #failure: Error | undefined
  #isAbandoned = false

  constructor(options: PartFileOptions) {
    this.#options = options
    this.#path = posix.join(options.dir, options.hidden)
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  append(bytes: Uint8Array): void {
    this.#chunks.push(bytes)
    this.#sizeBytes += bytes.length
    this.#pump ??= this.#write()
  }

  seal(): Promise<PendingFile> {
    this.#sealed ??= this.#finish()
    this.#sealed.catch(() => {}) // reported by onFailure; whoever awaits it sees it as well
    return this.#sealed
  }

  /** Stops writing and removes the file, as far as that succeeds. */
  async abandon(): Promise<void> {
    this.#isAbandoned = true
    await this.#pump
    await this.#sealed?.catch(() => {})
    await this.#closeHandle()
    await this.#options.disk.remove(this.#path).catch(() => {})
  }

  async #write(): Promise<void> {
    try {
      if (this.#handle === undefined) {
        await this.#options.before?.()
        this.#handle = await this.#options.disk.open(this.#path, 'create')
      }
      while (this.#chunks.length > 0 && !this.#isAbandoned) {
        const chunks = this.#chunks
        this.#chunks = []
        await this.#handle.writeAll(chunks, this.#writtenBytes)
        const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
        this.#writtenBytes += bytes
        this.#options.onWritten(bytes)
      }
      this.#pump = undefined
    } catch (error) {
      this.#fail(error)
    }
  }

  async #finish(): Promise<PendingFile> {
    await this.#pump
    if (this.#failure === undefined && !this.#isAbandoned) {
      try {
        await this.#handle!.sync()
        await this.#closeHandle()
        return { hidden: this.#options.hidden, final: this.#options.final, sizeBytes: this.#writtenBytes }
      } catch (error) {
        this.#fail(error)
      }
    }
    await this.#closeHandle().catch(() => {})
    throw this.#failure ?? engineError('FILE_SINK_WRITE_FAILED', { file: this.#path, problem: 'the sink was closed' })
  }

  #fail(cause: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure =
      cause instanceof MillraceError ? cause : engineError('FILE_SINK_WRITE_FAILED', { file: this.#path, problem: messageOf(cause) }, cause)
    this.#chunks = []
    this.#options.onFailure(this.#failure)
  }

  async #closeHandle(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close().catch(() => {})
  }
}
