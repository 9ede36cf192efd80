/**
 * One client's connection: cuts requests out of the stream, has them answered, sends the answers.
 *
 * 1. Responses leave in the order of the requests, whenever each is ready.
 * 2. A request begins when all before it are answered; a pipelined one also beside others that are pipelined, unless one of them holds the connection.
 * 3. What is held is bounded: one request at most waits decoded, what is under way is limited by number and bytes, over all connections
 *    by the budget; reading pauses behind it, and no request begins while the client does not take its responses.
 * 4. What is malformed, not served or fails beyond the protocol closes the connection, never the broker.
 */
import { discardBytes, type Cancel, type Clock, type Connection, type Logger, messageOf } from '@millrace/core'
import { FrameSplitter, readRequest, type RequestFrame } from '../../protocol/index.ts'
import type { Dispatcher } from '../dispatcher.ts'
import type { RequestOrigin } from '../handler.ts'
import type { ClientSession } from '../security/session.ts'
import type { BudgetGrant, RequestBudget } from './request-budget.ts'
import { ResponseSender, type ResponseParts } from './response-sender.ts'
import type { WindowPool } from './window-pool.ts'

export interface ClientConnectionOptions {
  readonly connection: Connection
  readonly dispatcher: Dispatcher
  readonly session: ClientSession
  readonly clock: Clock
  readonly logger: Logger
  /** `socket.request.max.bytes`: the largest request. */
  readonly requestBytesMax: number
  readonly budget: RequestBudget
  readonly windows: WindowPool
  /** Called once, when it is over. */
  readonly onClose: () => void
}

interface Waiting {
  readonly request: RequestFrame
  readonly grant: BudgetGrant
}

interface UnderWay {
  readonly sizeBytes: number
  readonly isPipelined: boolean
  answer: ResponseParts | 'none' | undefined
}

/** Requests of one connection under way at a time. */
const PIPELINE_REQUESTS_MAX = 100
/** Bytes of requests of one connection under way at a time, unless it is a single one. */
const PIPELINE_BYTES_MAX = 16 * 1024 * 1024
/** Bytes read ahead of requests that have to wait. */
const READ_AHEAD_BYTES_MAX = 64 * 1024

export class ClientConnection {
  readonly #options: ClientConnectionOptions
  readonly #splitter: FrameSplitter
  readonly #abort = new AbortController()
  readonly #origin: RequestOrigin
  readonly #sender: ResponseSender
  readonly #underWay: UnderWay[] = []
  #underWayBytes = 0
  #waiting: Waiting | undefined
  /** Of the request that is being read: undefined while its size is not known. */
  #grant: BudgetGrant | undefined
  #isGranted = false
  #lastHeardMs: number
  /** Of the latest mute: undefined when none is on. */
  #cancelUnmute: Cancel | undefined
  #mutedUntilMs = 0
  /** Requests that have to begin wholly before any other does. */
  #holdCount = 0
  #isPaused = false
  #isEnding = false
  #isClosed = false

