/**
 * The topics of a broker on its own: which there are, and the open logs of their partitions.
 *
 * What a controller will decide is decided here: creation, deletion, leader epochs.
 *
 * 1. A topic is seen only while its metadata is durable and all its logs are open.
 * 2. Creations and deletions happen one after the other.
 * 3. A deleted topic's name is free again only when its logs are gone: no log is ever taken for another topic's.
 * 4. Leader epochs grow with every start: records lost in a crash and those written in their stead differ in it.
 */
import type { Random } from '@millrace/core'
import { logError } from '../../errors.ts'
import { mapConcurrently } from '../../storage/directory/semaphore.ts'
import { partitionDirectoryName, type LogDirectory } from '../../storage/index.ts'
import { Mutex } from '../../storage/partition/mutex.ts'
import type { MetadataStore } from '../metadata/metadata-store.ts'
import type { TopicMetadata } from '../metadata/metadata.ts'
import { Partition } from './partition.ts'
import { topicConfig, topicConfigProblem, type TopicConfig } from './topic-config.ts'
import { collisionKey, topicNameProblem } from './topic-name.ts'

export interface Topic {
  readonly name: string
  /** Sixteen bytes. */
  readonly id: Uint8Array
  /** As set, by Kafka's names. */
  readonly configs: Readonly<Record<string, string>>
  readonly config: TopicConfig
  readonly partitions: readonly Partition[]
}

export interface NewTopic {
  readonly name: string
  readonly partitionCount: number
  readonly configs: Readonly<Record<string, string>>
}

export type TopicProblem =
  | { readonly kind: 'exists' }
  | { readonly kind: 'name'; readonly problem: string }
  | { readonly kind: 'partitions'; readonly problem: string }
  | { readonly kind: 'config'; readonly problem: string }

export interface TopicsOptions {
  readonly store: MetadataStore
  readonly directory: LogDirectory
  readonly random: Random
  /** Whether appends are synced before they are acknowledged. */
  readonly durable: boolean
}

/** Partitions of one topic at most. */
const PARTITIONS_MAX = 10_000
const OPEN_CONCURRENCY = 4

export class Topics {
  readonly #options: TopicsOptions
  readonly #mutex = new Mutex()
  readonly #byName = new Map<string, Topic>()
  readonly #byId = new Map<string, Topic>()

  private constructor(options: TopicsOptions) {
    this.#options = options
  }

  /** Opens the logs of all topics. @throws `BROKER_STRAY_LOGS` where there are logs of others */
  static async open(options: TopicsOptions): Promise<Topics> {
    const topics = new Topics(options)
    const { store, directory, durable } = options
    const known = new Map([...store.current.topics, ...store.current.deleting].map((topic) => [topic.name, topic]))
    for (const found of directory.found) {
      const { topic, partition } = found
      if (partition >= (known.get(topic)?.leaderEpochs.length ?? 0)) throw stray(directory.path, partitionDirectoryName(found))
    }
    const { topics: all } = await store.update((before) => ({
      ...before,
      brokerEpoch: before.brokerEpoch + 1,
      topics: before.topics.map((topic) => ({ ...topic, leaderEpochs: topic.leaderEpochs.map((epoch) => epoch + 1) })),
    }))
    await directory.loadLogs(({ topic }) => topicConfig(known.get(topic)!.configs, durable).log)
    await topics.#finishDeletions()
    for (const topic of all) topics.#add(topic, await topics.#openPartitions(topic))
    return topics
  }

  all(): IterableIterator<Topic> {
    return this.#byName.values()
  }

  named(name: string): Topic | undefined {
    return this.#byName.get(name)
  }

  withId(id: Uint8Array): Topic | undefined {
    return this.#byId.get(idText(id))
  }

