/**
 * One broker on its own: its log directory, its topics, its listener.
 *
 * 1. It listens only once all logs are open, and closes its logs only when no request is under way any more.
 * 2. After `close` nothing of it is left: no socket, no file, no timer.
 */
import { posix } from 'node:path'
import type { Clock, Connection, Disk, Listener, Logger, Network, Random } from '@millrace/core'
import { LogDirectory, maintain } from '../storage/index.ts'
import { metaPropertiesName, readMetaProperties } from '../storage/checkpoints/meta-properties.ts'
import { HANDLERS } from './apis/index.ts'
import { ClientConnection } from './client-connection.ts'
import { Dispatcher } from './dispatcher.ts'
import type { BrokerFacts } from './handler.ts'
import { MetadataStore } from './metadata/metadata-store.ts'
import { ProducerIds } from './metadata/producer-ids.ts'
import { allowAll } from './security/authorizer.ts'
import { ScopedClock } from './scoped-clock.ts'
import { Topics } from './topics/topics.ts'

export interface BrokerOptions {
  readonly dir: string
  readonly host: string
  readonly port: number
  readonly advertisedHost: string
  readonly nodeId: number
  readonly durable: boolean
  readonly autoCreateTopics: boolean
  readonly defaultPartitions: number
  readonly requestBytesMax: number
  readonly logger: Logger
  readonly disk: Disk
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
}

/** How long clients have to take their last responses when the broker closes. */
const CLOSE_TIMEOUT_MS = 1000

export class Broker {
  readonly #options: BrokerOptions
  readonly #clock: ScopedClock
  readonly #directory: LogDirectory
  readonly #store: MetadataStore
  readonly #stopMaintenance: () => Promise<void>
  readonly #connections = new Set<ClientConnection>()
  readonly #dispatcher: Dispatcher
  readonly listener: Listener
  #onConnectionGone: () => void = () => undefined
  #closed: Promise<void> | undefined

  private constructor(options: BrokerOptions, opened: Opened, listener: Listener) {
    this.#options = options
    this.#clock = opened.clock
    this.#directory = opened.directory
    this.#store = opened.store
    this.#stopMaintenance = maintain(opened.directory)
    this.#dispatcher = new Dispatcher(factsOf(options, opened, listener.port), HANDLERS)
    this.listener = listener
  }

  /** Opens the log directory, made if it is missing, and listens. @throws the errors of `LogDirectory.open`, `BROKER_*`, NetworkError */
  static async start(options: BrokerOptions): Promise<Broker> {
    const opened = await open(options)
    const early: Connection[] = []
    let accept = (connection: Connection): void => void early.push(connection)
    let listener: Listener
    try {
      listener = await options.network.listen({ host: options.host, port: options.port }, (connection) => accept(connection))
    } catch (error) {
      await opened.directory.close(opened.store.current.brokerEpoch)
      opened.clock.cancelAll()
      throw error
    }
    const broker = new Broker(options, opened, listener)
    accept = (connection) => broker.#accept(connection)
    for (const connection of early) accept(connection)
    return broker
  }

  /** Answers what is under way, closes every connection and log, and leaves the directory as one that was shut down cleanly. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const stopped = this.listener.close()
    const cancelTimeout = this.#clock.after(CLOSE_TIMEOUT_MS, () => {
      for (const connection of this.#connections) connection.destroy()
    })
    for (const connection of this.#connections) connection.end()
    await Promise.all([stopped, this.#connectionsGone()])
    cancelTimeout()
    await this.#dispatcher.settled()
    await this.#stopMaintenance()
    await this.#directory.close(this.#store.current.brokerEpoch)
    this.#clock.cancelAll()
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
    if (this.#closed !== undefined) return connection.destroy()
    const { logger, requestBytesMax } = this.#options
    const client: ClientConnection = new ClientConnection({
      connection,
      dispatcher: this.#dispatcher,
      listener: 'PLAINTEXT',
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

interface Opened {
  readonly clusterId: string
  readonly clock: ScopedClock
  readonly directory: LogDirectory
  readonly store: MetadataStore
  readonly topics: Topics
}

async function open({ dir, disk, random, nodeId, durable, logger, ...options }: BrokerOptions): Promise<Opened> {
  const clock = new ScopedClock(options.clock)
  const meta = await readMetaProperties(disk, posix.join(dir, metaPropertiesName))
  const clusterId = meta?.clusterId ?? Buffer.from(random.bytes(16)).toString('base64url')
  const directory = await LogDirectory.open({
    path: dir,
    disk,
    clock,
    random,
    clusterId,
    brokerId: nodeId,
    onNotice: ({ kind, path, problem }) => logger[kind === 'offline' ? 'error' : 'warn'](`storage: ${kind}`, { path, problem }),
  })
  try {
    const store = await MetadataStore.open(disk, dir)
    const topics = await Topics.open({ store, directory, random, durable })
    return { clusterId, clock, directory, store, topics }
  } catch (error) {
    await directory.close(directory.lastShutdown.clean ? directory.lastShutdown.brokerEpoch : -1)
    clock.cancelAll()
    throw error
  }
}

function factsOf(options: BrokerOptions, { clusterId, clock, store, topics }: Opened, port: number): BrokerFacts {
  const { nodeId, advertisedHost, logger, autoCreateTopics, defaultPartitions } = options
  return {
    nodeId,
    clusterId,
    advertised: { host: advertisedHost, port },
    clock,
    logger,
    authorizer: allowAll,
    topics,
    producerIds: new ProducerIds(store),
    servedApis: HANDLERS,
    autoCreateTopics,
    defaultPartitions,
  }
}
