/**
 * The way to one broker: connects when it is first needed, again after a loss, not too often.
 *
 * 1. One attempt to connect at a time; whoever asks meanwhile shares its outcome.
 * 2. After a failed attempt the next one waits (`reconnect.backoff.ms`, doubling); a call waits with it rather than fail at once.
 * 3. Requests follow each other on one connection; after a loss those under way have failed, none is repeated here.
 * 4. A SASL session is renewed by a new connection: the old one answers what it has, then closes.
 * 5. `close` ends every connection there is, also one that is being made and one that a new one has taken the place of.
 */
import { type MillraceError } from '@millrace/core'
import type { ApiName, ApiRequestToSend, ApiResponse } from '../../protocol/index.ts'
import { clientError } from '../errors.ts'
import type { ClientSettings } from '../options.ts'
import { formatAddress, type Address } from './address.ts'
import { backoffMs } from './backoff.ts'
import { BrokerConnection } from './broker-connection.ts'
import { authenticate, negotiateVersions } from './handshake.ts'
import { beforeAnyAnswer, beforeFirstRequest } from './silent-close.ts'
import type { Waits } from '../waits.ts'

export interface AskOptions {
  /** Default `requestTimeoutMs`. */
  readonly timeoutMs?: number
  /** Use no newer version, though both sides have one. */
  readonly maxVersion?: number
}

export class BrokerLink {
  readonly address: Address
  /** 'host:port (id)'. */
  readonly broker: string
  readonly #settings: ClientSettings
  readonly #waits: Waits
  #current: BrokerConnection | undefined
  /** All that have not ended. */
  readonly #connections = new Set<BrokerConnection>()
  #attempt: Promise<BrokerConnection> | undefined
  #failures = 0
  #retryAtMs = 0
  #isClosed = false
  #cancelRenewal: (() => void) | undefined
  readonly #wakeSleeper = new Set<() => void>()

  constructor(settings: ClientSettings, waits: Waits, address: Address, nodeId: number | undefined) {
    this.#settings = settings
    this.#waits = waits
    this.address = address
    this.broker = nodeId === undefined ? formatAddress(address) : `${formatAddress(address)} (${nodeId})`
  }

  /** Failed attempts to connect since the last that succeeded. */
  get failures(): number {
    return this.#failures
  }

  /** The newest version of `api` that both sides have is used. @throws `CLIENT_*` */
  async ask<N extends ApiName>(api: N, request: ApiRequestToSend<N>, options: AskOptions = {}): Promise<ApiResponse<N>> {
    const connection = await this.connection()
    return await connection.askAt(api, connection.versionOf(api, options.maxVersion), request, options.timeoutMs)
  }

  /** An open connection, versions known and authenticated. @throws `CLIENT_CONNECT`, `CLIENT_AUTHENTICATION`, `CLIENT_CLOSED` */
  connection(): Promise<BrokerConnection> {
    if (this.#isClosed) return Promise.reject(clientError('CLIENT_CLOSED', { what: 'client' }))
    if (this.#current?.isOpen === true) return Promise.resolve(this.#current)
    this.#attempt ??= this.#connect().finally(() => (this.#attempt = undefined))
    return this.#attempt
  }

  /** The open connection, if there is one now. */
  get open(): BrokerConnection | undefined {
    return this.#current?.isOpen === true ? this.#current : undefined
  }

  close(): void {
    this.#isClosed = true
    this.#cancelRenewal?.()
    for (const wake of this.#wakeSleeper) wake()
    for (const connection of this.#connections) connection.close()
  }

  async #connect(): Promise<BrokerConnection> {
    const wait = this.#waits.begin('connection to broker', formatAddress(this.address), 'it has not answered yet')
    try {
      const connection = await this.#tryToConnect()
      wait.end(true)
      return connection
    } catch (error) {
      const { details, retry, message } = error as MillraceError
      wait.says(String(details['problem'] ?? message))
      wait.end(!retry)
      throw error
    }
  }

  async #tryToConnect(): Promise<BrokerConnection> {
    await this.#sleep(this.#retryAtMs - this.#settings.clock.monotonic())
    if (this.#isClosed) throw clientError('CLIENT_CLOSED', { what: 'client' })
    try {
      const connection = await this.#open()
      this.#failures = 0
      this.#current = connection
      return connection
    } catch (error) {
      const { reconnectBackoffMs, reconnectBackoffMaxMs, random, clock, logger } = this.#settings
      this.#failures++
      this.#retryAtMs = clock.monotonic() + backoffMs(this.#failures, reconnectBackoffMs, reconnectBackoffMaxMs, random)
      logger.info('no connection to a broker', { broker: this.broker, attempt: this.#failures, problem: (error as Error).message })
      throw error
    }
  }

  async #open(): Promise<BrokerConnection> {
    const { network, clock, clientId, connectTimeoutMs, requestTimeoutMs, responseBytesMax, security } = this.#settings
    const { broker } = this
    let connection: BrokerConnection
    try {
      const raw = await network.connect({ ...this.address, timeoutMs: connectTimeoutMs })
      connection = new BrokerConnection(raw, { broker, clientId, clock, requestTimeoutMs, responseBytesMax })
    } catch (error) {
      throw clientError('CLIENT_CONNECT', { broker, problem: (error as Error).message }, error)
    }
    this.#connections.add(connection)
    void connection.closed.then(() => this.#lost(connection))
    if (this.#isClosed) connection.close()
    try {
      await negotiateVersions(connection)
      connection.askIfUnanswered(beforeFirstRequest(security))
      if (security.protocol.startsWith('SASL') && security.sasl !== undefined) {
        const renewInMs = await authenticate(connection, security.sasl, this.#settings)
        if (renewInMs !== undefined) this.#renewAfter(connection, renewInMs)
      }
    } catch (error) {
      connection.close()
      if (this.#isClosed) throw clientError('CLIENT_CLOSED', { what: 'client' })
      const { code } = error as Partial<MillraceError>
      if (code === 'CLIENT_AUTHENTICATION' || code === 'CLIENT_UNSUPPORTED' || code === 'CLIENT_REFUSED') throw error
      const hint = code === 'CLIENT_DISCONNECTED' ? beforeAnyAnswer(security, clock.now()) : ''
      throw clientError('CLIENT_CONNECT', { broker, problem: (error as Error).message + hint }, error)
    }
    if (this.#isClosed) {
      connection.close()
      throw clientError('CLIENT_CLOSED', { what: 'client' })
    }
    return connection
  }

  #renewAfter(connection: BrokerConnection, delayMs: number): void {
    this.#cancelRenewal?.()
    this.#cancelRenewal = this.#settings.clock.after(delayMs, () => {
      if (this.#current === connection) this.#current = undefined
      this.#closeWhenIdle(connection)
    })
  }

  #closeWhenIdle(connection: BrokerConnection): void {
    if (!connection.isOpen) return
    if (connection.inFlight === 0) return connection.close()
    this.#settings.clock.after(100, () => this.#closeWhenIdle(connection))
  }

  #lost(connection: BrokerConnection): void {
    this.#connections.delete(connection)
    if (this.#current === connection) this.#current = undefined
    if (!this.#isClosed) this.#settings.logger.debug('a connection to a broker ended', { broker: this.broker })
  }

  #sleep(delayMs: number): Promise<void> {
    if (!(delayMs > 0)) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    const wake = (): void => {
      cancel()
      this.#wakeSleeper.delete(wake)
      resolve()
    }
    const cancel = this.#settings.clock.after(delayMs, wake)
    this.#wakeSleeper.add(wake)
    return promise
  }
}
