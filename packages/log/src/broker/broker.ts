/**
 * One broker on its own: the wiring of its parts.
 *
 * 1. It serves only once all logs are open, and closes its logs only when no request is under way any more.
 * 2. After `close` nothing of it is left: no socket, no file, no timer. So with a start that fails.
 * 3. It stops by itself when the log directory with the metadata of the cluster fails, or no other is left.
 */
import { DiskError, type Clock, type Disk, type Logger, type MillraceError, type Network, type Random } from '@millrace/core'
import type { LogDirectories, LogDirectory } from '../storage/index.ts'
import { Groups } from './apis/groups/groups.ts'
import { HANDLERS } from './apis/index.ts'
import type { BrokerConfig, ConfigTexts } from './config/index.ts'
import { dataParts, type DataParts, type DataPartsOptions } from './data-parts.ts'
import { Dispatcher } from './dispatcher.ts'
import type { Faults } from './faults/faults.ts'
import type { BrokerFacts } from './handler.ts'
import { Cluster } from './metadata/cluster.ts'
import type { BrokerMetrics } from './metrics/broker-metrics.ts'
import type { RequestLogEntry } from './metrics/request-log.ts'
import { ClientListener } from './network/client-listener.ts'
import { networkLimits } from './network/network-limits.ts'
import { openLogDirectories } from './log-directories.ts'
import { maintainAsConfigured } from './maintenance.ts'
import { Parts } from './parts.ts'
import type { RunningListener } from './running-listener.ts'
import { openSecurity, type BrokerSecurity } from './security/broker-security.ts'
import type { Endpoint } from './security/listeners.ts'
import { ScopedClock } from './scoped-clock.ts'
import { directoryProblem, listenerProblem } from './start-problems.ts'
import { BrokerTransactions } from './transactions/broker-transactions.ts'
import { ensureTopic, OFFSETS_TOPIC, TRANSACTIONS_TOPIC } from './topics/internal-topics.ts'

export interface BrokerOptions {
  readonly dirs: readonly string[]
  /** Keeps other brokers from a directory, until its result is called. */
  readonly lock: (path: string) => Promise<() => void>
  /** Passwords of users by name, besides those that are stored. */
  readonly users: Readonly<Record<string, string>>
  readonly durable: boolean
  readonly config: BrokerConfig
  readonly logger: Logger
  readonly onRequest: ((request: RequestLogEntry) => void) | undefined
  readonly disk: Disk
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
}

export class Broker {
  readonly #parts: Parts
  /** In the order in which they are configured; there is one at least. */
  readonly listeners: readonly RunningListener[]
  readonly metrics: BrokerMetrics
  readonly faults: Faults
  /** Resolves when it cannot go on, with the reason; it is to be closed then. */
  readonly lost: Promise<MillraceError>
  readonly #directories: LogDirectories
  #closed: Promise<void> | undefined

  private constructor(parts: Parts, { listeners, data, directories }: ServingParts, lost: Promise<MillraceError>) {
    this.#parts = parts
    this.#directories = directories
    this.listeners = listeners
    this.metrics = data.metrics
    this.faults = data.faults
    this.lost = lost
  }

  /** Opens the log directories, made if they are missing, and listens. @throws the errors of `LogDirectory.open`, `BROKER_*`, `SECURITY_*` */
  static async start(options: BrokerOptions): Promise<Broker> {
    const parts = new Parts()
    const { promise: lost, resolve } = Promise.withResolvers<MillraceError>()
    try {
      return new Broker(parts, await startParts(options, parts, resolve), lost)
    } catch (error) {
      await parts.stop().catch((problem: unknown) => options.logger.warn('a part could not be stopped', { problem: String(problem) }))
      throw error instanceof DiskError ? directoryProblem(error, options.dirs[0]!) : error
    }
  }

  /** Why it cannot serve all it has: the log directories that are offline, one a line; undefined: it can. */
  get unreadiness(): string | undefined {
    const { lost, opened } = this.#directories
    const failures = [...lost.map(({ error }) => error), ...opened.flatMap(({ offline }) => offline ?? [])]
    return failures.length === 0 ? undefined : failures.map(({ message }) => message).join('\n')
  }

  /** Answers what is under way, closes every connection and log, and leaves the directory as one that was shut down cleanly. */
  close(): Promise<void> {
    this.#closed ??= this.#parts.stop()
    return this.#closed
  }
}

