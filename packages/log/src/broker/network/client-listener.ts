/**
 * One listener of a broker, and the connections that came by it.
 *
 * 1. Nothing is lost between the start of listening and `serve`: connections that arrive earlier wait unread.
 * 2. A connection that finds the broker full waits unread for its turn; one beyond the limit of its address is closed at once, and so is one idle for too long.
 * 3. After `close` none of its connections is left.
 */
import type { Cancel, Clock, Connection, Listener, Logger, Network } from '@millrace/core'
import type { Dispatcher } from '../dispatcher.ts'
import { Authentication } from '../security/authentication.ts'
import type { ListenerSecurity } from '../security/listener-security.ts'
import { addressOf, clientOf, type ClientSession } from '../security/session.ts'
import { ClientConnection } from './client-connection.ts'
import type { ConnectionLimits } from './connection-limits.ts'
import type { RequestBudget } from './request-budget.ts'
import type { WaitingRoom } from './waiting-room.ts'
import type { WindowPool } from './window-pool.ts'

export interface ClientListenerOptions {
  /** Its name, as in `listeners`. */
  readonly name: string
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  readonly network: Network
  /** What it asks of those who connect. */
  readonly security: ListenerSecurity
}

export interface ServeOptions {
  readonly dispatcher: Dispatcher
  readonly clock: Clock
  readonly logger: Logger
  /** `socket.request.max.bytes` */
  readonly requestBytesMax: number
  /** `connections.max.idle.ms` */
  readonly idleMaxMs: number
  /** Notes a connection from an address, and gives how long it is to be kept waiting before it is closed; 0: it is welcome. */
  readonly connectionThrottleMs: (host: string) => number
  /** Shared by all listeners of the broker. */
  readonly limits: ConnectionLimits
  readonly waitingRoom: WaitingRoom
  readonly budget: RequestBudget
  readonly windows: WindowPool
}

/** How long clients have to take their last responses when it closes. */
const CLOSE_TIMEOUT_MS = 1000
/** Between two looks for idle connections, at most. */
const IDLE_CHECK_INTERVAL_MS = 10_000

/** A connection that is served, or not yet, or never. */
type Accepted = Pick<ClientConnection | Authentication, 'idleSinceMs' | 'end' | 'destroy'>

export class ClientListener {
  readonly name: string
  readonly #security: ListenerSecurity
  readonly #connections = new Set<Accepted>()
  #early: Connection[] = []
  #listener: Listener | undefined
  #serving: ServeOptions | undefined
  #isClosing = false
  #cancelIdleCheck: Cancel = () => undefined
  #onConnectionGone: () => void = () => undefined

  private constructor(name: string, security: ListenerSecurity) {
    this.name = name
    this.#security = security
  }

  /** Listens, and serves nobody yet. @throws NetworkError */
  static async listen({ name, host, port, network, security }: ClientListenerOptions): Promise<ClientListener> {
    const made = new ClientListener(name, security)
    const tls = security.tls === undefined ? {} : { tls: security.tls }
    made.#listener = await network.listen({ host, port, ...tls }, (connection) => made.#accept(connection))
    return made
  }

  get host(): string {
    return this.#listener!.host
  }

  get port(): number {
    return this.#listener!.port
  }

