/**
 * What a broker shares with its cluster: the coordination service, the controller, and what both make of the log directories.
 *
 * 1. Every log in the directories belongs to a topic that is stored, or nothing is opened: nothing is taken over or removed by guess.
 * 2. A directory in which no topic was ever stored is one of another broker's: its topics are taken over, all in one transaction.
 * 3. A partition that was there before and whose log lies where nobody can look is there, and answers with the failure of its directory.
 */
import { posix } from 'node:path'
import { EmbeddedCoordination, type Clock, type CoordinationSession, type Disk, type Logger, type Random } from '@millrace/core'
import {
  adoptLogs,
  ConfigStore,
  Controller,
  ControllerStore,
  newTopicId,
  ProducerIds,
  strayLog,
  type BrokerRegistration,
  type FoundLog,
  type StoredTopic,
} from '../../controller/index.ts'
import { logError } from '../../errors.ts'
import { partitionMetadataName, readPartitionMetadata } from '../../storage/checkpoints/partition-metadata.ts'
import { partitionDirectoryName, watchedDisk, type LogDirectories, type LogDirectory } from '../../storage/index.ts'
import type { BrokerConfig } from '../config/index.ts'
import { ensureTopic, internalTopicConfigs, type TopicRefusal } from '../topics/internal-topics.ts'
import type { Topic } from '../topics/topic.ts'
import { Topics } from '../topics/topics.ts'
import { DirectoryMemory } from './known-directories.ts'

export interface ClusterOptions {
  readonly directories: LogDirectories
  readonly nodeId: number
  readonly config: BrokerConfig
  readonly durable: boolean
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** The resource whose configurations hold for all brokers. */
export const ALL_BROKERS = '<default>'

export class Cluster {
  readonly #coordination: EmbeddedCoordination
  readonly #store: ControllerStore
  readonly #options: ClusterOptions
  /** For what others keep in the coordination service. */
  readonly session: CoordinationSession
  readonly controller: Controller
  readonly configs: ConfigStore
  readonly topics: Topics
  readonly producerIds: ProducerIds

  private constructor(coordination: EmbeddedCoordination, options: ClusterOptions, opened: Opened) {
    this.#coordination = coordination
    this.#options = options
    this.#store = opened.store
    this.session = opened.session
    this.controller = opened.controller
    this.configs = opened.configs
    this.topics = opened.topics
    this.producerIds = new ProducerIds(opened.session, options.nodeId)
  }

  /**
   * Opens the coordination service in the directory of the metadata, and all logs. @throws BROKER_STRAY_LOGS, BROKER_METADATA_CORRUPT,
   * COORDINATION_CORRUPT, the errors of the disk
   */
  static async open(options: ClusterOptions): Promise<Cluster> {
    const { metadata } = options.directories
    const coordination = await EmbeddedCoordination.open({ disk: watchedDisk(options.disk, metadata), folder: metadata.path })
    try {
      return new Cluster(coordination, options, await openWith(coordination, options))
    } catch (error) {
      await coordination.close()
      throw error
    }
  }

  get brokerEpoch(): number {
    return this.#store.brokerEpoch
  }

  /** Tells others where this broker is. */
  async register(broker: BrokerRegistration): Promise<void> {
    await this.#store.setBroker(this.#options.nodeId, broker, this.#options.clock)
  }

