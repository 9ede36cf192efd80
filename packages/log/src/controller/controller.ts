/**
 * The controller of a cluster of one broker: which topics there are, who leads their partitions, what is being deleted.
 *
 * What it decides is written first, then acted out by the broker it is in (`BrokerRequests`, which more brokers will hear over the network).
 *
 * 1. Commands happen one after the other; what they answer is durable.
 * 2. A topic is told to the broker only when it is stored; `topics` has exactly those that the broker has accepted.
 * 3. A deletion is noted first, and forgotten with the topic's nodes when its logs are gone; what a stop interrupts, or a log directory that has
 *    failed, a later start finishes. Until then the name is taken.
 * 4. Leader epochs grow with every start: records lost in a crash and those written in their stead differ in it.
 */
import { MillraceError, type Random } from '@millrace/core'
import { Mutex } from '../storage/partition/mutex.ts'
import type { Configs, ConfigStore } from './config-store.ts'
import type { ControllerStore, StoredTopic } from './controller-store.ts'
import { electFirst, electOffline } from './elections.ts'
import type { PartitionState } from './registrations.ts'
import {
  placeMorePartitions,
  placeTopic,
  type Assignments,
  type ClusterFacts,
  type NewTopic,
  type TopicProblem,
} from './topic-decisions.ts'

export interface PartitionRegistration {
  readonly replicas: readonly number[]
  /** Undefined while nobody leads it. */
  readonly state: PartitionState | undefined
}

export interface TopicRegistration {
  readonly name: string
  /** Sixteen bytes in base64url, as Kafka prints it. */
  readonly id: string
  readonly partitions: readonly PartitionRegistration[]
}

/** What a controller asks of a broker. */
export interface BrokerRequests {
  /** LeaderAndIsr and UpdateMetadata: the topic as it is now; the broker opens what it has replicas of. */
  leaderAndIsr(topic: TopicRegistration): Promise<void>
  /** UpdateMetadata: the topic has gone; clients are told so from now on. */
  forget(topic: TopicRegistration): void
  /** StopReplica with deletion: the logs are gone when it resolves. Rejects with `STORAGE_OFFLINE` where one may lie in a directory that has failed. */
  deleteReplicas(topic: string, partitionCount: number): Promise<void>
}

export interface ControllerOptions {
  readonly store: ControllerStore
  readonly configs: ConfigStore
  readonly brokerId: number
  readonly random: Random
  readonly broker: BrokerRequests
  /** The highest leader epoch that a log of this broker knows; -1 if none. */
  readonly epochInLog: (topic: string, partition: number) => number
}

export class Controller {
  readonly #options: ControllerOptions
  readonly #mutex = new Mutex()
  readonly #topics = new Map<string, TopicRegistration>()
  /** Topics whose logs and nodes are still to be removed, with the number of their partitions. */
  readonly #deletions = new Map<string, number>()
  /** Topics that are stored with more partitions than the broker has opened. */
  readonly #unaccepted = new Map<string, TopicRegistration>()
  #placed = 0
  /** Topics whose deletion was not complete when the controller started: who keeps something of them may not have heard of it. */
  readonly resumedDeletions: readonly string[]

  private constructor(options: ControllerOptions, resumedDeletions: readonly string[]) {
    this.#options = options
    this.resumedDeletions = resumedDeletions
  }

  /** Elects leaders of all that is stored, finishes deletions, and tells the broker. @param stored what the store had when the logs were opened */
  static async start(options: ControllerOptions, stored: readonly StoredTopic[]): Promise<Controller> {
    const deletions = new Set(await options.store.deletions())
    const controller = new Controller(options, [...deletions])
    for (const { name, assignment } of stored) if (deletions.has(name)) controller.#deletions.set(name, assignment.replicas.length)
    await controller.#finishDeletions()
    const topics = await controller.#electLeaders(stored.filter(({ name }) => !deletions.has(name)))
    for (const topic of topics) await controller.#accept(topic)
    return controller
  }

  get topics(): ReadonlyMap<string, TopicRegistration> {
    return this.#topics
  }

  get epoch(): number {
    return this.#options.store.epoch
  }

