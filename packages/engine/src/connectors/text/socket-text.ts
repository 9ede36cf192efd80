import { NetworkError, type Cancel, type Connection, type Duration } from '@millrace/core'
import { engineError } from '../../errors.ts'
import { checkOptionNames, durationOption, wholeNumberOption, type OptionNames } from '../options.ts'
import type { ReaderContext, Source, SourceOutput, SourceReader, Split } from '../source.ts'
import { LineQueue } from './line-queue.ts'
import { singleSplit } from './single-split.ts'

/** The server that lines come from, and what is done when its connection breaks. */
export interface SocketTextOptions {
  /** Name or address. */
  readonly host: string
  /** From 1 to 65,535. */
  readonly port: number
  /** How often to try again in a row when the connection cannot be made or breaks, before the task fails with `SOCKET_LOST`; 0 by default. */
  readonly reconnects?: number
  /** Time between tries; `1s` by default. */
  readonly reconnectDelay?: Duration
  /** Time for a connection to be made; `10s` by default. */
  readonly connectTimeout?: Duration
  /** Longest line in bytes, without its end; 1 MiB by default. */
  readonly maxLineBytes?: number
}

const optionNames: OptionNames<SocketTextOptions> = {
  host: true,
  port: true,
  reconnects: true,
  reconnectDelay: true,
  connectTimeout: true,
  maxLineBytes: true,
}

/**
 * Lines of text from a TCP connection, read by one subtask. An orderly end of the other side ends the source.
 *
 * What was sent cannot be asked for again: after a failure of the job lines are lost, so nothing after this source is exactly once. When the
 * connection breaks, the line that was under way is lost.
 *
 * Throws `CONNECTOR_OPTION_INVALID`. Fails with `SOCKET_LOST`, `LINE_TOO_LONG`.
 */
export function socketText(options: SocketTextOptions): Source<string> {
  checkOptionNames('socketText', options, optionNames)
  const { host, port } = options
  if (typeof host !== 'string' || host === '') {
    throw engineError('CONNECTOR_OPTION_INVALID', { connector: 'socketText', option: 'host', problem: 'is no name or address of a host' })
  }
  wholeNumberOption('socketText', 'port', port, 1, 65_535)
  const settings: SocketSettings = {
    host,
    port,
    reconnects: wholeNumberOption('socketText', 'reconnects', options.reconnects ?? 0, 0),
    delayMs: durationOption('socketText', 'reconnectDelay', options.reconnectDelay ?? '1s'),
    timeoutMs: durationOption('socketText', 'connectTimeout', options.connectTimeout ?? '10s'),
    lineBytesMax: wholeNumberOption('socketText', 'maxLineBytes', options.maxLineBytes ?? 1_024 * 1_024, 1, 256 * 1_024 * 1_024),
  }
  return {
    connector: 'socket',
    replayable: false,
    bounded: false,
    createEnumerator: (context) => singleSplit(context, `${host}:${port}`),
    createReader: (context) => new SocketReader(context, settings),
  }
}

interface SocketSettings {
  readonly host: string
  readonly port: number
  readonly reconnects: number
  readonly delayMs: number
  readonly timeoutMs: number
  readonly lineBytesMax: number
}

/**
 * 1. At most one connection is open or being made.
 * 2. The count of tries starts anew when something arrives: a peer that accepts and drops connections uses them up.
 */
class SocketReader implements SourceReader<string> {
  readonly #context: ReaderContext
  readonly #settings: SocketSettings
  readonly #lines: LineQueue
  #split: Split | undefined
  #ends = false
  #connection: Connection | undefined
  #isPaused = false
  #tries = 0
  #cancelRetry: Cancel | undefined
  #isClosed = false

  constructor(context: ReaderContext, settings: SocketSettings) {
    this.#context = context
    this.#settings = settings
    const { lineBytesMax, host, port } = settings
    this.#lines = new LineQueue({
      lineBytesMax,
      overlong: 'fail',
      onOverlong: () => {
        throw engineError('LINE_TOO_LONG', { source: `socketText: ${host}:${port}`, limit: lineBytesMax })
      },
    })
  }

  addSplits(splits: readonly Split[]): void {
    if (this.#split !== undefined || splits.length === 0) return
    this.#split = splits[0]
    void this.#connect()
  }

  noMoreSplits(): void {
    this.#ends = true
  }

  poll(output: SourceOutput<string>): 'more' | 'wait' | 'end' {
    if (this.#split === undefined) return this.#ends ? 'end' : 'wait'
    const answer = this.#lines.poll(output)
    if (this.#isPaused && !this.#lines.isFull) {
      this.#isPaused = false
      this.#connection?.resume()
    }
    if (answer !== 'end') return answer
    this.#split = undefined
    return this.#ends ? 'end' : 'wait'
  }

  snapshot(): readonly Split[] {
    return this.#split === undefined ? [] : [this.#split]
  }

  position(): string {
    return `${this.#settings.host}:${this.#settings.port}`
  }

  close(): void {
    this.#isClosed = true
    this.#cancelRetry?.()
    this.#connection?.destroy()
  }

  async #connect(): Promise<void> {
    const { host, port, timeoutMs } = this.#settings
    try {
      const connection = await this.#context.network.connect({ host, port, timeoutMs })
      if (this.#isClosed) return connection.destroy()
      this.#connection = connection
      connection.onData((bytes) => this.#receive(connection, bytes))
      connection.onClose((error) => this.#disconnected(error))
    } catch (error) {
      this.#disconnected(error as Error)
    }
  }

  #receive(connection: Connection, bytes: Uint8Array): void {
    this.#tries = 0
    this.#lines.push(Buffer.from(bytes))
    if (this.#lines.isFull && !this.#isPaused) {
      this.#isPaused = true
      connection.pause()
    }
    this.#context.wake()
  }

  #disconnected(error: Error | undefined): void {
    if (this.#isClosed) return
    this.#connection = undefined
    this.#isPaused = false
    if (error === undefined) this.#lines.end()
    else this.#retry(error)
    this.#context.wake()
  }

  #retry(error: Error): void {
    const { host, port, reconnects, delayMs } = this.#settings
    const problem = error instanceof NetworkError ? `${error.reason}: ${error.message}` : error.message
    if (this.#tries++ >= reconnects) return this.#context.fail(engineError('SOCKET_LOST', { host, port, problem }, error))
    this.#lines.breakOff()
    this.#context.report?.({
      code: 'SOCKET_RECONNECT',
      message: `the connection to ${host}:${port} is lost (${problem}); it is made again`,
    })
    this.#cancelRetry = this.#context.clock.after(delayMs, () => void this.#connect())
  }
}
