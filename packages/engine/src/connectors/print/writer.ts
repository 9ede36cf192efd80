import { messageOf } from '@millrace/core'
import { engineError } from '../../errors.ts'
import type { SinkWriter, WriterContext } from '../sink.ts'
import type { ByteOutput } from './output.ts'

/** A pipe takes this much at once or not at all (PIPE_BUF of Linux): lines of several threads do not mix within it. */
const atomicWriteBytes = 4_096
/** Formatted text that waits to be written: from here on `ready` is false. */
const waitingCharactersMax = 256 * 1_024
const retryDelayMs = 5
const closeTimeoutMs = 5_000

/**
 * Writes lines, one write at a time.
 *
 * 1. Lines leave in the order of `write`, each once: what a write did not take is written next.
 * 2. At most `waitingCharactersMax` and one record wait, as long as the caller heeds `ready`.
 * 3. After a failure nothing more is written.
 */
export class PrintWriter<T> implements SinkWriter<T> {
  readonly #context: WriterContext
  readonly #output: ByteOutput
  readonly #line: (value: T) => string
  #waiting: string[] = []
  #waitingCharacters = 0
  #pressing = false
  #writing: Promise<void> | undefined
  #failure: Error | undefined

  constructor(context: WriterContext, output: ByteOutput, line: (value: T) => string) {
    this.#context = context
    this.#output = output
    this.#line = line
  }

  open(): void {}

  write(value: T): void {
    const line = this.#line(value)
    this.#waiting.push(line)
    this.#waitingCharacters += line.length
    if (this.#waitingCharacters >= atomicWriteBytes) this.flush()
  }

  ready(): boolean {
    this.#pressing = this.#waitingCharacters >= waitingCharactersMax
    return !this.#pressing
  }

  flush(): void {
    if (this.#failure !== undefined || this.#writing !== undefined || this.#waiting.length === 0) return
    this.#writing = this.#drain()
  }

  async prepare(): Promise<readonly unknown[]> {
    await this.#flushed()
    if (this.#failure !== undefined) throw this.#failure
    return []
  }

  async close(): Promise<void> {
    let cancel = (): void => {}
    const timeout = new Promise<void>((resolve) => (cancel = this.#context.clock.after(closeTimeoutMs, resolve)))
    await Promise.race([this.#flushed(), timeout])
    cancel()
  }

  async #flushed(): Promise<void> {
    while (this.#failure === undefined && (this.#writing !== undefined || this.#waiting.length > 0)) {
      this.flush()
      await this.#writing
    }
  }

  async #drain(): Promise<void> {
    try {
      await this.#writeWaiting()
    } catch (error) {
      this.#fail(error)
    }
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting
      this.#waiting = []
      for (const bytes of atomicPieces(lines)) await this.#writeAll(bytes)
      this.#waitingCharacters -= lines.reduce((sum, line) => sum + line.length, 0)
      if (this.#pressing && this.ready()) this.#context.wake()
    }
    this.#writing = undefined
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0;) {
      try {
        rest = rest.subarray(await this.#output.write(rest))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
        await new Promise<void>((resolve) => this.#context.clock.after(retryDelayMs, resolve))
      }
    }
  }

  #fail(cause: unknown): void {
    const { code } = cause as NodeJS.ErrnoException
    const problem = messageOf(cause)
    this.#failure = code === 'EPIPE' ? engineError('PRINT_CLOSED', {}, cause) : engineError('PRINT_FAILED', { problem }, cause)
    this.#writing = undefined
    this.#waiting = []
    this.#context.fail(this.#failure)
  }
}

/** The lines as bytes, in pieces of whole lines that a pipe takes at once; only a longer line is a larger piece. */
function* atomicPieces(lines: readonly string[]): Generator<Uint8Array> {
  let piece = ''
  let bytes = 0
  for (const line of lines) {
    const lineBytes = Buffer.byteLength(line)
    if (bytes > 0 && bytes + lineBytes > atomicWriteBytes) {
      yield Buffer.from(piece)
      piece = ''
      bytes = 0
    }
    piece += line
    bytes += lineBytes
  }
  yield Buffer.from(piece)
}
