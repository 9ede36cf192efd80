/**
 * One connection to one broker: requests are written as they come, answered in order.
 *
 * 1. Every promise of `ask` settles: with the response, or with an error that names the broker and the API.
 * 2. After anything that breaks the stream (an overdue request, a response out of order, bytes that are no response) the connection is closed: nothing can
 *    be read of it any more. Requests that were under way are lost: whether the broker acted on them is unknown.
 * 3. What a response says lives in memory of its own: bytes of the socket are copied before they are decoded. Only who asked by `askLent` gives that memory back.
 */
import type { Clock, Connection, MillraceError } from '@millrace/core'
import {
  decodeResponse,
  encodeRequest,
  FrameSplitter,
  readCorrelationId,
  type ApiName,
  type ApiRequestToSend,
  type ApiResponse,
} from '../../protocol/index.ts'
import { clientError } from '../errors.ts'
import { BrokerVersions } from './api-versions.ts'
import { otherProtocol } from './other-protocol.ts'
import { RequestPipeline, type PipelinedRequest } from './pipeline.ts'
import { ResponseMemory } from './response-memory.ts'

interface Waiting extends PipelinedRequest {
  readonly api: ApiName
  readonly timeoutMs: number
  readonly take: (frame: Uint8Array) => void
  readonly fail: (error: MillraceError) => void
}

export interface BrokerConnectionOptions {
  /** For errors: 'host:port (id)'. */
  readonly broker: string
  readonly clientId: string
  readonly clock: Clock
  readonly requestTimeoutMs: number
  readonly responseBytesMax: number
}

/** A response whose bytes are good until `release` is called. Without the call they stay good, and their memory is not used again. */
export interface LentResponse<N extends ApiName> {
  readonly response: ApiResponse<N>
  readonly release: () => void
}

/** Room for most fetches at once: memory that is asked for and not written to is nobody's. */
const FIRST_FRAME_BYTES = 4 * 1024 * 1024

export class BrokerConnection {
  readonly broker: string
  readonly #connection: Connection
  readonly #options: BrokerConnectionOptions
  readonly #pipeline = new RequestPipeline<Waiting>()
  readonly #splitter: FrameSplitter
  readonly #memory = new ResponseMemory()
  readonly #closed = Promise.withResolvers<void>()
  #failure: MillraceError | undefined
  #isOpen = true
  #hasAnswered = false
  /** Added to what is said of an end by the broker, until it answers. */
  #question = ''
  #cancelTimer: (() => void) | undefined
  #timerAtMs = Number.POSITIVE_INFINITY
  /** Set once they are negotiated. */
  versions: BrokerVersions = new BrokerVersions({ apiKeys: [], finalizedFeatures: [], finalizedFeaturesEpoch: -1 })

