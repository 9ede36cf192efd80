/**
 * All records of a producer that are not acknowledged, by partition, and what of it to send next. Knows no broker and no clock: it is told the time and the leaders.
 *
 * 1. Records of one partition keep the order in which they came, also while their topic is not known yet.
 * 2. `bufferedBytes` is what the records take that are not settled; the caller keeps it within its limit.
 * 3. A request has at most one batch of a partition.
 */
import type { Random } from '@millrace/core'
import type { BatchOptions, RecordToAppend } from '../../records/index.ts'
import type { TopicView } from '../metadata/cluster-view.ts'
import { BatchBuffers } from './batch-buffers.ts'
import { Generations } from './generations.ts'
import { partitionOfKey } from './murmur2.ts'
import { PartitionQueue } from './partition-queue.ts'
import { PendingBatch, type Completion, type ProducerIdentity } from './pending-batch.ts'
import type { ProducerSettings } from './producer-options.ts'
import { RECORD_OVERHEAD_BYTES, recordBytes } from './record-size.ts'
import { StickyPartition } from './sticky-partition.ts'
import { UnresolvedRecords, type ExpiredTopic } from './unresolved-records.ts'

/** What the accumulator has to know of a cluster. */
export interface Leaders {
  topic(name: string): TopicView | undefined
  /** The node that leads, or undefined while nobody does or it is to be asked for again. */
  leaderOf(topic: string, partition: number): number | undefined
}

export interface ProduceWork {
  readonly nodeId: number
  readonly batches: readonly PendingBatch[]
}

export interface Drained {
  readonly work: readonly ProduceWork[]
  /** Topics that have something to send and no leader that is known. */
  readonly wanted: ReadonlySet<string>
  /** Of topics that are known. */
  readonly leaderless: readonly PartitionQueue[]
  /** Partitions that have something to send and may not yet. */
  readonly gated: readonly PartitionQueue[]
  /** When to look again, if nothing happens before. */
  readonly nextAtMs: number
}

export interface DrainOptions {
  readonly nowMs: number
  readonly leaders: Leaders
  /** Requests that a node may still be sent. */
  readonly room: (nodeId: number) => number
  /** Whether a partition may be written to: in a transaction, those that were added to it. */
  readonly mayWrite: (queue: PartitionQueue) => boolean
}

/** Where a record went: into a batch that is open, which has its time already; into a new one; or where there is something to be sent, or looked for, at once. */
export type Placed = 'joined' | 'begun' | 'due'

/** What was given up; not accounted yet, but for records without a topic. */
export interface GivenUp {
  readonly batches: readonly PendingBatch[]
  readonly topics: readonly ExpiredTopic[]
}

interface TopicQueues {
  readonly topic: string
  readonly partitions: Map<number, PartitionQueue>
  /** The one that was asked for last: mostly the next record goes there too. */
  latest: PartitionQueue | undefined
  readonly sticky: StickyPartition
}

/** The builder reserves a little more than a record takes. */
const BUFFER_SLACK_BYTES = 64
/** Brokers forget idle producers after a day at the earliest by default; a batch sent alone now and then costs nothing. */
const IDLE_MS = 60_000

export class Accumulator {
  readonly generations: Generations = new Generations()
  readonly #settings: ProducerSettings
  readonly #random: Random
  readonly #topics = new Map<string, TopicQueues>()
  /** Of the topic that was asked for last. */
  #latest: TopicQueues | undefined
  readonly #unresolved: UnresolvedRecords = new UnresolvedRecords(this.generations)
  /** Those that hold batches. */
  readonly #active = new Set<PartitionQueue>()
  readonly #isTransactional: boolean
  readonly #buffers: BatchBuffers
  #identity: ProducerIdentity | undefined
  bufferedBytes = 0

  constructor(settings: ProducerSettings, random: Random, isTransactional: boolean) {
    this.#settings = settings
    this.#random = random
    this.#isTransactional = isTransactional
    this.#buffers = new BatchBuffers(settings.batchBytes + BUFFER_SLACK_BYTES)
  }

  get identity(): ProducerIdentity | undefined {
    return this.#identity
  }