  constructor(options: ClientConnectionOptions) {
    const { connection, session, clock, windows, requestBytesMax, onClose } = options
    this.#options = options
    this.#lastHeardMs = clock.monotonic()
    this.#origin = {
      session,
      signal: this.#abort.signal,
      mute: (delayMs) => this.#mute(delayMs),
      hold: () => this.#hold(),
      end: () => this.end(),
    }
    this.#splitter = new FrameSplitter(requestBytesMax, { lent: true })
    this.#sender = new ResponseSender({
      connection,
      clock,
      windows,
      onReady: () => this.#flush(),
      onFailure: (error) => this.#fail(error),
    })
    connection.onData((bytes) => this.#receive(bytes))
    connection.onClose(() => {
      this.#isClosed = true
      this.#cancelUnmute?.()
      this.#abort.abort()
      this.#releaseAll()
      onClose()
    })
  }

  /**
   * Since when the client has neither asked anything nor taken anything, on `clock.monotonic`; undefined while it waits for an answer of ours.
   */
  get idleSinceMs(): number | undefined {
    const isWaiting = this.#underWay.length > 0 || this.#cancelUnmute !== undefined
    return isWaiting && this.#sender.isWritable ? undefined : Math.max(this.#lastHeardMs, this.#sender.lastTakenMs)
  }

  /** Answers what is under way, takes nothing more, and closes. */
  end(): void {
    this.#isEnding = true
    this.#abort.abort()
    if (this.#underWay.length === 0 && !this.#sender.isBusy) this.#options.connection.end()
  }

  destroy(): void {
    this.#isClosed = true
    this.#options.connection.destroy()
  }

  #receive(bytes: Uint8Array): void {
    if (this.#isEnding || this.#isClosed) return
    this.#lastHeardMs = this.#options.clock.monotonic()
    try {
      this.#splitter.push(bytes)
      if (this.#grant?.isCut === true) this.#isGranted = this.#grant.regain()
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

  /** The next request, once its memory is granted and it is there. */
  #next(): Waiting | undefined {
    const bytes = this.#splitter.nextBytes
    if (bytes === undefined) return undefined
    if (this.#grant === undefined) this.#askFor(bytes)
    if (!this.#isGranted) return undefined
    const frame = this.#splitter.next()
    if (frame === undefined) return undefined
    const grant = this.#grant!
    this.#grant = undefined
    this.#isGranted = false
    try {
      return { request: readRequest(frame), grant }
    } catch (error) {
      grant.release()
      throw error
    }
  }

  #askFor(bytes: number): void {
    const { grant, isGranted } = this.#options.budget.take({
      bytes,
      granted: () => {
        this.#isGranted = true
        this.#options.clock.soon(() => this.#proceed())
      },
      arrival: () =>
        this.#grant === grant ? { arrivedBytes: Math.min(this.#splitter.bufferedBytes, bytes), heardAtMs: this.#lastHeardMs } : undefined,
    })
    this.#grant = grant
    this.#isGranted = isGranted
  }

  #mayStart({ request, grant: { bytes: sizeBytes } }: Waiting): boolean {
    if (!this.#sender.isWritable || this.#sender.isBusy || this.#cancelUnmute !== undefined) return false
    if (this.#underWay.length === 0) return true
    if (this.#holdCount > 0) return false
    if (!this.#options.dispatcher.isPipelined(request) || !this.#underWay.every(({ isPipelined }) => isPipelined)) return false
    return this.#underWay.length < PIPELINE_REQUESTS_MAX && this.#underWayBytes + sizeBytes <= PIPELINE_BYTES_MAX
  }

  #start({ request, grant }: Waiting): void {
    const { dispatcher } = this.#options
    const sizeBytes = grant.bytes
    const entry: UnderWay = { sizeBytes, isPipelined: dispatcher.isPipelined(request), answer: undefined }
    this.#underWay.push(entry)
    this.#underWayBytes += sizeBytes
    dispatcher.answer(request, this.#origin).then(
      (answer) => {
        grant.release()
        // The records of a produce request are in the log by now, or never will be: nobody keeps a view of them.
        if (request.api.name === 'Produce') discardBytes(request.body.input)
        if (answer === 'close') return this.destroy()
        entry.answer = answer
        this.#flush()
      },
      (error: unknown) => {
        grant.release()
        this.#fail(error)
      },
    )
  }

  /** Sends the answers that are ready and have no request before them that is not. */
  #flush(): void {
    if (this.#isClosed) return this.#releaseAll()
    while (!this.#sender.isBusy && this.#underWay[0]?.answer !== undefined) {
      const { answer, sizeBytes } = this.#underWay.shift()!
      this.#underWayBytes -= sizeBytes
      if (answer !== 'none' && answer !== undefined) this.#sender.send(answer)
    }
    if (this.#isEnding && this.#underWay.length === 0 && !this.#sender.isBusy) this.#options.connection.end()
    else this.#proceed()
  }

  /** Nothing of it will be sent or begun any more. */
  #releaseAll(): void {
    this.#sender.close()
    this.#grant?.release()
    this.#waiting?.grant.release()
    this.#waiting = undefined
    for (const { answer } of this.#underWay) if (answer !== undefined && answer !== 'none') this.#sender.send(answer)
    for (const entry of this.#underWay) entry.answer = undefined
  }

  #throttle(): void {
    const { connection } = this.#options
    const isAhead = this.#waiting !== undefined && this.#splitter.bufferedBytes >= READ_AHEAD_BYTES_MAX
    const isUngranted = this.#grant !== undefined && !this.#isGranted
    const isToPause = isAhead || isUngranted
    if (isToPause === this.#isPaused || this.#isClosed) return
    this.#isPaused = isToPause
    if (isToPause) connection.pause()
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

  #hold(): () => void {
    this.#holdCount++
    return () => {
      this.#holdCount--
      this.#proceed()
    }
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return
    const { logger, connection } = this.#options
    const problem = messageOf(error)
    logger.warn('a connection was closed', { remote: `${connection.remote.host}:${connection.remote.port}`, problem })
    this.destroy()
  }
}