  /** The topic, made if it is missing, as its configurations say; what is wrong with it otherwise. @throws as `Controller.create` */
  ensureTopic(name: string): Promise<Topic | TopicRefusal> {
    return ensureTopic({ topics: this.topics, controller: this.controller, config: this.#options.config }, name)
  }

  close(): Promise<void> {
    return this.#coordination.close()
  }
}

interface Opened {
  readonly session: CoordinationSession
  readonly store: ControllerStore
  readonly controller: Controller
  readonly configs: ConfigStore
  readonly topics: Topics
}

const NOWHERE: BrokerRegistration = { host: '', port: -1, rack: undefined, endpoints: [] }

async function openWith(coordination: EmbeddedCoordination, options: ClusterOptions): Promise<Opened> {
  const { directories, nodeId, config, durable, clock, random, logger } = options
  const session = await coordination.connect()
  const store = await ControllerStore.elect(session, nodeId, NOWHERE, clock)
  if (await store.isUnused()) await adopt(store, options)
  const stored = await store.topics()
  const configs = await ConfigStore.open(session, (error) => logger.error('a configuration cannot be read', { problem: String(error) }))
  bindBrokerConfig(config, configs, nodeId)
  const memory = await DirectoryMemory.read(session, nodeId, directories)
  const topics = new Topics({ directories, configs, brokerConfig: config, brokerEpoch: store.brokerEpoch, durable, clock, logger })
  for (const directory of directories.opened) {
    const stray = strayLog(foundLogs(directory), stored)
    if (stray !== undefined) throw logError('BROKER_STRAY_LOGS', { path: directory.path, name: partitionDirectoryName(stray) })
  }
  await topics.loadLogs()
  const other = topics.identifyLogs(stored)
  if (other !== undefined) throw logError('BROKER_STRAY_LOGS', { path: posix.dirname(other.directory), name: other.name })
  await directories.settle()
  const controller = await Controller.start(
    { store, configs, brokerId: nodeId, random, broker: topics, epochInLog: (topic, partition) => topics.epochInLog(topic, partition) },
    stored,
  )
  topics.started()
  const unreachable = [...topics.partitions()].filter(({ offline }) => offline !== undefined)
  if (unreachable.length === 0) directories.missing = []
  else tellUnreachable(unreachable.length, directories, logger)
  await memory.write()
  return { session, store, controller, configs, topics }
}

function foundLogs(directory: LogDirectory): FoundLog[] {
  return directory.found.map((found) => ({ ...found, topicId: undefined }))
}

function tellUnreachable(partitions: number, { lost, missing }: LogDirectories, logger: Logger): void {
  const paths = [...lost.map(({ path }) => path), ...missing]
  const told =
    'the logs of some partitions are in none of the log directories: they are answered with KAFKA_STORAGE_ERROR. Mend the directories that have failed, give those that are missing to log.dirs again, and start the broker anew. What is gone for good is to be taken out of log.dirs, and its topics deleted'
  logger.error(told, { partitions, directories: paths.join(', ') })
}

/** What is set at run time for this broker and for all of them holds at once. */
function bindBrokerConfig(config: BrokerConfig, configs: ConfigStore, nodeId: number): void {
  const name = String(nodeId)
  const load = (): void => config.setDynamic({ broker: configs.get('brokers', name), cluster: configs.get('brokers', ALL_BROKERS) })
  load()
  configs.onChange((kind) => {
    if (kind === 'brokers') load()
  })
}

/** Takes over the topics of a directory that another broker wrote. Their configurations are the defaults. */
async function adopt(store: ControllerStore, { directories, disk, nodeId, random, config, logger }: ClusterOptions): Promise<void> {
  const { opened, metadata } = directories
  const found: FoundLog[] = []
  for (const directory of opened) {
    for (const log of foundLogs(directory)) {
      const path = posix.join(directory.path, partitionDirectoryName(log), partitionMetadataName)
      found.push({ ...log, topicId: await readPartitionMetadata(disk, path) })
    }
  }
  if (found.length === 0) return
  // A part of the topics would be forgotten.
  if (directories.lost.length > 0) throw directories.lost[0]!.error
  const adoption = adoptLogs(found, nodeId, () => newTopicId(random))
  if ('problem' in adoption) {
    const { problem, log } = adoption
    throw logError('BROKER_DIRECTORY_INCOMPLETE', { path: metadata.path, topic: log.topic, problem })
  }
  await store.adopt(adoption.topics.map((topic: StoredTopic) => ({ topic, configs: internalTopicConfigs(topic.name, config) })))
  logger.info('topics of another broker are taken over, with default configurations', {
    path: opened.map(({ path }) => path).join(', '),
    topics: adoption.topics.length,
  })
}