  /** Begins to serve. Called once. */
  serve(options: ServeOptions): void {
    this.#serving = options
    for (const connection of this.#early.splice(0)) this.#accept(connection)
    this.#scheduleIdleCheck(options)
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Answers what is under way, then closes every connection. Resolves when none is left. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#cancelIdleCheck()
    const stopped = this.#listener!.close()
    for (const connection of this.#early.splice(0)) connection.destroy()
    const cancelTimeout = this.#serving?.clock.after(CLOSE_TIMEOUT_MS, () => {
      for (const connection of this.#connections) connection.destroy()
    })
    for (const connection of this.#connections) connection.end()
    await Promise.all([stopped, this.#connectionsGone()])
    cancelTimeout?.()
  }

  #connectionsGone(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onConnectionGone = () => {
      if (this.#connections.size === 0) resolve()
    }
    this.#onConnectionGone()
    return promise
  }

  #accept(connection: Connection): void {
    if (this.#isClosing) return connection.destroy()
    if (this.#serving === undefined) return void this.#early.push(connection)
    const serving = this.#serving
    const over = (): void => connection.destroy()
    const waiting = { idleSinceMs: undefined, end: over, destroy: over }
    const came = serving.waitingRoom.come(this.name, () => {
      this.#connections.delete(waiting)
      if (this.#isClosing) connection.destroy()
      else this.#enter(connection, serving)
    })
    if (came === 'full') return this.#refuse(connection, 'max.connections', serving)
    if (came === 'entered') return
    this.#connections.add(waiting)
    connection.onClose(() => {
      came()
      this.#connections.delete(waiting)
      this.#onConnectionGone()
    })
  }

  #refuse(connection: Connection, reason: string, { logger }: ServeOptions): void {
    const { host, port } = connection.remote
    logger.warn('a connection was refused', { remote: `${host}:${port}`, listener: this.name, reason })
    connection.destroy()
  }

  /** There is room for it. */
  #enter(connection: Connection, serving: ServeOptions): void {
    const { limits } = serving
    const { host } = connection.remote
    const refusal = limits.admit(host, this.name)
    if (refusal !== undefined) return this.#refuse(connection, refusal, serving)
    const throttleMs = serving.connectionThrottleMs(addressOf(connection))
    if (throttleMs > 0) return this.#turnAway(connection, throttleMs, serving)
    const principal = this.#security.principalOf(connection)
    if (principal !== undefined) return this.#begin(connection, clientOf(connection, this.name, principal), serving)
    limits.leave(host, this.name)
    this.#refuse(connection, 'its certificate names nobody', serving)
  }

  /** Its address makes connections faster than it may: this one is closed unread, after a while (KIP-612). */
  #turnAway(connection: Connection, throttleMs: number, serving: ServeOptions): void {
    connection.pause()
    const over = (): void => connection.destroy()
    const cancel = serving.clock.after(throttleMs, over)
    const waiting = { idleSinceMs: undefined, end: over, destroy: over }
    this.#connections.add(waiting)
    connection.onClose(() => {
      cancel()
      this.#gone(waiting, connection, serving)
    })
  }

  /** Has the client prove itself where it must, then serves it. */
  #begin(connection: Connection, client: ClientSession['client'], serving: ServeOptions): void {
    const { sasl } = this.#security
    if (sasl === undefined) return this.#serve(connection, { client }, serving)
    const { clock, logger, dispatcher } = serving
    const authentication: Authentication = new Authentication({
      connection,
      client,
      clock,
      logger,
      exchange: sasl.begin(`${client.host}:${client.port}`),
      receiveBytesMax: sasl.receiveBytesMax,
      failureDelayMs: sasl.failureDelayMs,
      answerVersions: (request, session) => dispatcher.answerVersions(request, session),
      onReady: (handedOver, session, left) => {
        this.#connections.delete(authentication)
        this.#serve(handedOver, session, serving)
        handedOver.release(left)
      },
      onClose: () => this.#gone(authentication, connection, serving),
    })
    this.#connections.add(authentication)
  }

  #serve(connection: Connection, session: ClientSession, serving: ServeOptions): void {
    const onClose = (): void => this.#gone(client, connection, serving)
    const client: ClientConnection = new ClientConnection({ ...serving, connection, session, onClose })
    this.#connections.add(client)
  }

  #gone(client: Accepted, { remote }: Connection, { limits, waitingRoom }: ServeOptions): void {
    limits.leave(remote.host, this.name)
    this.#connections.delete(client)
    this.#onConnectionGone()
    waitingRoom.proceed()
  }

  #scheduleIdleCheck(options: ServeOptions): void {
    const { clock, idleMaxMs } = options
    if (idleMaxMs < 0) return
    this.#cancelIdleCheck = clock.after(Math.min(IDLE_CHECK_INTERVAL_MS, Math.max(1, idleMaxMs / 4)), () => {
      this.#closeIdle(clock.monotonic() - idleMaxMs)
      this.#scheduleIdleCheck(options)
    })
  }

  #closeIdle(untilMs: number): void {
    for (const connection of this.#connections) {
      const sinceMs = connection.idleSinceMs
      if (sinceMs !== undefined && sinceMs < untilMs) connection.destroy()
    }
  }
}