  constructor(connection: Connection, options: BrokerConnectionOptions) {
    this.broker = options.broker
    this.#connection = connection
    this.#options = options
    this.#splitter = new FrameSplitter(options.responseBytesMax, {
      lent: true,
      firstBytes: FIRST_FRAME_BYTES,
      memory: this.#memory,
    })
    connection.onData((bytes) => this.#receive(bytes))
    connection.onClose((error) => this.#ended((error?.message ?? 'the broker closed it') + this.#question))
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Requests that are not answered. */
  get inFlight(): number {
    return this.#pipeline.size
  }

  /** Resolves when the connection has ended, however. */
  get closed(): Promise<void> {
    return this.#closed.promise
  }

  /** Asks at a version that the broker is known to have. @throws `CLIENT_DISCONNECTED`, `CLIENT_TIMEOUT`, `CLIENT_BAD_RESPONSE`, ProtocolError */
  askAt<N extends ApiName>(api: N, version: number, request: ApiRequestToSend<N>, timeoutMs?: number): Promise<ApiResponse<N>> {
    return this.#ask(api, version, request, timeoutMs, (frame) => decodeResponse(api, version, frame))
  }

  /** As `askAt`, for responses with many bytes. */
  askLent<N extends ApiName>(api: N, version: number, request: ApiRequestToSend<N>, timeoutMs?: number): Promise<LentResponse<N>> {
    return this.#ask(api, version, request, timeoutMs, (frame) => ({
      response: decodeResponse(api, version, frame),
      release: () => this.#memory.give(frame),
    }))
  }

  /** Sends a request that has no response: Produce without acknowledgement. */
  tell<N extends ApiName>(api: N, version: number, request: ApiRequestToSend<N>): void {
    this.#write(api, version, request, undefined)
  }

  /** Any version of `api` that both sides have, or an error that says what there is. @throws `CLIENT_UNSUPPORTED` */
  versionOf(api: ApiName, maxVersion?: number): number {
    const version = this.versions.common(api, maxVersion)
    if (version !== undefined) return version
    throw clientError('CLIENT_UNSUPPORTED', { broker: this.broker, api, problem: this.versions.describe(api) })
  }

  /** What is to be asked where the broker ends the connection before its next answer. */
  askIfUnanswered(question: string): void {
    this.#question = question
  }

  /** Ends the connection at once. What waits fails with `CLIENT_DISCONNECTED`. */
  close(): void {
    this.#break('this client closed it')
  }

  #ask<N extends ApiName, T>(
    api: N,
    version: number,
    request: ApiRequestToSend<N>,
    timeoutMs: number | undefined,
    answerOf: (frame: Uint8Array) => T,
  ): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const take = (frame: Uint8Array): void => resolve(answerOf(frame))
    try {
      this.#write(api, version, request, { take, fail: reject, timeoutMs: timeoutMs ?? this.#options.requestTimeoutMs })
    } catch (error) {
      reject(error)
    }
    return promise
  }

  #write<N extends ApiName>(
    api: N,
    version: number,
    request: ApiRequestToSend<N>,
    expected: Pick<Waiting, 'take' | 'fail' | 'timeoutMs'> | undefined,
  ): void {
    if (!this.#isOpen) throw this.#lost(api)
    const correlationId = this.#pipeline.nextCorrelationId()
    const chunks = encodeRequest(api, version, { correlationId, clientId: this.#options.clientId }, request)
    if (expected !== undefined) {
      const deadlineMs = this.#options.clock.monotonic() + expected.timeoutMs
      this.#pipeline.add({ ...expected, api, correlationId, deadlineMs })
      this.#arm(deadlineMs)
    }
    for (const chunk of chunks) this.#connection.send(chunk)
  }

  #receive(bytes: Uint8Array): void {
    if (!this.#isOpen) return
    try {
      this.#splitter.push(bytes)
      for (let frame = this.#splitter.next(); frame !== undefined && this.#isOpen; frame = this.#splitter.next()) this.#answer(frame)
    } catch (error) {
      const message = (this.#hasAnswered ? undefined : otherProtocol(bytes)) ?? (error as Error).message
      this.#failure = clientError('CLIENT_BAD_RESPONSE', { broker: this.broker, problem: message }, error)
      this.#break(message)
    }
  }

  #answer(frame: Uint8Array): void {
    const correlationId = readCorrelationId(frame)
    const request = this.#pipeline.answered(correlationId)
    this.#hasAnswered ||= request !== undefined
    this.#question = ''
    if (request === undefined) throw new Error(`a response with correlation id ${correlationId} that is not due`)
    try {
      request.take(frame)
    } catch (error) {
      const problem = `the response of ${request.api}: ${(error as Error).message}`
      request.fail(clientError('CLIENT_BAD_RESPONSE', { broker: this.broker, problem }, error))
    }
  }

  #arm(deadlineMs: number): void {
    if (this.#timerAtMs <= deadlineMs) return
    this.#cancelTimer?.()
    this.#timerAtMs = deadlineMs
    const { clock } = this.#options
    this.#cancelTimer = clock.after(Math.max(0, deadlineMs - clock.monotonic()), () => this.#checkDeadlines())
  }

  #checkDeadlines(): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY
    const overdue = this.#pipeline.overdue(this.#options.clock.monotonic())
    if (overdue !== undefined) {
      const { api, timeoutMs } = overdue
      this.#failure = clientError('CLIENT_TIMEOUT', { broker: this.broker, api, timeoutMs })
      return this.#break(`${api} was not answered in time`)
    }
    const next = this.#pipeline.deadlineMs
    if (next !== undefined) this.#arm(next)
  }

  #break(problem: string): void {
    if (!this.#isOpen) return
    this.#ended(problem)
    this.#connection.destroy()
  }

  #ended(problem: string): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#cancelTimer?.()
    this.#failure ??= clientError('CLIENT_DISCONNECTED', { broker: this.broker, api: '', problem })
    for (const { api, fail } of this.#pipeline.drain()) fail(this.#lost(api))
    this.#closed.resolve()
  }

  #lost(api: ApiName): MillraceError {
    const failure = this.#failure
    if (failure?.details['api'] === api) return failure
    const problem = failure?.code === 'CLIENT_DISCONNECTED' ? String(failure.details['problem']) : (failure?.message ?? 'it is closed')
    return clientError('CLIENT_DISCONNECTED', { broker: this.broker, api, problem })
  }
}
