/**
 * What is known of a cluster, as a value that Metadata responses and errors change.
 *
 * 1. A leader of an older epoch never replaces one of a newer epoch, as long as the topic is the same one (by its id): brokers learn of elections at different times.
 * 2. Nothing is removed by an answer that does not speak of it.
 */
import { ERROR_CODE, errorCode, type ApiResponse } from '../../protocol/index.ts'
import type { Address } from '../connection/address.ts'

/** A broker as the cluster tells of it; `rack` is its `broker.rack`. */
export interface Node extends Address {
  readonly id: number
  readonly rack: string | null
}

/** A partition as the cluster tells of it; replicas are ids of brokers, and `isr` those in sync with the leader. */
export interface PartitionView {
  readonly partition: number
  /** -1 while there is none. */
  readonly leader: number
  /** -1 where the broker does not tell (Metadata before version 7). */
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  readonly offlineReplicas: readonly number[]
}

/** A topic as the cluster tells of it. */
export interface TopicView {
  readonly name: string
  /** Sixteen bytes; all zero where the broker does not tell (Metadata before version 10). */
  readonly id: Uint8Array
  readonly isInternal: boolean
  /** By number, without gaps. */
  readonly partitions: readonly PartitionView[]
}

/** A topic that a broker answered an error for. */
export interface TopicProblem {
  readonly errorCode: number
}

const NO_ID = new Uint8Array(16)

export class ClusterView {
  clusterId: string | null = null
  controllerId = -1
  readonly nodes: Map<number, Node> = new Map()
  readonly #topics = new Map<string, TopicView>()
  /** Asked for last, and not changed since: a producer asks for each record. */
  #latest: TopicView | undefined
  readonly #problems = new Map<string, TopicProblem>()
  readonly #namesById = new Map<string, string>()
  /** Partitions whose leader was found to be another, or to be missing, by topic; cleared by the next answer about the topic. */
  readonly #stale = new Map<string, Set<number>>()