  /** Why the topic cannot be made; undefined if it can. */
  problemOf({ name, partitionCount, configs }: NewTopic): TopicProblem | undefined {
    const nameProblem = topicNameProblem(name)
    if (nameProblem !== undefined) return { kind: 'name', problem: nameProblem }
    if (this.#byName.has(name)) return { kind: 'exists' }
    const key = collisionKey(name)
    for (const other of this.#byName.keys()) {
      if (collisionKey(other) === key) return { kind: 'name', problem: `it collides with '${other}': . and _ are the same to metrics` }
    }
    if (!Number.isInteger(partitionCount) || partitionCount < 1 || partitionCount > PARTITIONS_MAX) {
      return { kind: 'partitions', problem: `a topic has 1 to ${PARTITIONS_MAX} partitions, not ${partitionCount}` }
    }
    const problem = topicConfigProblem(configs)
    return problem === undefined ? undefined : { kind: 'config', problem }
  }

  /**
   * Makes a topic; it is durable, and can be written to, when it resolves. What is wrong with it is the result.
   * @throws the errors of the disk, after which the topic is not there
   */
  create(wanted: NewTopic): Promise<Topic | TopicProblem> {
    return this.#mutex.run(async () => {
      const problem = this.problemOf(wanted)
      if (problem !== undefined) return problem
      await this.#finishDeletions()
      const leaderEpochs = Array.from({ length: wanted.partitionCount }, () => 0)
      const metadata: TopicMetadata = { name: wanted.name, id: this.#newId(), leaderEpochs, configs: wanted.configs }
      await this.#options.store.update((all) => ({ ...all, topics: [...all.topics, metadata] }))
      try {
        return this.#add(metadata, await this.#openPartitions(metadata))
      } catch (error) {
        await this.#markDeleted(metadata.id)
        throw error
      }
    })
  }

  /** Deletes a topic; it stays deleted once this resolves. Gives whether it was still there. @throws the errors of the disk */
  delete(topic: Topic): Promise<boolean> {
    return this.#mutex.run(async () => {
      const id = idText(topic.id)
      if (!this.#byId.has(id)) return false
      await this.#markDeleted(id)
      this.#byId.delete(id)
      this.#byName.delete(topic.name)
      for (const partition of topic.partitions) partition.retire()
      await this.#finishDeletions()
      return true
    })
  }

  async #markDeleted(id: string): Promise<void> {
    await this.#options.store.update((all) => ({
      ...all,
      topics: all.topics.filter((topic) => topic.id !== id),
      deleting: [...all.deleting, ...all.topics.filter((topic) => topic.id === id)],
    }))
  }

  async #finishDeletions(): Promise<void> {
    const { store, directory } = this.#options
    const { deleting } = store.current
    if (deleting.length === 0) return
    for (const { name, leaderEpochs } of deleting) {
      for (const partition of leaderEpochs.keys()) await directory.removeLog({ topic: name, partition })
    }
    await store.update((all) => ({ ...all, deleting: all.deleting.filter((topic) => !deleting.includes(topic)) }))
  }

  #openPartitions({ name, id, leaderEpochs, configs }: TopicMetadata): Promise<Partition[]> {
    const { directory, durable } = this.#options
    const config = topicConfig(configs, durable).log
    return mapConcurrently([...leaderEpochs.entries()], OPEN_CONCURRENCY, async ([partition, leaderEpoch]) => {
      const place = { topic: name, partition }
      const log = directory.log(place) ?? (await directory.createLog(place, config, id))
      if (log.topicId !== undefined && log.topicId !== id) throw stray(directory.path, log.name)
      return new Partition(log, leaderEpoch)
    })
  }

  #add({ name, id, configs }: TopicMetadata, partitions: readonly Partition[]): Topic {
    const topic: Topic = {
      name,
      id: new Uint8Array(Buffer.from(id, 'base64url')),
      configs,
      config: topicConfig(configs, this.#options.durable),
      partitions,
    }
    this.#byName.set(name, topic)
    this.#byId.set(id, topic)
    return topic
  }

  /** Kafka gives out none that begins with a dash: it would read as an option on the command line. */
  #newId(): string {
    for (;;) {
      const id = idText(this.#options.random.bytes(16))
      if (!id.startsWith('-')) return id
    }
  }
}

function idText(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('base64url')
}

function stray(path: string, name: string): Error {
  return logError('BROKER_STRAY_LOGS', { path, name })
}
