/**
 * One fetch session (KIP-227): what its client is interested in, and what it was told last. A pure value over which the cache and the handler decide.
 *
 * 1. Partitions are in the order in which they are read: one that gave records goes to the end, so that none is starved by the limits of a response.
 * 2. An incremental response tells of a partition only what the client does not know yet: records, an error, another high watermark or log start.
 */
import type { FetchPartition } from './fetch-partition.ts'

/** The epoch of a request that wants no session, or ends one. */
export const FINAL_EPOCH = -1
/** The epoch of a request that begins a session with a full fetch. */
export const INITIAL_EPOCH = 0

/** What a response says of a partition, as far as a session compares it. */
export interface ToldPartition {
  readonly errorCode: number
  readonly highWatermark: number
  readonly logStartOffset: number
  readonly recordsBytes: number
  /** A preferred replica, a diverging epoch: worth an answer by itself. */
  readonly isUrgent: boolean
}

export class FetchSession {
  readonly id: number
  readonly isFollower: boolean
  readonly usesTopicIds: boolean
  readonly createdMs: number
  /** When it was last used, on the same clock as `createdMs`. */
  lastUsedMs: number
  /** What the next request must say. */
  epoch: number = nextEpoch(INITIAL_EPOCH)
  /** What it counted for in the cache when it last changed. */
  readonly #partitions: Map<string, FetchPartition>

  constructor(options: {
    readonly id: number
    readonly isFollower: boolean
    readonly usesTopicIds: boolean
    readonly nowMs: number
    readonly partitions: readonly FetchPartition[]
  }) {
    this.id = options.id
    this.isFollower = options.isFollower
    this.usesTopicIds = options.usesTopicIds
    this.createdMs = options.nowMs
    this.lastUsedMs = options.nowMs
    this.#partitions = new Map(options.partitions.map((partition) => [partition.key, partition]))
  }

  get size(): number {
    return this.#partitions.size
  }

  partitions(): readonly FetchPartition[] {
    return [...this.#partitions.values()]
  }

  /** Takes what a request adds, changes and forgets. */
  update(wanted: readonly FetchPartition[], forgottenKeys: Iterable<string>): void {
    for (const partition of wanted) {
      const known = this.#partitions.get(partition.key)
      if (known === undefined) this.#partitions.set(partition.key, partition)
      else known.want(partition)
    }
    for (const key of forgottenKeys) this.#partitions.delete(key)
  }

  /** Moves to the next epoch: the request of this one has been taken. */
  advance(nowMs: number): void {
    this.epoch = nextEpoch(this.epoch)
    this.lastUsedMs = nowMs
  }

  /** Notes what a full response tells. */
  told(partition: FetchPartition, told: ToldPartition): void {
    partition.toldHighWatermark = told.errorCode === 0 ? told.highWatermark : -1
    partition.toldLogStartOffset = told.logStartOffset
    if (told.recordsBytes > 0 && this.#partitions.delete(partition.key)) this.#partitions.set(partition.key, partition)
  }

  /** Whether an incremental response has to tell this, which counts as told then. */
  mustTell(partition: FetchPartition, told: ToldPartition): boolean {
    const isNew =
      told.recordsBytes > 0 ||
      told.errorCode !== 0 ||
      told.isUrgent ||
      told.highWatermark !== partition.toldHighWatermark ||
      told.logStartOffset !== partition.toldLogStartOffset
    if (isNew) this.told(partition, told)
    return isNew
  }
}

/** It wraps from 2^31-1 to 1: 0 and -1 mean something else. */
export function nextEpoch(epoch: number): number {
  return epoch >= 0x7fff_ffff ? 1 : epoch + 1
}
