/**
 * Sends responses on one connection, one after the other.
 *
 * 1. A response in memory goes out at once. One with streamed parts goes out window by window, at most `WINDOW_BYTES` of it in memory, the next one read
 *    only when the client has taken the last.
 * 2. Streamed parts are released once, sent or not.
 */
import type { Clock, Connection } from '@millrace/core'
import { StreamedBytes } from '../../protocol/index.ts'
import { WINDOW_BYTES, type WindowPool } from './window-pool.ts'

export type ResponseParts = readonly (Uint8Array | StreamedBytes)[]

export interface ResponseSenderOptions {
  readonly connection: Connection
  readonly clock: Clock
  readonly windows: WindowPool
  /** Called when it is ready again after it was not. */
  readonly onReady: () => void
  /** A streamed part could not be read: the response cannot be completed. */
  readonly onFailure: (error: unknown) => void
}

export class ResponseSender {
  readonly #options: ResponseSenderOptions
  #isStreaming = false
  #isWritable = true
  #isClosed = false
  /** When the client last took something, on `clock.monotonic`. */
  lastTakenMs = 0
  #onDrain: (() => void) | undefined

  constructor(options: ResponseSenderOptions) {
    this.#options = options
    options.connection.onDrain(() => this.#drained())
  }

  /** Whether a response is under way, so that no other may be sent. */
  get isBusy(): boolean {
    return this.#isStreaming
  }

  /** Whether the client takes what it is sent. */
  get isWritable(): boolean {
    return this.#isWritable
  }

  /** Sends a response; not while it is busy. Once closed it only releases it. */
  send(parts: ResponseParts): void {
    if (this.#isClosed) return releaseAll(parts)
    if (parts.some((part) => part instanceof StreamedBytes)) {
      this.#isStreaming = true
      void this.#stream(parts)
      return
    }
    for (const part of parts) this.#write(part as Uint8Array)
  }

  /** The connection has ended. */
  close(): void {
    this.#isClosed = true
    this.#onDrain?.()
  }

  #write(bytes: Uint8Array): void {
    this.#isWritable = this.#options.connection.send(bytes)
  }

  async #stream(parts: ResponseParts): Promise<void> {
    let failure: { readonly error: unknown } | undefined
    try {
      await this.#streamWindows(new PartReader(parts))
    } catch (error) {
      failure = { error }
    }
    releaseAll(parts)
    this.#isStreaming = false
    if (this.#isClosed) return
    if (failure === undefined) this.#options.onReady()
    else this.#options.onFailure(failure.error)
  }

  async #streamWindows(reader: PartReader): Promise<void> {
    const { connection, windows } = this.#options
    while (reader.remainingBytes > 0 && !this.#isClosed) {
      const isLarge = reader.remainingBytes > WINDOW_BYTES / 4
      const window = isLarge ? windows.take() : Buffer.allocUnsafe(reader.remainingBytes)
      const filledBytes = await reader.fill(window)
      if (this.#isClosed) return
      this.#write(window.subarray(0, filledBytes))
      if (!this.#isWritable && reader.remainingBytes > 0) await this.#takenByClient()
      // Where something is still queued it may be of this window.
      if (isLarge && connection.queuedBytes === 0) windows.give(window)
    }
  }

  #takenByClient(): Promise<void> {
    return new Promise((resolve) => (this.#onDrain = resolve))
  }

  #drained(): void {
    this.lastTakenMs = this.#options.clock.monotonic()
    this.#isWritable = true
    const onDrain = this.#onDrain
    this.#onDrain = undefined
    if (onDrain !== undefined) onDrain()
    else if (!this.#isStreaming) this.#options.onReady()
  }
}

function releaseAll(parts: ResponseParts): void {
  for (const part of parts) if (part instanceof StreamedBytes) part.release()
}

/** Reads the parts of a response from the first byte to the last. */
class PartReader {
  readonly #parts: ResponseParts
  #index = 0
  #position = 0
  remainingBytes: number

  constructor(parts: ResponseParts) {
    this.#parts = parts
    this.remainingBytes = parts.reduce((sum, part) => sum + part.length, 0)
  }

  /** Fills the window with what comes next, as far as there is; all parts that reach into it are read at once. */
  async fill(window: Buffer): Promise<number> {
    const reads: Promise<void>[] = []
    let filledBytes = 0
    while (filledBytes < window.length && this.#index < this.#parts.length) {
      const part = this.#parts[this.#index]!
      const count = Math.min(part.length - this.#position, window.length - filledBytes)
      const into = window.subarray(filledBytes, filledBytes + count)
      if (part instanceof StreamedBytes) reads.push(part.readInto(into, this.#position))
      else into.set(part.subarray(this.#position, this.#position + count))
      filledBytes += count
      this.#position += count
      if (this.#position < part.length) break
      this.#index++
      this.#position = 0
    }
    await Promise.all(reads)
    this.remainingBytes -= filledBytes
    return filledBytes
  }
}
