/**
 * What a coordinator knows of one transactional id; replaced, never changed.
 *
 * Epochs (KIP-98, KIP-360, KIP-890): clients get 0 to 32,766; 32,767 is left to the coordinator, which can so always fence. A producer id whose
 * epochs are used up is followed by another one.
 */
import { mayFollow, type TransactionStateName } from './transaction-state.ts'

export const NO_PRODUCER_ID = -1
export const NO_PRODUCER_EPOCH = -1
export const NO_TIMESTAMP = -1
/** The largest epoch there is. */
export const PRODUCER_EPOCH_MAX = 0x7fff
/** The largest epoch a client gets. */
export const CLIENT_EPOCH_MAX: number = PRODUCER_EPOCH_MAX - 1

/** Partition numbers by topic. */
export type PartitionSet = ReadonlyMap<string, ReadonlySet<number>>

export const NO_PARTITIONS: PartitionSet = new Map()

/**
 * How the client ends its transactions: 0 and 1 keep the epoch from one transaction to the next, 2 moves it with every end (KIP-890).
 * 1 differs from 0 only in what the log's records can hold.
 */
export type TransactionVersion = 0 | 1 | 2

export interface Transaction {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  /** The producer id before the present one, where the epochs of that were used up; -1 otherwise. */
  readonly previousProducerId: number
  /** What follows the producer id once the ending transaction has ended; -1 if the id stays. */
  readonly nextProducerId: number
  /** The epoch that the last bump came from, where that was the producer's own wish; -1 otherwise and after a reload. */
  readonly lastProducerEpoch: number
  readonly timeoutMs: number
  readonly state: TransactionStateName
  readonly partitions: PartitionSet
  /** Of the first partition's addition; -1 before the first transaction. */
  readonly startedMs: number
  readonly updatedMs: number
  readonly clientVersion: TransactionVersion
}

/** Whether no client may get a higher epoch of this producer id. */
export function isEpochExhausted(producerEpoch: number): boolean {
  return producerEpoch >= CLIENT_EPOCH_MAX
}

/** The transaction in another state. A move that the table does not have is a bug. */
export function moved(before: Transaction, state: TransactionStateName, changes: Partial<Transaction>): Transaction {
  if (!mayFollow(before.state, state)) throw new Error(`a transaction cannot go from ${before.state} to ${state}`)
  return { ...before, ...changes, state }
}

/** Partitions of both. */
export function union(left: PartitionSet, right: PartitionSet): PartitionSet {
  const all = new Map(left)
  for (const [topic, partitions] of right) all.set(topic, new Set([...(all.get(topic) ?? []), ...partitions]))
  return all
}

/** Whether every partition of `part` is in `whole`. */
export function includesAll(whole: PartitionSet, part: PartitionSet): boolean {
  for (const [topic, partitions] of part) {
    const known = whole.get(topic)
    for (const partition of partitions) if (known?.has(partition) !== true) return false
  }
  return true
}

export function includesPartition(set: PartitionSet, topic: string, partition: number): boolean {
  return set.get(topic)?.has(partition) ?? false
}

/** What is named more than once is in it once. Of one map: a copy for each topic would take the square of their number. */
export function partitionSet(topics: Iterable<readonly [topic: string, partitions: Iterable<number>]>): PartitionSet {
  const all = new Map<string, Set<number>>()
  for (const [topic, partitions] of topics) {
    const known = all.get(topic)
    if (known === undefined) all.set(topic, new Set(partitions))
    else for (const partition of partitions) known.add(partition)
  }
  return all
}
