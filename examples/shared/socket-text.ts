// A source of one's own: the lines that a TCP server sends. It shows all that a source needs; what arrives is gone, so it cannot be replayable.
import type { EnumeratorContext, ReaderContext, Source, SourceOutput, SourceReader, Split, SplitEnumerator } from 'millrace'

export interface SocketTextOptions {
  readonly host: string
  readonly port: number
}

const connectTimeoutMs = 10_000
const lineLengthMax = 1_024 * 1_024
/** Lines at hand above which the socket is not read on: back-pressure reaches the server. */
const linesAtHandMax = 10_000
const linesPerPoll = 256

/** The lines that the server at an address sends until it closes the connection. Read by one subtask; use it with `parallelism: 1`. */
export function socketText(options: SocketTextOptions): Source<string> {
  return {
    connector: 'socket',
    replayable: false,
    bounded: true,
    createEnumerator: (context) => new OneSplit(context),
    createReader: (context) => new SocketReader(context, options),
  }
}

/** The only split is the connection, and it goes to the first reader. */
class OneSplit implements SplitEnumerator {
  readonly #context: EnumeratorContext

  constructor(context: EnumeratorContext) {
    this.#context = context
  }

  start(): void {}

  /** Nothing is known of the old connection that would be of use to the new one. */
  addSplitsBack(): void {}

  addReader(subtask: number): void {
    if (subtask === 0) this.#context.assign(0, [{ id: 'connection' }])
    this.#context.noMoreSplits(subtask)
  }

  snapshot(): undefined {
    return undefined
  }

  close(): void {}
}

type Connection = Awaited<ReturnType<ReaderContext['network']['connect']>>

class SocketReader implements SourceReader<string> {
  readonly #context: ReaderContext
  readonly #options: SocketTextOptions
  readonly #decoder = new TextDecoder()
  #splits: readonly Split[] = []
  #hasAllSplits = false
  #connection: Connection | undefined
  #lines: string[] = []
  #partial = ''
  #isPaused = false
  #hasEnded = false
  #isClosed = false

  constructor(context: ReaderContext, options: SocketTextOptions) {
    this.#context = context
    this.#options = options
  }

  addSplits(splits: readonly Split[]): void {
    if (splits.length === 0) return
    this.#splits = splits
    this.#connect().catch((error: unknown) => {
      if (!this.#isClosed) this.#context.fail(error)
    })
  }

  noMoreSplits(): void {
    this.#hasAllSplits = true
    this.#context.wake()
  }

  poll(output: SourceOutput<string>): 'more' | 'wait' | 'end' {
    for (const line of this.#lines.splice(0, linesPerPoll)) output.emit(line)
    if (this.#lines.length > 0) return 'more'
    if (this.#isPaused) {
      this.#isPaused = false
      this.#connection?.resume()
    }
    return this.#hasEnded || (this.#hasAllSplits && this.#splits.length === 0) ? 'end' : 'wait'
  }

  snapshot(): readonly Split[] {
    return this.#splits
  }

  close(): void {
    this.#isClosed = true
    this.#connection?.destroy()
  }

  async #connect(): Promise<void> {
    const connection = await this.#context.network.connect({ ...this.#options, timeoutMs: connectTimeoutMs })
    this.#connection = connection
    if (this.#isClosed) return connection.destroy()
    connection.onData((bytes) => this.#receive(this.#decoder.decode(bytes, { stream: true })))
    connection.onClose((error) => {
      if (this.#isClosed) return
      if (error !== undefined) return this.#context.fail(error)
      this.#receive(this.#partial === '' ? '' : '\n')
      this.#hasEnded = true
    })
  }

  #receive(text: string): void {
    const lines = (this.#partial + text).split('\n')
    this.#partial = lines.pop()!
    if (this.#partial.length > lineLengthMax) return this.#context.fail(new RangeError(`a line is longer than ${lineLengthMax} characters`))
    for (const line of lines) this.#lines.push(line.endsWith('\r') ? line.slice(0, -1) : line)
    if (this.#lines.length > linesAtHandMax && !this.#isPaused) {
      this.#isPaused = true
      this.#connection?.pause()
    }
    this.#context.wake()
  }
}
