/**
 * One client's connection: cuts requests out of the stream, has them answered, sends the answers.
 *
 * 1. Responses leave in the order of the requests, whenever each is ready.
 * 2. A request begins when all before it are answered; a pipelined one also beside others that are pipelined.
 * 3. What is held is bounded: one request at most waits decoded, what is under way is limited by number and bytes, reading pauses
 *    behind it, and no request begins while the client does not take its responses.
 * 4. What is malformed, not served or fails beyond the protocol closes the connection, never the broker.
 */
import type { Cancel, Clock, Connection, Logger } from '@millrace/core'
import { FrameSplitter, readRequest, type RequestFrame } from '../../protocol/index.ts'
import type { Dispatcher, RequestOrigin } from '../dispatcher.ts'
import type { ClientSession } from '../security/session.ts'

export interface ClientConnectionOptions {
  readonly connection: Connection
  readonly dispatcher: Dispatcher
  readonly session: ClientSession
  readonly clock: Clock
  readonly logger: Logger
  /** `socket.request.max.bytes`: the largest request. */
  readonly requestBytesMax: number
  /** Called once, when it is over. */
  readonly onClose: () => void
}

interface Waiting {
  readonly request: RequestFrame
  readonly sizeBytes: number
}

interface UnderWay {
  readonly sizeBytes: number
  readonly isPipelined: boolean
  answer: readonly Uint8Array[] | 'none' | undefined
}

/** Requests of one connection under way at a time. */
const PIPELINE_REQUESTS_MAX = 100
/** Bytes of requests of one connection under way at a time, unless it is a single one. */
const PIPELINE_BYTES_MAX = 16 * 1024 * 1024
/** Bytes read ahead of requests that have to wait. */
const READ_AHEAD_BYTES_MAX = 64 * 1024
/** Responses up to this size are sent in one piece. */
const GATHER_BYTES_MAX = 64 * 1024

export class ClientConnection {
  readonly #options: ClientConnectionOptions
  readonly #splitter: FrameSplitter
  readonly #abort = new AbortController()
  readonly #origin: RequestOrigin
  readonly #underWay: UnderWay[] = []
  #underWayBytes = 0
  #waiting: Waiting | undefined
  #isWritable = true
  /** Of the latest mute: undefined when none is on. */
  #cancelUnmute: Cancel | undefined
  #mutedUntilMs = 0
  #isPaused = false
  #isEnding = false
  #isClosed = false

  constructor(options: ClientConnectionOptions) {
    const { connection, session, requestBytesMax, onClose } = options
    this.#options = options
    this.#origin = {
      session,
      signal: this.#abort.signal,
      mute: (delayMs) => this.#mute(delayMs),
      end: () => this.end(),
    }
    this.#splitter = new FrameSplitter(requestBytesMax)
    connection.onData((bytes) => this.#receive(bytes))
    connection.onDrain(() => {
      this.#isWritable = true
      this.#proceed()
    })
    connection.onClose(() => {
      this.#isClosed = true
      this.#cancelUnmute?.()
      this.#abort.abort()
      onClose()
    })
  }

  /** Answers what is under way, takes nothing more, and closes. */
  end(): void {
    this.#isEnding = true
    this.#abort.abort()
    if (this.#underWay.length === 0) this.#options.connection.end()
  }

  destroy(): void {
    this.#isClosed = true
    this.#options.connection.destroy()
  }

  #receive(bytes: Uint8Array): void {
    if (this.#isEnding || this.#isClosed) return
    try {
      // The bytes are the network's again after this call, and appends patch them in place.
      this.#splitter.push(Buffer.from(bytes))
    } catch (error) {
      this.#fail(error)
    }
    this.#proceed()
  }

  #proceed(): void {
    try {
      while (!this.#isEnding && !this.#isClosed) {
        this.#waiting ??= this.#next()
        if (this.#waiting === undefined || !this.#mayStart(this.#waiting)) break
        const next = this.#waiting
        this.#waiting = undefined
        this.#start(next)
      }
      this.#throttle()
    } catch (error) {
      this.#fail(error)
    }
  }

  #next(): Waiting | undefined {
    const frame = this.#splitter.next()
    return frame === undefined ? undefined : { request: readRequest(frame), sizeBytes: frame.length }
  }

  #mayStart({ request, sizeBytes }: Waiting): boolean {
    if (!this.#isWritable || this.#cancelUnmute !== undefined) return false
    if (this.#underWay.length === 0) return true
    if (!this.#options.dispatcher.isPipelined(request) || !this.#underWay.every(({ isPipelined }) => isPipelined)) return false
    return this.#underWay.length < PIPELINE_REQUESTS_MAX && this.#underWayBytes + sizeBytes <= PIPELINE_BYTES_MAX
  }

  #start({ request, sizeBytes }: Waiting): void {
    const { dispatcher } = this.#options
    const entry: UnderWay = { sizeBytes, isPipelined: dispatcher.isPipelined(request), answer: undefined }
    this.#underWay.push(entry)
    this.#underWayBytes += sizeBytes
    dispatcher.answer(request, this.#origin).then(
      (answer) => {
        if (answer === 'close') return this.destroy()
        entry.answer = answer
        this.#flush()
      },
      (error: unknown) => this.#fail(error),
    )
  }

  /** Sends the answers that are ready and have no request before them that is not. */
  #flush(): void {
    while (!this.#isClosed && this.#underWay[0]?.answer !== undefined) {
      const { answer, sizeBytes } = this.#underWay.shift()!
      this.#underWayBytes -= sizeBytes
      if (answer !== 'none' && answer !== undefined) this.#send(answer)
    }
    if (this.#isEnding && this.#underWay.length === 0) this.#options.connection.end()
    else this.#proceed()
  }

  #send(chunks: readonly Uint8Array[]): void {
    const { connection } = this.#options
    const sizeBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    const pieces = chunks.length > 1 && sizeBytes <= GATHER_BYTES_MAX ? [Buffer.concat(chunks, sizeBytes)] : chunks
    for (const piece of pieces) this.#isWritable = connection.send(piece)
  }

  #throttle(): void {
    const { connection } = this.#options
    const isAhead = this.#waiting !== undefined && this.#splitter.bufferedBytes >= READ_AHEAD_BYTES_MAX
    if (isAhead === this.#isPaused || this.#isClosed) return
    this.#isPaused = isAhead
    if (isAhead) connection.pause()
    else connection.resume()
  }

  /** A client over its quota is answered at once, and heard again later (KIP-219). */
  #mute(delayMs: number): void {
    const { clock } = this.#options
    const untilMs = clock.monotonic() + delayMs
    if (this.#isClosed || this.#isEnding || (this.#cancelUnmute !== undefined && untilMs <= this.#mutedUntilMs)) return
    this.#cancelUnmute?.()
    this.#mutedUntilMs = untilMs
    this.#cancelUnmute = clock.after(delayMs, () => {
      this.#cancelUnmute = undefined
      this.#proceed()
    })
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return
    const { logger, connection } = this.#options
    const problem = error instanceof Error ? error.message : String(error)
    logger.warn('a connection was closed', { remote: `${connection.remote.host}:${connection.remote.port}`, problem })
    this.destroy()
  }
}
