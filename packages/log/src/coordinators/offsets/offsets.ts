/**
 * The offsets that groups have committed: what the replay of their records and of transaction markers says.
 *
 * 1. A transaction's offsets are pending until its marker: a commit makes them the group's, an abort forgets them.
 * 2. Of a pending and a plain offset the one later in the log wins, in whatever order the marker comes: compaction keeps the order of keys, not of markers.
 * 3. A tombstone takes what is pending for its partition with it.
 * 4. No empty map is kept: groups that come and go leave nothing behind.
 */
import type { Marker, RecordOrigin } from '../framework/index.ts'
import type { OffsetRecord } from './offset-records.ts'

export interface CommittedOffset {
  readonly offset: number
  /** -1 where it is not known. */
  readonly leaderEpoch: number
  readonly metadata: string
  /** Milliseconds since 1970. */
  readonly commitTimestampMs: number
  /** When it ends, as its client wished; -1 where the broker's retention holds. */
  readonly expireTimestampMs: number
  /** Base64url of the topic's id; empty where it is not known. */
  readonly topicId: string
  /** Of its record in the log. */
  readonly order: number
}

type ByPartition<T> = Map<number, T>
type ByTopic<T> = Map<string, ByPartition<T>>
type ByGroup<T> = Map<string, ByTopic<T>>

export class Offsets {
  readonly #committed: ByGroup<CommittedOffset> = new Map()
  /** By producer: what its open transaction has committed. */
  readonly #pending = new Map<number, ByGroup<CommittedOffset>>()
  /** The producers whose open transactions concern a partition. */
  readonly #open: ByGroup<Set<number>> = new Map()

  get(groupId: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#committed.get(groupId)?.get(topic)?.get(partition)
  }

  /** All offsets of a group by topic and partition. */
  ofGroup(groupId: string): ReadonlyMap<string, ReadonlyMap<number, CommittedOffset>> {
    return this.#committed.get(groupId) ?? new Map()
  }

  /** Of all groups, without pending ones. */
  get count(): number {
    let count = 0
    for (const topics of this.#committed.values()) for (const partitions of topics.values()) count += partitions.size
    return count
  }

  /** The partitions of a group that open transactions have committed offsets for, by topic. */
  pendingOf(groupId: string): ReadonlyMap<string, ReadonlyMap<number, ReadonlySet<number>>> {
    return this.#open.get(groupId) ?? new Map()
  }

  /** Whether an open transaction has committed an offset for the partition. */
  isPending(groupId: string, topic: string, partition: number): boolean {
    return this.#open.get(groupId)?.get(topic)?.has(partition) ?? false
  }

  /** Whether an open transaction has committed offsets of the group. */
  hasPending(groupId: string): boolean {
    return this.#open.has(groupId)
  }

  /** Groups with offsets, pending ones included. */
  groupIds(): Set<string> {
    return new Set([...this.#committed.keys(), ...this.#open.keys()])
  }

  /** The producers whose transactions have pending offsets here. */
  pendingProducers(): readonly number[] {
    return [...this.#pending.keys()]
  }

  apply({ key: { groupId, topic, partition }, value }: OffsetRecord, { order, producer }: RecordOrigin): void {
    if (value === null) return this.#remove(groupId, topic, partition)
    const committed: CommittedOffset = {
      offset: value.offset,
      leaderEpoch: value.leaderEpoch,
      metadata: value.metadata,
      commitTimestampMs: value.commitTimestamp,
      expireTimestampMs: value.expireTimestamp,
      topicId: topicIdText(value.topicId),
      order,
    }
    if (producer === undefined) {
      put(this.#committed, groupId, topic, partition, committed)
      return
    }
    const { producerId } = producer
    const mine: ByGroup<CommittedOffset> = this.#pending.get(producerId) ?? new Map()
    this.#pending.set(producerId, mine)
    put(mine, groupId, topic, partition, committed)
    const producers = this.#open.get(groupId)?.get(topic)?.get(partition) ?? new Set()
    put(this.#open, groupId, topic, partition, producers.add(producerId))
  }

  applyMarker({ producerId, isCommit }: Marker): void {
    const mine = this.#pending.get(producerId)
    if (mine === undefined) return
    this.#pending.delete(producerId)
    for (const [groupId, topic, partition, offset] of entries(mine)) {
      this.#close(groupId, topic, partition, producerId)
      const before = this.get(groupId, topic, partition)
      if (isCommit && (before === undefined || offset.order > before.order)) put(this.#committed, groupId, topic, partition, offset)
    }
  }

  #remove(groupId: string, topic: string, partition: number): void {
    remove(this.#committed, groupId, topic, partition)
    for (const producerId of this.#open.get(groupId)?.get(topic)?.get(partition) ?? []) {
      const mine = this.#pending.get(producerId)
      if (mine === undefined) continue
      remove(mine, groupId, topic, partition)
      if (mine.size === 0) this.#pending.delete(producerId)
    }
    remove(this.#open, groupId, topic, partition)
  }

  #close(groupId: string, topic: string, partition: number, producerId: number): void {
    const producers = this.#open.get(groupId)?.get(topic)?.get(partition)
    producers?.delete(producerId)
    if (producers?.size === 0) remove(this.#open, groupId, topic, partition)
  }
}

/** How topic ids are kept and compared: base64url, empty for the zero id. */
export function topicIdText(id: Uint8Array): string {
  return id.every((byte) => byte === 0) ? '' : Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('base64url')
}

function put<T>(all: ByGroup<T>, groupId: string, topic: string, partition: number, value: T): void {
  const topics: ByTopic<T> = all.get(groupId) ?? new Map()
  const partitions: ByPartition<T> = topics.get(topic) ?? new Map()
  all.set(groupId, topics)
  topics.set(topic, partitions)
  partitions.set(partition, value)
}

function remove<T>(all: ByGroup<T>, groupId: string, topic: string, partition: number): void {
  const topics = all.get(groupId)
  const partitions = topics?.get(topic)
  if (topics === undefined || partitions === undefined) return
  partitions.delete(partition)
  if (partitions.size === 0) topics.delete(topic)
  if (topics.size === 0) all.delete(groupId)
}

function* entries<T>(all: ByGroup<T>): Generator<[string, string, number, T]> {
  for (const [groupId, topics] of all) {
    for (const [topic, partitions] of topics) for (const [partition, value] of partitions) yield [groupId, topic, partition, value]
  }
}