  /** Who writes from now on. Only while nothing is outstanding. */
  setIdentity(identity: ProducerIdentity): void {
    this.#identity = identity
    for (const { partitions } of this.#topics.values()) for (const queue of partitions.values()) queue.setIdentity(identity)
  }

  get isEmpty(): boolean {
    return this.#active.size === 0 && this.#unresolved.topics.size === 0
  }

  /** Partitions whose batches wait for an answer. */
  get inFlight(): number {
    let count = 0
    for (const queue of this.#active) count += queue.inFlight
    return count
  }

  /** `nowMs` is asked for only where a batch begins: most records join one. */
  append(
    topic: string,
    partition: number | undefined,
    record: RecordToAppend,
    completion: Completion | undefined,
    nowMs: () => number,
    view: TopicView | undefined,
  ): Placed {
    if (view !== undefined && !this.#unresolved.has(topic)) return this.#place(view, partition, record, completion, nowMs, undefined)
    const sizeBytes = recordBytes(record)
    this.bufferedBytes += sizeBytes
    this.#unresolved.add(topic, { record, partition, completion, sizeBytes }, nowMs)
    return 'due'
  }

  /** Gives records whose topic has become known their partitions. */
  resolve(leaders: Leaders): void {
    for (const [topic, { records, createdAtMs, generation }] of this.#unresolved.topics) {
      const view = leaders.topic(topic)
      if (view === undefined || view.partitions.length === 0) continue
      this.#unresolved.resolved(topic)
      for (const { record, partition, completion, sizeBytes } of records) {
        this.bufferedBytes -= sizeBytes
        this.#place(view, partition, record, completion, () => createdAtMs, generation)
      }
      this.generations.remove(generation)
    }
  }

  /** Topics that records wait for. */
  unresolvedTopics(): readonly string[] {
    return [...this.#unresolved.topics.keys()]
  }

  /** Closes all batches: a flush waits for them. */
  closeBatches(): void {
    for (const queue of this.#active) queue.closeOpen()
  }

  /** Takes what can be sent now. Each batch must be given to `settled`, `settle` of its queue before. */
  drain({ nowMs, leaders, room, mayWrite }: DrainOptions): Drained {
    const { lingerMs, maxRequestBytes, bufferBytes } = this.#settings
    const linger = this.bufferedBytes >= bufferBytes ? 0 : lingerMs
    const byNode = new Map<number, { batches: PendingBatch[]; sizeBytes: number }>()
    const wanted = new Set<string>(this.#unresolved.topics.keys())
    const leaderless: PartitionQueue[] = []
    const gated: PartitionQueue[] = []
    const taken: PartitionQueue[] = []
    let nextAtMs = Number.POSITIVE_INFINITY
    for (const queue of this.#active) {
      const dueAtMs = queue.dueAtMs(nowMs, linger)
      if (dueAtMs > nowMs) {
        nextAtMs = Math.min(nextAtMs, dueAtMs)
        continue
      }
      const nodeId = leaders.leaderOf(queue.topic, queue.partition)
      if (nodeId === undefined) {
        wanted.add(queue.topic)
        leaderless.push(queue)
      } else if (!mayWrite(queue)) gated.push(queue)
      else {
        const request = byNode.get(nodeId) ?? { batches: [], sizeBytes: 0 }
        if (room(nodeId) <= 0 || request.sizeBytes >= maxRequestBytes) continue
        const batch = queue.take(nowMs, linger)!
        request.batches.push(batch)
        request.sizeBytes += batch.sizeBytes
        byNode.set(nodeId, request)
        taken.push(queue)
      }
    }
    // To the end, so that a partition with much to send does not keep others from their turn.
    for (const queue of taken) {
      this.#active.delete(queue)
      this.#active.add(queue)
    }
    const work = [...byNode].map(([nodeId, { batches }]) => ({ nodeId, batches }))
    return { work, wanted, leaderless, gated, nextAtMs: Math.min(nextAtMs, this.#nextExpiry(leaders)) }
  }

  queueOf(batch: PendingBatch): PartitionQueue {
    return this.#queue(this.#queues(batch.topic), batch.partition)
  }

  /** Accounts for a batch that is settled for good. */
  settled(batch: PendingBatch): void {
    this.bufferedBytes -= batch.accountedBytes
    this.generations.remove(batch.generation)
    const queue = this.queueOf(batch)
    if (queue.isEmpty) this.#active.delete(queue)
  }

  /** Batches past their time, and records whose topic never became known. */
  expire(nowMs: number, leaders: Pick<Leaders, 'topic'>): GivenUp {
    const { deliveryTimeoutMs } = this.#settings
    const late = [...this.#active].filter((queue) => queue.expiresAtMs(this.timeoutMs(queue, leaders)) <= nowMs)
    const batches = late.flatMap((queue) => queue.expire(nowMs, this.timeoutMs(queue, leaders)))
    return { batches, topics: this.#unresolved.late(nowMs, deliveryTimeoutMs).map((topic) => this.dropTopic(topic)) }
  }

  /** Everything that is not under way. */
  drop(): GivenUp {
    const batches = [...this.#active].flatMap((queue) => queue.drop())
    return { batches, topics: this.unresolvedTopics().map((topic) => this.dropTopic(topic)) }
  }

  /** Gives up the records of a topic that is not known, and never will be. */
  dropTopic(topic: string): ExpiredTopic {
    const dropped = this.#unresolved.drop(topic)
    this.bufferedBytes -= dropped.sizeBytes
    return dropped
  }

  /** How long records may take: where a topic has fewer partitions there is nobody to deliver to, and they are not waited for longer than room in the buffer would be. */
  timeoutMs({ topic, partition }: Pick<PartitionQueue, 'topic' | 'partition'>, leaders: Pick<Leaders, 'topic'>): number {
    const { deliveryTimeoutMs, maxBlockMs } = this.#settings
    const count = leaders.topic(topic)?.partitions.length ?? Number.POSITIVE_INFINITY
    return partition < count ? deliveryTimeoutMs : Math.min(maxBlockMs, deliveryTimeoutMs)
  }

  #nextExpiry(leaders: Pick<Leaders, 'topic'>): number {
    const { deliveryTimeoutMs } = this.#settings
    let nextAtMs = this.#unresolved.expiresAtMs(deliveryTimeoutMs)
    for (const queue of this.#active) nextAtMs = Math.min(nextAtMs, queue.expiresAtMs(this.timeoutMs(queue, leaders)))
    return nextAtMs
  }

  #place(
    view: TopicView,
    asked: number | undefined,
    record: RecordToAppend,
    completion: Completion | undefined,
    nowMs: () => number,
    generation: number | undefined,
  ): Placed {
    const queues = this.#queues(view.name)
    const queue = this.#queue(queues, asked ?? partitionOf(view, queues, record))
    const open = queue.open
    const { batchBytes } = this.#settings
    if (open !== undefined && open.fits(record, batchBytes)) {
      this.bufferedBytes += open.append(record, completion)
      return open.sizeBytes >= batchBytes ? 'due' : 'joined'
    }
    const batch = new PendingBatch(
      view.name,
      queue.partition,
      nowMs(),
      generation ?? this.generations.current,
      this.#batchOptions(),
      this.#buffers,
    )
    this.bufferedBytes += batch.append(record, completion)
    this.generations.add(batch.generation)
    queue.push(batch)
    this.#active.add(queue)
    return open !== undefined || batch.sizeBytes >= batchBytes ? 'due' : 'begun'
  }

  #queues(topic: string): TopicQueues {
    if (this.#latest?.topic === topic) return this.#latest
    const known = this.#topics.get(topic)
    this.#latest = known ?? {
      topic,
      partitions: new Map(),
      latest: undefined,
      sticky: new StickyPartition(this.#settings.batchBytes, this.#random),
    }
    if (known === undefined) this.#topics.set(topic, this.#latest)
    return this.#latest
  }

  #queue(queues: TopicQueues, partition: number): PartitionQueue {
    if (queues.latest?.partition === partition) return queues.latest
    const queue = queues.partitions.get(partition) ?? this.#newQueue(queues.topic, partition)
    queues.partitions.set(partition, queue)
    queues.latest = queue
    return queue
  }

  #newQueue(topic: string, partition: number): PartitionQueue {
    const { maxInFlight, idempotent } = this.#settings
    const made = new PartitionQueue(topic, partition, { maxInFlight, idempotent, idleMs: IDLE_MS })
    if (this.#identity !== undefined) made.setIdentity(this.#identity)
    return made
  }

  #batchOptions(): BatchOptions {
    const { compression, compressionLevel } = this.#settings
    return { compression, transactional: this.#isTransactional, ...(compressionLevel === undefined ? {} : { compressionLevel }) }
  }
}

function partitionOf(view: TopicView, { sticky }: TopicQueues, { key, value }: RecordToAppend): number {
  return key === null ? sticky.next(view, RECORD_OVERHEAD_BYTES + (value?.length ?? 0)) : partitionOfKey(key, view.partitions.length)
}
