/**
 * One listener of a broker, and the connections that came by it.
 *
 * 1. Nothing is lost between the start of listening and `serve`: connections that arrive earlier wait unread.
 * 2. After `close` none of its connections is left.
 */
import type { Clock, Connection, Listener, Logger, Network } from '@millrace/core'
import type { Dispatcher } from '../dispatcher.ts'
import { ANONYMOUS } from '../security/principal.ts'
import { ClientConnection } from './client-connection.ts'

export interface ClientListenerOptions {
  /** Its name, as in `listeners`. */
  readonly name: string
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  readonly network: Network
}

export interface ServeOptions {
  readonly dispatcher: Dispatcher
  readonly clock: Clock
  readonly logger: Logger
  /** `socket.request.max.bytes` */
  readonly requestBytesMax: number
}

/** How long clients have to take their last responses when it closes. */
const CLOSE_TIMEOUT_MS = 1000

export class ClientListener {
  readonly name: string
  readonly #connections = new Set<ClientConnection>()
  #early: Connection[] = []
  #listener: Listener | undefined
  #serving: ServeOptions | undefined
  #isClosing = false
  #onConnectionGone: () => void = () => undefined

  private constructor(name: string) {
    this.name = name
  }

  /** Listens, and serves nobody yet. @throws NetworkError */
  static async listen({ name, host, port, network }: ClientListenerOptions): Promise<ClientListener> {
    const made = new ClientListener(name)
    made.#listener = await network.listen({ host, port }, (connection) => made.#accept(connection))
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
  }

  /** Answers what is under way, then closes every connection. Resolves when none is left. */
  async close(): Promise<void> {
    this.#isClosing = true
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
    const { dispatcher, clock, logger, requestBytesMax } = this.#serving
    const client: ClientConnection = new ClientConnection({
      connection,
      dispatcher,
      session: { client: { ...connection.remote, listener: this.name, principal: ANONYMOUS } },
      clock,
      logger,
      requestBytesMax,
      onClose: () => {
        this.#connections.delete(client)
        this.#onConnectionGone()
      },
    })
    this.#connections.add(client)
  }
}
