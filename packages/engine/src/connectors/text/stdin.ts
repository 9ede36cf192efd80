import { createReadStream, fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { isatty, ReadStream as TerminalStream } from 'node:tty'
import { engineError } from '../../errors.ts'
import { checkOptionNames, wholeNumberOption, type OptionNames } from '../options.ts'
import type { ReaderContext, Source, SourceOutput, SourceReader, Split } from '../source.ts'
import { LineQueue } from './line-queue.ts'
import { singleSplit } from './single-split.ts'

/** Bounds of `stdin`, and for tests its stream. */
export interface StdinOptions {
  /** Longest line in bytes, without its end; 1 MiB by default. */
  readonly maxLineBytes?: number
  /** Where from; the standard input of the process by default. */
  readonly input?: () => Readable
}

const optionNames: OptionNames<StdinOptions> = { maxLineBytes: true, input: true }

/**
 * Lines of the standard input, read by one subtask; ends with it. Each process reads its own, also where the state that it starts from is of one whose input had ended.
 *
 * They cannot be read again: what was read before a failure and is not in the state is lost, so nothing after this source is exactly once.
 *
 * Throws `CONNECTOR_OPTION_INVALID`. Fails with `STDIN_FAILED`, `LINE_TOO_LONG`.
 */
export function stdin(options: StdinOptions = {}): Source<string> {
  checkOptionNames('stdin', options, optionNames)
  const lineBytesMax = wholeNumberOption('stdin', 'maxLineBytes', options.maxLineBytes ?? 1_024 * 1_024, 1, 256 * 1_024 * 1_024)
  const input = options.input ?? standardInput
  return {
    connector: 'stdin',
    replayable: false,
    bounded: true,
    createEnumerator: (context) => singleSplit(context, 'stdin', options.input === undefined),
    createReader: (context) => new StdinReader(context, input, lineBytesMax),
  }
}

let shared: Readable | undefined

/**
 * The standard input of this thread, opened once for the life of the process: a task that restarts goes on where the one before it stopped.
 * Opened by its number, as `process.stdin` of a worker is an empty stream.
 */
function standardInput(): Readable {
  return (shared ??= openStandardInput())
}

function openStandardInput(): Readable {
  if (isatty(0)) return new TerminalStream(0)
  const kind = fstatSync(0)
  return kind.isFIFO() || kind.isSocket() ? new Socket({ fd: 0, writable: false }) : createReadStream('', { fd: 0, autoClose: false })
}

class StdinReader implements SourceReader<string> {
  readonly #context: ReaderContext
  readonly #open: () => Readable
  readonly #lines: LineQueue
  #split: Split | undefined
  #ends = false
  #input: Readable | undefined

  constructor(context: ReaderContext, open: () => Readable, lineBytesMax: number) {
    this.#context = context
    this.#open = open
    this.#lines = new LineQueue({
      lineBytesMax,
      overlong: 'fail',
      onOverlong: () => {
        throw engineError('LINE_TOO_LONG', { source: 'stdin', limit: lineBytesMax })
      },
    })
  }

  addSplits(splits: readonly Split[]): void {
    if (this.#split !== undefined || splits.length === 0) return
    this.#split = splits[0]
    this.#input = this.#open()
    if (this.#input instanceof Socket) this.#input.ref()
    if (this.#input.errored !== null) return this.#onError(this.#input.errored)
    if (this.#input.readableEnded || this.#input.destroyed) this.#lines.end()
    this.#input.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError)
    this.#input.resume()
  }

  noMoreSplits(): void {
    this.#ends = true
  }

  poll(output: SourceOutput<string>): 'more' | 'wait' | 'end' {
    if (this.#split === undefined) return this.#ends ? 'end' : 'wait'
    const answer = this.#lines.poll(output)
    if (this.#input?.isPaused() === true && !this.#lines.isFull) this.#input.resume()
    if (answer !== 'end') return answer
    this.#split = undefined
    return this.#ends ? 'end' : 'wait'
  }

  snapshot(): readonly Split[] {
    return this.#split === undefined ? [] : [this.#split]
  }

  position(): string {
    return 'stdin'
  }

  close(): void {
    const input = this.#input
    this.#input = undefined
    if (input === undefined) return
    input.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onError)
    input.pause()
    // A pipe that nobody reads any more must not keep the process alive.
    if (input instanceof Socket) input.unref()
  }

  readonly #onData = (bytes: Buffer): void => {
    this.#lines.push(bytes)
    if (this.#lines.isFull) this.#input?.pause()
    this.#context.wake()
  }

  readonly #onEnd = (): void => {
    this.#lines.end()
    this.#context.wake()
  }

  readonly #onError = (error: Error): void => {
    this.#context.fail(engineError('STDIN_FAILED', { problem: error.message }, error))
  }
}
