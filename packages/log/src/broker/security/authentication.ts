/**
 * A connection that has yet to prove whose it is. Nothing of it reaches the rest of the broker but what the proof needs.
 *
 * 1. One frame is worked on at a time; meanwhile nothing is read.
 * 2. A failure is answered, and the connection closed, only after a while: so guesses are slow.
 * 3. It takes no longer than `AUTHENTICATION_TIMEOUT_MS` in all.
 */
import { messageOf } from '@millrace/core'
import type { Cancel, Clock, Connection, Logger } from '@millrace/core'
import {
  decodeRequest,
  encodeResponse,
  frame,
  readRequest,
  ERROR_CODE,
  type ApiName,
  type ApiResponseToSend,
  type RequestFrame,
} from '../../protocol/index.ts'
import { FrameBuffer } from './frame-buffer.ts'
import { HandedOver } from './handed-over.ts'
import { EARLY_APIS } from './sasl/exchange-state.ts'
import type { SaslExchange } from './sasl/exchange.ts'
import type { ClientSession } from './session.ts'

export interface AuthenticationOptions {
  readonly connection: Connection
  readonly exchange: SaslExchange
  readonly client: ClientSession['client']
  readonly clock: Clock
  readonly logger: Logger
  /** `sasl.server.max.receive.size` */
  readonly receiveBytesMax: number
  /** `connection.failed.authentication.delay.ms` */
  readonly failureDelayMs: number
  /** The response to ApiVersions. */
  readonly answerVersions: (request: RequestFrame, session: ClientSession) => Promise<readonly Uint8Array[]>
  /** It is over, and the client known. */
  readonly onReady: (connection: HandedOver, session: ClientSession, left: Uint8Array) => void
  /** It is over with the connection. */
  readonly onClose: () => void
}

/** A client that takes longer is not waited for. */
const AUTHENTICATION_TIMEOUT_MS = 60_000
/** How long a client has to take its last response. */
const CLOSE_TIMEOUT_MS = 1000

export class Authentication {
  readonly #options: AuthenticationOptions
  readonly #connection: HandedOver
  readonly #frames: FrameBuffer
  readonly #cancelTimeout: Cancel
  #cancelDelay: Cancel | undefined
  #isBusy = false
  #isOver = false

  constructor(options: AuthenticationOptions) {
    const { connection, clock, receiveBytesMax } = options
    this.#options = options
    this.#frames = new FrameBuffer(receiveBytesMax)
    this.#connection = new HandedOver(connection)
    this.#cancelTimeout = clock.after(AUTHENTICATION_TIMEOUT_MS, () => this.#refuse('it took too long'))
    this.#connection.onData((bytes) => this.#receive(bytes))
    this.#connection.onClose(() => {
      this.#finish()
      options.onClose()
    })
  }

  /** It ends by itself. */
  get idleSinceMs(): undefined {
    return undefined
  }

  end(): void {
    this.destroy()
  }

  destroy(): void {
    this.#finish()
    this.#connection.destroy()
  }

  #receive(bytes: Uint8Array): void {
    if (this.#isOver) return
    this.#frames.push(bytes)
    this.#proceed()
  }

  #proceed(): void {
    if (this.#isBusy || this.#isOver) return
    try {
      const next = this.#frames.next()
      if (next === undefined) return
      this.#isBusy = true
      this.#connection.pause()
      this.#take(next).then(
        () => this.#resume(),
        (error: unknown) => this.#refuse(messageOf(error)),
      )
    } catch (error) {
      this.#refuse(messageOf(error))
    }
  }

  #resume(): void {
    this.#isBusy = false
    if (this.#isOver) return
    this.#connection.resume()
    if (this.#options.exchange.state.kind === 'ready') this.#handOver()
    else this.#proceed()
  }

  async #take(bytes: Uint8Array): Promise<void> {
    const { state } = this.#options.exchange
    if (state.kind === 'tokens' && state.isBare) return await this.#takeBareToken(bytes)
    const request = readRequest(bytes)
    const { name } = request.api
    if (!EARLY_APIS[state.kind].includes(name)) throw new Error(`${name} is asked before it is known who asks`)
    if (name === 'ApiVersions') return this.#send(await this.#options.answerVersions(request, { client: this.#options.client }))
    if (name === 'SaslHandshake') return await this.#takeHandshake(request)
    return await this.#takeToken(request)
  }

  async #takeHandshake(request: RequestFrame): Promise<void> {
    const reply = this.#options.exchange.handshake(decodeRequest('SaslHandshake', request.version, request.body), request.version)
    await this.#answer('SaslHandshake', request, reply)
  }

  async #takeToken(request: RequestFrame): Promise<void> {
    const reply = await this.#options.exchange.authenticate(decodeRequest('SaslAuthenticate', request.version, request.body))
    await this.#answer('SaslAuthenticate', request, reply)
  }

  async #answer<N extends ApiName>(name: N, { version, correlationId }: RequestFrame, reply: ApiResponseToSend<N>): Promise<void> {
    const response = encodeResponse(name, version, correlationId, reply)
    const hasFailed = this.#options.exchange.state.kind === 'failed'
    if (hasFailed) await this.#delay()
    if (this.#isOver) return
    this.#send(response)
    if (hasFailed) this.#close()
  }

  async #takeBareToken(authBytes: Uint8Array): Promise<void> {
    const reply = await this.#options.exchange.authenticate({ authBytes })
    if (reply.errorCode === ERROR_CODE.NONE) return this.#send(frame([reply.authBytes]))
    await this.#delay()
    this.#close()
  }

  #handOver(): void {
    const { exchange, client, failureDelayMs, onReady } = this.#options
    if (exchange.state.kind !== 'ready') return
    this.#finish()
    const principal = { type: 'User', name: exchange.state.user } as const
    onReady(this.#connection, { client: { ...client, principal }, sasl: exchange, failureDelayMs }, this.#frames.takeAll())
  }

  #delay(): Promise<void> {
    const { clock, failureDelayMs } = this.#options
    if (this.#isOver) return Promise.resolve()
    return new Promise((resolve) => (this.#cancelDelay = clock.after(failureDelayMs, resolve)))
  }

  #send(chunks: readonly Uint8Array[]): void {
    if (!this.#isOver) this.#connection.send(Buffer.concat(chunks))
  }

  /** Lets the client take what it was sent, but not for ever. */
  #close(): void {
    if (this.#isOver) return
    this.#finish()
    this.#connection.end()
    this.#cancelDelay = this.#options.clock.after(CLOSE_TIMEOUT_MS, () => this.#connection.destroy())
    this.#connection.onClose(() => {
      this.#cancelDelay?.()
      this.#options.onClose()
    })
  }

  #refuse(problem: string): void {
    if (this.#isOver) return
    const { logger, client } = this.#options
    logger.warn('a connection was closed', { remote: `${client.host}:${client.port}`, problem })
    this.destroy()
  }

  #finish(): void {
    this.#isOver = true
    this.#cancelTimeout()
    this.#cancelDelay?.()
  }
}
