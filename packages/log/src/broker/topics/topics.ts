/**
 * The topics that this broker knows, and the open logs of their partitions: what a controller's requests come to here.
 *
 * 1. A topic is seen only while all its logs are open.
 * 2. A topic that has been forgotten is not seen any more, before any of its logs is removed.
 * 3. `version` is another one whenever a topic has come, gone or grown, also from one start to the next.
 */
import type { Cancel, Clock, Logger } from '@millrace/core'
import type { BrokerRequests, ConfigStore, StoredTopic, TopicRegistration } from '../../controller/index.ts'
import { logError } from '../../errors.ts'
import { mapConcurrently } from '../../storage/directory/semaphore.ts'
import type { LogConfig, LogDirectories, PartitionLog, TopicPartition } from '../../storage/index.ts'
import { topicConfig, type BrokerConfig, type ConfigTexts, type TopicConfig } from '../config/index.ts'
import { Partition } from './partition.ts'
import { ReplicaMoves } from './replica-moves.ts'
import { Topic } from './topic.ts'

export interface TopicsOptions {
  readonly directories: LogDirectories
  readonly configs: ConfigStore
  readonly brokerConfig: BrokerConfig
  /** Larger than that of any start before. */
  readonly brokerEpoch: number
  /** Whether appends are synced before they are acknowledged. */
  readonly durable: boolean
  readonly clock: Clock
  readonly logger: Logger
}

export type { Topic } from './topic.ts'

export type TopicsListener = (topic: Topic, change: 'added' | 'grown' | 'removed') => void

const OPEN_CONCURRENCY = 32
/** Versions that one start can give. */
const VERSIONS_PER_START = 2 ** 22

export class Topics implements BrokerRequests {
  readonly #options: TopicsOptions
  /** Logs on their way to another directory. */
  readonly moves: ReplicaMoves
  readonly #byName = new Map<string, Topic>()
  readonly #byId = new Map<string, Topic>()
  readonly #listeners = new Set<TopicsListener>()
  /** Partitions that are opened were there before. */
  #isStarting = true
  #version: number

  constructor(options: TopicsOptions) {
    this.#options = options
    this.#version = options.brokerEpoch * VERSIONS_PER_START
    this.moves = new ReplicaMoves({
      directories: options.directories,
      find: ({ topic, partition }) => this.#byName.get(topic)?.partitions[partition],
      configOf: (topic) => this.#configsOf(topic)[1].log,
      rateMax: () => options.brokerConfig.get('replica.alter.log.dirs.io.max.bytes.per.second'),
      clock: options.clock,
      logger: options.logger,
    })
    options.configs.onChange((kind, name) => {
      const topic = kind === 'topics' ? this.#byName.get(name) : undefined
      if (topic !== undefined) this.#configure(topic)
    })
    options.brokerConfig.onChange(() => {
      for (const topic of this.#byName.values()) this.#configure(topic)
    })
  }

  /** Opens the logs of all topics that are stored, also of those that are to be deleted. */
  async loadLogs(): Promise<void> {
    const { directories, configs, brokerConfig, durable } = this.#options
    await directories.loadLogs(({ topic }) => topicConfig(configs.get('topics', topic), brokerConfig, durable).log)
  }

  /** All that is stored has been opened: what comes now is new. */
  started(): void {
    this.#isStarting = false
  }

  /** The first log whose topic has another id than the one stored; logs without an id are given that one. */
  identifyLogs(stored: readonly StoredTopic[]): PartitionLog | undefined {
    const { directories } = this.#options
    const ids = new Map(stored.map(({ name, assignment }) => [name, assignment.id]))
    for (const log of directories.logs()) {
      const id = ids.get(log.partition.topic)
      if (id === undefined || log.topicId === id) continue
      if (log.topicId !== undefined) return log
      log.identify(id)
    }
    return undefined
  }

  /** The highest leader epoch in the log of a partition; -1 if there is none. */
  epochInLog(topic: string, partition: number): number {
    return this.#options.directories.log({ topic, partition })?.latestEpoch ?? -1
  }

  /** All partitions of all topics. */
  *partitions(): Generator<Partition, void, undefined> {
    for (const { partitions } of this.#byName.values()) yield* partitions
  }

  /** Some logs can be neither read nor written any more: whoever waits for them hears of it. */
  directoryFailed(): void {
    for (const partition of this.partitions()) if (partition.offline !== undefined) partition.failed()
  }

  get version(): number {
    return this.#version
  }

  all(): IterableIterator<Topic> {
    return this.#byName.values()
  }

  named(name: string): Topic | undefined {
    return this.#byName.get(name)
  }

  withId(id: Uint8Array): Topic | undefined {
    return this.#byId.get(Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('base64url'))
  }

  /** Hears of topics after they have come, grown or gone. */
  onChange(listener: TopicsListener): Cancel {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async leaderAndIsr(registration: TopicRegistration): Promise<void> {
    const known = this.#byId.get(registration.id)
    const partitions = await this.#openPartitions(registration, known?.partitions ?? [])
    if (known !== undefined) {
      known.update(registration, partitions)
      // What was changed while the logs were being opened holds for them too.
      this.#configure(known)
      return this.#tell(known, 'grown')
    }
    const topic = new Topic(registration, partitions, ...this.#configsOf(registration.name))
    this.#configure(topic)
    this.#byName.set(topic.name, topic)
    this.#byId.set(topic.idText, topic)
    this.#tell(topic, 'added')
  }

  forget({ id }: TopicRegistration): void {
    const topic = this.#byId.get(id)
    if (topic === undefined) return
    this.#byId.delete(id)
    this.#byName.delete(topic.name)
    for (const partition of topic.partitions) partition.retire()
    this.#tell(topic, 'removed')
  }

  async deleteReplicas(topic: string, partitionCount: number): Promise<void> {
    const { directories } = this.#options
    const partitions = Array.from({ length: partitionCount }, (_, partition) => ({ topic, partition }))
    await mapConcurrently(partitions, OPEN_CONCURRENCY, async (partition) => {
      await this.moves.end(partition)
      await directories.removeLog(partition)
    })
  }

  #openPartitions({ name, id, partitions }: TopicRegistration, known: readonly Partition[]): Promise<Partition[]> {
    const [, { log: config }] = this.#configsOf(name)
    return mapConcurrently([...partitions.entries()], OPEN_CONCURRENCY, async ([partition, { state }]) => {
      const open = known[partition]
      if (open !== undefined) return open
      return new Partition(await this.#openLog({ topic: name, partition }, config, id), state?.leaderEpoch ?? 0)
    })
  }

  async #openLog(place: TopicPartition, config: LogConfig, id: string): Promise<PartitionLog> {
    const { directories } = this.#options
    const known = directories.log(place)
    if (known === undefined && this.#isStarting && directories.gap !== undefined) return directories.unreachableLog(place, config)
    const log = known ?? (await directories.createLog(place, config, id))
    if (log.topicId !== undefined && log.topicId !== id) throw logError('BROKER_STRAY_LOGS', { path: log.directory, name: log.name })
    return log
  }

  #configure(topic: Topic): void {
    topic.setConfig(...this.#configsOf(topic.name))
  }

  #configsOf(name: string): [texts: ConfigTexts, config: TopicConfig] {
    const { configs, brokerConfig, durable } = this.#options
    const texts = configs.get('topics', name)
    return [texts, topicConfig(texts, brokerConfig, durable)]
  }

  #tell(topic: Topic, change: Parameters<TopicsListener>[1]): void {
    this.#version++
    for (const listener of this.#listeners) listener(topic, change)
  }
}