  /** What creating this topic would make of it. */
  plan(wanted: NewTopic): Assignments | TopicProblem {
    return placeTopic(wanted, this.#facts())
  }

  /**
   * Makes a topic; it is durable, and can be written to, when it resolves. What is wrong with it is the result.
   * @throws COORDINATION_UNAVAILABLE; the errors of the broker's disk, after which the topic is not there
   */
  create(wanted: NewTopic): Promise<TopicRegistration | TopicProblem> {
    return this.#mutex.run(async () => {
      await this.#finishDeletions()
      const placed = this.plan(wanted)
      if (isTopicProblem(placed)) return placed
      this.#placed++
      const { store, configs } = this.#options
      const stored: StoredTopic = {
        name: wanted.name,
        assignment: { id: this.#newId(), replicas: placed },
        states: placed.map((replicas) => this.#electFirst(replicas)),
      }
      await store.createTopic(stored, configs.creation('topics', wanted.name, wanted.configs ?? {}))
      await configs.settled()
      const topic = registrationOf(stored)
      try {
        await this.#accept(topic)
      } catch (error) {
        // It is taken away before the next topic is made, whether the note of it can be kept or not.
        this.#deletions.set(topic.name, topic.partitions.length)
        await store.noteDeletion(topic.name).catch(() => undefined)
        throw error
      }
      return topic
    })
  }

  /** Deletes a topic; it stays deleted once this resolves. Gives whether it was still there. @throws as `create` */
  delete(id: string): Promise<boolean> {
    return this.#mutex.run(async () => {
      const topic = this.#topicWithId(id)
      if (topic === undefined) return false
      const unaccepted = this.#unaccepted.get(topic.name)
      // Of partitions that the broker has refused there may be logs too.
      await this.#noteDeletion(unaccepted?.id === id ? unaccepted : topic)
      this.#unaccepted.delete(topic.name)
      this.#topics.delete(topic.name)
      this.#options.broker.forget(topic)
      await this.#finishDeletions()
      return true
    })
  }

  /** What growing this topic would add. */
  planMorePartitions(topic: TopicRegistration, count: number, assignments?: Assignments): Assignments | TopicProblem {
    return placeMorePartitions(
      topic.partitions.map(({ replicas }) => replicas),
      count,
      assignments,
      this.#facts(),
    )
  }

  /** Adds partitions up to `count`. @throws as `create`; partitions that were stored appear with the next attempt, or the next start */
  createPartitions(name: string, count: number, assignments?: Assignments): Promise<TopicRegistration | TopicProblem> {
    return this.#mutex.run(async () => {
      const topic = this.#topics.get(name)
      if (topic === undefined) return { kind: 'unknown', problem: 'This server does not host this topic-partition.' }
      const unaccepted = this.#unaccepted.get(name)
      if (unaccepted?.id === topic.id) return await this.#grow(unaccepted)
      const placed = this.planMorePartitions(topic, count, assignments)
      if (isTopicProblem(placed)) return placed
      const partitions = [...topic.partitions, ...placed.map((replicas) => ({ replicas, state: this.#electFirst(replicas) }))]
      const grown: TopicRegistration = { ...topic, partitions }
      await this.#options.store.addPartitions(storedOf(grown), topic.partitions.length)
      return await this.#grow(grown)
    })
  }

  async #grow(grown: TopicRegistration): Promise<TopicRegistration> {
    this.#unaccepted.set(grown.name, grown)
    await this.#accept(grown)
    this.#unaccepted.delete(grown.name)
    return grown
  }

  /** Changes what is set for a topic. Gives whether it is there. @throws COORDINATION_UNAVAILABLE */
  alterConfigs(name: string, decide: (before: Configs) => Configs | undefined): Promise<boolean> {
    return this.#mutex.run(async () => {
      if (!this.#topics.has(name)) return false
      await this.#options.configs.alter('topics', name, decide)
      return true
    })
  }

  async #accept(topic: TopicRegistration): Promise<void> {
    await this.#options.broker.leaderAndIsr(topic)
    this.#topics.set(topic.name, topic)
  }

  async #noteDeletion({ name, partitions }: TopicRegistration): Promise<void> {
    await this.#options.store.noteDeletion(name)
    this.#deletions.set(name, partitions.length)
  }

  async #finishDeletions(): Promise<void> {
    const { store, configs, broker } = this.#options
    for (const [name, partitionCount] of this.#deletions) {
      if (!(await isDeleted(broker.deleteReplicas(name, partitionCount)))) continue
      await store.removeTopic(name, configs.removal('topics', name))
      await configs.settled()
      this.#deletions.delete(name)
    }
  }

  async #electLeaders(stored: readonly StoredTopic[]): Promise<TopicRegistration[]> {
    const { store, epochInLog } = this.#options
    const elected = stored.map((topic) => ({
      ...topic,
      states: topic.states.map((state, partition) => {
        const replicas = topic.assignment.replicas[partition]!
        const floor = epochInLog(topic.name, partition)
        return electOffline({ replicas, state, ...this.#electionFacts(), epochFloor: floor }) ?? state
      }),
    }))
    await store.setPartitionStates(
      elected.flatMap(({ name: topic, states }) =>
        states.flatMap((state, partition) => (state === undefined ? [] : [{ topic, partition, state }])),
      ),
    )
    return elected.map(registrationOf)
  }

  #electFirst(replicas: readonly number[]): PartitionState | undefined {
    return electFirst({ replicas, state: undefined, ...this.#electionFacts(), epochFloor: -1 })
  }

  #electionFacts(): { readonly liveBrokers: ReadonlySet<number>; readonly controllerEpoch: number } {
    return { liveBrokers: new Set([this.#options.brokerId]), controllerEpoch: this.epoch }
  }

  #facts(): ClusterFacts {
    const brokers = [this.#options.brokerId]
    return {
      brokers,
      topics: new Set(this.#topics.keys()),
      deletions: new Set(this.#deletions.keys()),
      firstBroker: brokers[this.#placed % brokers.length]!,
    }
  }

  #topicWithId(id: string): TopicRegistration | undefined {
    for (const topic of this.#topics.values()) if (topic.id === id) return topic
    return undefined
  }

  #newId(): string {
    return newTopicId(this.#options.random)
  }
}

/** False where it has to wait for a log directory. */
async function isDeleted(deletion: Promise<void>): Promise<boolean> {
  try {
    await deletion
    return true
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'STORAGE_OFFLINE') return false
    throw error
  }
}

export function isTopicProblem(value: object): value is TopicProblem {
  return 'problem' in value
}

/** Kafka gives out none that begins with a dash: it would read as an option on the command line. */
export function newTopicId(random: Random): string {
  for (;;) {
    const id = Buffer.from(random.bytes(16)).toString('base64url')
    if (!id.startsWith('-')) return id
  }
}

function registrationOf({ name, assignment, states }: StoredTopic): TopicRegistration {
  return {
    name,
    id: assignment.id!,
    partitions: assignment.replicas.map((replicas, partition) => ({ replicas, state: states[partition] })),
  }
}

function storedOf({ name, id, partitions }: TopicRegistration): StoredTopic {
  return {
    name,
    assignment: { id, replicas: partitions.map(({ replicas }) => replicas) },
    states: partitions.map(({ state }) => state),
  }
}
