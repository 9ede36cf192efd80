/**
 * One broker on its own: the wiring of its parts.
 *
 * 1. It serves only once all logs are open, and closes its logs only when no request is under way any more.
 * 2. After `close` nothing of it is left: no socket, no file, no timer. So with a start that fails.
 */
import { posix } from 'node:path'
import {
  EmbeddedCoordination,
  type Clock,
  type CoordinationSession,
  type Disk,
  type Logger,
  type Network,
  type Random,
} from '@millrace/core'
import { LogDirectory, maintain } from '../storage/index.ts'
import { metaPropertiesName, readMetaProperties } from '../storage/checkpoints/meta-properties.ts'
import { FetchSessionCache } from './apis/data/fetch-session-cache.ts'
import { HANDLERS } from './apis/index.ts'
import type { BrokerConfig } from './config/index.ts'
import { Dispatcher } from './dispatcher.ts'
import type { BrokerFacts } from './handler.ts'
import { MetadataStore } from './metadata/metadata-store.ts'
import { ProducerIds } from './metadata/producer-ids.ts'
import { ClientListener } from './network/client-listener.ts'
import { networkLimits } from './network/network-limits.ts'
import { Parts } from './parts.ts'
import { openSecurity, type BrokerSecurity } from './security/broker-security.ts'
import type { Endpoint, ListenerSettings } from './security/listeners.ts'
import { ScopedClock } from './scoped-clock.ts'
import { Topics } from './topics/topics.ts'

export interface BrokerOptions {
  readonly dir: string
  /** Passwords of users by name, besides those that are stored. */
  readonly users: Readonly<Record<string, string>>
  readonly durable: boolean
  readonly config: BrokerConfig
  readonly logger: Logger
  readonly disk: Disk
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
}

/** A listener as it listens. */
export interface RunningListener extends ListenerSettings {
  readonly listener: ClientListener
}

export class Broker {
  readonly #parts: Parts
  /** In the order in which they are configured; there is one at least. */
  readonly listeners: readonly RunningListener[]
  #closed: Promise<void> | undefined

  private constructor(parts: Parts, listeners: readonly RunningListener[]) {
    this.#parts = parts
    this.listeners = listeners
  }

  /** Opens the log directory, made if it is missing, and listens. @throws the errors of `LogDirectory.open`, `BROKER_*`, NetworkError */
  static async start(options: BrokerOptions): Promise<Broker> {
    const parts = new Parts()
    try {
      return new Broker(parts, await startParts(options, parts))
    } catch (error) {
      await parts.stop().catch((problem: unknown) => options.logger.warn('a part could not be stopped', { problem: String(problem) }))
      throw error
    }
  }

  /** Answers what is under way, closes every connection and log, and leaves the directory as one that was shut down cleanly. */
  close(): Promise<void> {
    this.#closed ??= this.#parts.stop()
    return this.#closed
  }
}

/** Starts everything, in the order in which one thing needs another. */
async function startParts(options: BrokerOptions, parts: Parts): Promise<readonly RunningListener[]> {
  const { dir, disk, logger, random, durable, config } = options
  const clock = new ScopedClock(options.clock)
  parts.add(() => clock.cancelAll())

  const meta = await readMetaProperties(disk, posix.join(dir, metaPropertiesName))
  const clusterId = meta?.clusterId ?? Buffer.from(random.bytes(16)).toString('base64url')
  const directory = await openDirectory(options, clock, clusterId)
  let brokerEpoch = directory.lastShutdown.clean ? directory.lastShutdown.brokerEpoch : -1
  parts.add(() => directory.close(brokerEpoch))
  const store = await MetadataStore.open(disk, dir)
  const topics = await Topics.open({ store, directory, random, durable })
  brokerEpoch = store.current.brokerEpoch
  parts.add(maintain(directory))

  const session = await openCoordination(options, parts)
  const security = await openSecurity({ ...options, clock, session })
  parts.add(() => security.close())

  const listeners: RunningListener[] = []
  let dispatcher: Dispatcher | undefined
  parts.add(() => dispatcher?.settled())
  for (const settings of security.listeners) {
    const listener = await ClientListener.listen({ ...settings, network: options.network })
    parts.add(() => listener.close())
    const port = settings.advertised.port === 0 ? listener.port : settings.advertised.port
    listeners.push({ ...settings, port: listener.port, advertised: { ...settings.advertised, port }, listener })
  }
  dispatcher = new Dispatcher(factsOf(options, { clusterId, clock, store, topics, security, listeners }), HANDLERS)
  const serving = {
    dispatcher,
    clock,
    logger,
    requestBytesMax: config.get('socket.request.max.bytes'),
    idleMaxMs: config.get('connections.max.idle.ms'),
    ...networkLimits(config),
  }
  for (const { listener } of listeners) listener.serve(serving)
  return listeners
}

async function openCoordination({ dir, disk }: BrokerOptions, parts: Parts): Promise<CoordinationSession> {
  const folder = posix.join(dir, 'coordination')
  await disk.makeDirectory(folder)
  const coordination = await EmbeddedCoordination.open({ disk, folder })
  parts.add(() => coordination.close())
  return await coordination.connect()
}

function openDirectory({ dir, disk, random, config, logger }: BrokerOptions, clock: Clock, clusterId: string): Promise<LogDirectory> {
  return LogDirectory.open({
    path: dir,
    disk,
    clock,
    random,
    clusterId,
    brokerId: config.get('node.id'),
    onNotice: ({ kind, path, problem }) => logger[kind === 'offline' ? 'error' : 'warn'](`storage: ${kind}`, { path, problem }),
  })
}

interface Started {
  readonly clusterId: string
  readonly clock: Clock
  readonly store: MetadataStore
  readonly topics: Topics
  readonly security: BrokerSecurity
  readonly listeners: readonly RunningListener[]
}

function factsOf(options: BrokerOptions, { clusterId, clock, store, topics, security, listeners }: Started): BrokerFacts {
  const { logger, config } = options
  const advertised = new Map(listeners.map((each): [string, Endpoint] => [each.name, each.advertised]))
  return {
    config,
    nodeId: config.get('node.id'),
    clusterId,
    advertised: listeners[0]!.advertised,
    advertisedOn: (listener) => advertised.get(listener)!,
    clock,
    logger,
    security,
    topics,
    producerIds: new ProducerIds(store),
    fetchSessions: new FetchSessionCache({ random: options.random, slots: config.get('max.incremental.fetch.session.cache.slots') }),
    servedApis: HANDLERS,
  }
}