  topic(name: string): TopicView | undefined {
    if (this.#latest?.name !== name) this.#latest = this.#topics.get(name)
    return this.#latest
  }

  topics(): IterableIterator<TopicView> {
    return this.#topics.values()
  }

  problem(name: string): TopicProblem | undefined {
    return this.#problems.get(name)
  }

  /** What was answered about the topic may hold no longer. */
  forgetProblem(name: string): void {
    this.#problems.delete(name)
  }

  partition(topic: string, partition: number): PartitionView | undefined {
    return this.#topics.get(topic)?.partitions[partition]
  }

  nameOf(id: Uint8Array): string | undefined {
    return this.#namesById.get(hex(id))
  }

  isStale(topic: string): boolean {
    return this.#stale.has(topic)
  }

  /** The partition's leader is not to be trusted: ask again. */
  invalidate(topic: string, partition: number): void {
    const partitions = this.#stale.get(topic)
    if (partitions === undefined) this.#stale.set(topic, new Set([partition]))
    else partitions.add(partition)
  }

  /** The node that leads, or undefined while nobody does or it is to be asked for again. */
  leaderOf(topic: string, partition: number): number | undefined {
    const leader = this.partition(topic, partition)?.leader ?? -1
    if (leader < 0 || !this.nodes.has(leader) || this.#stale.get(topic)?.has(partition) === true) return undefined
    return leader
  }

  /** Why nothing is known of a topic, for people. */
  topicProblem(name: string): string {
    const code = this.problem(name)?.errorCode
    if (code === undefined) return 'no broker has said where it is'
    const { name: error } = errorCode(code)
    return code === ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION ? `the cluster does not have it (${error}): make it, or correct its name` : error
  }

  /** Why `leaderOf` knows none, for people. */
  leaderProblem(topic: string, partition: number): string {
    const count = this.#topics.get(topic)?.partitions.length
    if (count === undefined) return this.topicProblem(topic)
    if (partition >= count) return `the topic has ${count} ${count === 1 ? 'partition' : 'partitions'}`
    const leader = this.partition(topic, partition)!.leader
    if (leader < 0) return 'the brokers that have it are not there (it has no leader)'
    return this.nodes.has(leader) ? 'its leader does not answer' : `its leader, broker ${leader}, is not there`
  }

  /** A broker said in an answer who leads now (Produce 10, Fetch 12). True where that was news. */
  moveLeader(topic: string, partition: number, leader: number, leaderEpoch: number): boolean {
    const view = this.#topics.get(topic)
    const known = view?.partitions[partition]
    if (view === undefined || known === undefined || leaderEpoch <= known.leaderEpoch || !this.nodes.has(leader)) return false
    const partitions = view.partitions.with(partition, { ...known, leader, leaderEpoch })
    this.#latest = undefined
    this.#topics.set(topic, { ...view, partitions })
    this.#stale.get(topic)?.delete(partition)
    return true
  }

  addNode(node: Node): void {
    this.nodes.set(node.id, node)
  }

  /** Takes an answer in. `asked` are the topics that the question named; null for all of them: then what is not in the answer is gone. */
  apply(response: ApiResponse<'Metadata'>, asked: readonly string[] | null): void {
    this.clusterId = response.clusterId ?? this.clusterId
    this.controllerId = response.controllerId
    if (response.brokers.length > 0) {
      this.nodes.clear()
      for (const { nodeId, host, port, rack } of response.brokers) this.nodes.set(nodeId, { id: nodeId, host, port, rack })
    }
    if (asked === null) {
      const listed = new Set(response.topics.map(({ name }) => name))
      for (const name of this.#topics.keys()) if (!listed.has(name)) this.#forget(name)
    }
    for (const topic of response.topics) this.#applyTopic(topic)
  }

  #applyTopic(topic: ApiResponse<'Metadata'>['topics'][number]): void {
    const { name } = topic
    if (name === null) return
    this.#stale.delete(name)
    if (topic.errorCode !== ERROR_CODE.NONE && topic.errorCode !== ERROR_CODE.LEADER_NOT_AVAILABLE) {
      this.#forget(name)
      this.#problems.set(name, { errorCode: topic.errorCode })
      return
    }
    this.#problems.delete(name)
    const before = this.#topics.get(name)
    const isSame = before !== undefined && (hex(before.id) === hex(topic.topicId) || isZero(topic.topicId))
    const partitions = [...topic.partitions]
      .toSorted((a, b) => a.partitionIndex - b.partitionIndex)
      .map((partition): PartitionView => {
        const known = isSame ? before.partitions[partition.partitionIndex] : undefined
        if (known !== undefined && partition.leaderEpoch >= 0 && known.leaderEpoch > partition.leaderEpoch) return known
        return {
          partition: partition.partitionIndex,
          leader: partition.leaderId,
          leaderEpoch: partition.leaderEpoch,
          replicas: partition.replicaNodes,
          isr: partition.isrNodes,
          offlineReplicas: partition.offlineReplicas,
        }
      })
    if (partitions.some(({ partition }, index) => partition !== index)) {
      this.#problems.set(name, { errorCode: ERROR_CODE.LEADER_NOT_AVAILABLE })
      return
    }
    if (before !== undefined) this.#namesById.delete(hex(before.id))
    const id = isZero(topic.topicId) ? NO_ID : topic.topicId
    this.#latest = undefined
    this.#topics.set(name, { name, id, isInternal: topic.isInternal, partitions })
    if (id !== NO_ID) this.#namesById.set(hex(id), name)
  }

  #forget(name: string): void {
    const view = this.#topics.get(name)
    if (view !== undefined) this.#namesById.delete(hex(view.id))
    this.#latest = undefined
    this.#topics.delete(name)
    this.#problems.delete(name)
  }
}

export function isZero(id: Uint8Array): boolean {
  return id.every((byte) => byte === 0)
}

function hex(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.length).toString('hex')
}