/** Starts everything, in the order in which one thing needs another. */
async function startParts(options: BrokerOptions, parts: Parts, onLost: (error: MillraceError) => void): Promise<ServingParts> {
  const { dirs, disk, logger, random, durable, config } = options
  const clock = new ScopedClock(options.clock)
  parts.add(() => clock.cancelAll())

  let onOffline: (error: MillraceError, directory: LogDirectory) => void = () => undefined
  const { directories, clusterId, nodeId } = await openLogDirectories(
    { ...options, clock, onOffline: (...failed) => onOffline(...failed) },
    parts,
  )
  config.settle({ 'node.id': String(nodeId), 'log.dirs': dirs.join(',') })
  const { lastShutdown } = directories.metadata
  let brokerEpoch = lastShutdown.clean ? lastShutdown.brokerEpoch : -1
  parts.add(() => directories.close(brokerEpoch))
  const cluster = await Cluster.open({ directories, nodeId, config, durable, disk, clock, random, logger })
  brokerEpoch = cluster.brokerEpoch
  parts.add(() => cluster.close())
  onOffline = (error, directory) => {
    cluster.topics.directoryFailed()
    if (directory === directories.metadata || directories.live.length === 0) onLost(error)
  }
  if (directories.metadata.offline !== undefined) throw directories.metadata.offline
  cluster.topics.moves.hold()
  for (const directory of directories.live) parts.add(maintainAsConfigured(directory, config, directories.opened.length))
  parts.add(() => cluster.topics.moves.close())

  const groups = startGroups(options, clock, cluster)
  parts.add(() => groups.close())
  const transactions = startTransactions(options, { clock, nodeId, cluster, groups })
  parts.add(() => transactions.close())

  const security = await openSecurity({ ...options, clock, session: cluster.session })
  parts.add(() => security.close())

  let dispatcher: Dispatcher | undefined
  parts.add(() => dispatcher?.settled())
  const listeners = await listen(security, options, parts)
  await register(cluster, listeners, config)
  const network = networkLimits(config, clock)
  const coordinators: DataPartsOptions['coordinators'] = [groups.coordinator, transactions.coordinator]
  const data = dataParts({ config, random, clock, directories, topics: cluster.topics, network, listeners, coordinators })
  parts.add(() => data.stop())
  const started = { data, directories, nodeId, clusterId, clock, cluster, groups, transactions, security, listeners }
  dispatcher = new Dispatcher(factsOf(options, started), HANDLERS, { onRequest: options.onRequest })
  const serving = {
    dispatcher,
    clock,
    logger,
    requestBytesMax: config.get('socket.request.max.bytes'),
    idleMaxMs: config.get('connections.max.idle.ms'),
    connectionThrottleMs: (host: string) => security.quotas.connectionThrottleMs(host),
    ...network,
  }
  for (const { listener } of listeners) listener.serve(serving)
  await cluster.topics.moves.resume()
  return { listeners, data, directories }
}

/** Takes every port there is to be, before any is served. */
async function listen(
  { listeners }: BrokerSecurity,
  { network, config }: BrokerOptions,
  parts: Parts,
): Promise<readonly RunningListener[]> {
  const running: RunningListener[] = []
  for (const settings of listeners) {
    const listener = await ClientListener.listen({ ...settings, network }).catch((error: unknown) => {
      throw listenerProblem(error, settings, config)
    })
    parts.add(() => listener.close())
    const port = settings.advertised.port === 0 ? listener.port : settings.advertised.port
    running.push({ ...settings, port: listener.port, advertised: { ...settings.advertised, port }, listener })
  }
  return running
}

/** Tells the cluster where this broker is reached. */
async function register(cluster: Cluster, listeners: readonly RunningListener[], config: BrokerConfig): Promise<void> {
  await cluster.register({
    ...listeners[0]!.advertised,
    rack: config.get('broker.rack'),
    endpoints: listeners.map(({ name, advertised: { host, port } }) => `${name}://${host}:${port}`),
  })
}

function startGroups({ config, random, logger }: BrokerOptions, clock: Clock, { topics, controller, configs }: Cluster): Groups {
  const ensure = (): Promise<unknown> => ensureTopic({ topics, controller, config }, OFFSETS_TOPIC)
  const groupConfigs = (groupId: string): ConfigTexts => configs.get('groups', groupId)
  const { resumedDeletions } = controller
  return new Groups({ topics, resumedDeletions, ensureTopic: ensure, config, groupConfigs, clock, random, logger })
}

function startTransactions(
  { config, random, logger }: BrokerOptions,
  { clock, nodeId, cluster, groups }: Pick<Started, 'clock' | 'nodeId' | 'cluster' | 'groups'>,
): BrokerTransactions {
  const { topics, controller, producerIds } = cluster
  return new BrokerTransactions({
    nodeId,
    config,
    clock,
    random,
    logger,
    topics,
    producerIds,
    ensureTopic: () => ensureTopic({ topics, controller, config }, TRANSACTIONS_TOPIC),
    writeOffsetsMarker: (partition, marker) => groups.coordinator.writeMarker(partition, marker),
  })
}

interface Started {
  readonly clusterId: string
  readonly clock: Clock
  readonly nodeId: number
  readonly directories: LogDirectories
  readonly cluster: Cluster
  readonly groups: Groups
  readonly transactions: BrokerTransactions
  readonly security: BrokerSecurity
  readonly listeners: readonly RunningListener[]
  readonly data: DataParts
}

/** What of it is needed once it serves. */
type ServingParts = Pick<Started, 'listeners' | 'data' | 'directories'>

function factsOf(
  options: BrokerOptions,
  { data, directories, nodeId, clusterId, clock, cluster, groups, transactions, security, listeners }: Started,
): BrokerFacts {
  const { logger, config } = options
  const advertised = new Map(listeners.map((each): [string, Endpoint] => [each.name, each.advertised]))
  return {
    config,
    nodeId,
    clusterId,
    advertisedOn: (listener) => advertised.get(listener)!,
    clock,
    logger,
    security,
    cluster,
    directories,
    topics: cluster.topics,
    producerIds: cluster.producerIds,
    groups,
    transactions,
    fetchSessions: data.fetchSessions,
    turns: data.turns,
    metrics: data.metrics,
    faults: data.faults,
    servedApis: HANDLERS,
  }
}
