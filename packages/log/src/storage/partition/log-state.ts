/**
 * What is true of one partition's log at this moment; shared by the parts that read and change it.
 *
 * 1. `segments` are in order, never empty once loaded; only the last one grows; each ends where the next begins or below.
 * 2. logStartOffset ≤ highWatermark ≤ logEndOffset; syncedOffset and recoveryPoint ≤ logEndOffset.
 * 3. Everything below `logEndOffset` has been written (and can be read); everything below `syncedOffset` survives a crash;
 *    everything below `recoveryPoint` does so with its indexes, snapshots and epochs.
 * 4. A new log's folder is not durable before the first of its records is to be: thousands that nobody writes to cost no sync.
 */
import { posix } from 'node:path'
import { type Cancel, type MillraceError, randomBelow } from '@millrace/core'
import { logError } from '../../errors.ts'
import type { LogConfig } from '../config.ts'
import { partitionDirectoryName, segmentFileName, type TopicPartition } from '../names.ts'
import { leaderEpochCheckpointName, writeLeaderEpochCheckpoint } from '../checkpoints/leader-epoch-checkpoint.ts'
import { partitionMetadataName, writePartitionMetadata } from '../checkpoints/partition-metadata.ts'
import { removeIfPresent } from '../checkpoints/atomic-file.ts'
import { ProducerState } from '../producers/producer-state.ts'
import { Segment } from '../segment/segment.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import type { LogHost } from './log-host.ts'
import { Mutex } from './mutex.ts'
import { RecentBatches } from './recent-batches.ts'

export class LogState {
  readonly host: LogHost
  readonly partition: TopicPartition
  readonly name: string
  /** The partition's folder; changes when the log is renamed for its removal. */
  directory: string
  config: LogConfig
  /** The topic's id (base64url), where it is known. */
  topicId: string | undefined
  /** Whether a crash can take neither the folder nor the topic's id in it. */
  areNamesDurable = true
  segments: Segment[] = []
  logStartOffset = 0
  logEndOffset = 0
  highWatermark = 0
  syncedOffset = 0
  recoveryPoint = 0
  epochs: LeaderEpochs = new LeaderEpochs()
  readonly producers: ProducerState = new ProducerState()
  readonly recent: RecentBatches = new RecentBatches()
  /** Snapshots that are due but not in their files yet, by offset. */
  readonly pendingSnapshots: Map<number, Uint8Array> = new Map()
  /** Offsets of the snapshot files. */
  readonly snapshotOffsets: Set<number> = new Set()
  /** Held by whoever syncs, and by whoever takes segments away. */
  readonly syncing: Mutex = new Mutex()
  isClosed = false
  segmentJitterMs = 0
  #naming: Promise<void> | undefined
  #discardCount = 0
  readonly #removals = new Map<Segment, Cancel>()

  constructor(host: LogHost, partition: TopicPartition, config: LogConfig) {
    this.host = host
    this.partition = partition
    this.name = partitionDirectoryName(partition)
    this.directory = posix.join(host.path, this.name)
    this.config = config
  }

  get active(): Segment {
    return this.segments.at(-1)!
  }

  get sizeBytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.sizeBytes, 0)
  }

  get lastStableOffset(): number {
    const first = this.producers.firstUnstableOffset
    return first === undefined || first >= this.highWatermark ? this.highWatermark : Math.max(first, this.logStartOffset)
  }

  /** Why nothing can be done with this log, if so. */
  get refusal(): MillraceError | undefined {
    return this.host.offline ?? (this.isClosed ? logError('STORAGE_CLOSED', { partition: this.name }) : undefined)
  }

  path(name: string): string {
    return posix.join(this.directory, name)
  }

  snapshotPath(offset: number): string {
    return this.path(segmentFileName(offset, 'snapshot'))
  }

  /** The segment that holds `offset`, or would: the last one that begins at it or below. */
  segmentIndexFor(offset: number): number {
    let low = 0
    let high = this.segments.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.segments[middle]!.baseOffset <= offset) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  /** Creates an empty segment that is to grow, with its name durable: what is written into it must not lose its file alone. */
  async createSegment(baseOffset: number): Promise<Segment> {
    const segment = await this.createFirstSegment(baseOffset)
    await this.host.disk.syncDirectory(this.directory)
    return segment
  }

  /** As `createSegment`, of a new log, whose names become durable with its first records. */
  async createFirstSegment(baseOffset: number): Promise<Segment> {
    const { disk, clock } = this.host
    const { indexIntervalBytes } = this.config
    const path = this.path(segmentFileName(baseOffset, 'log'))
    await (await disk.open(path, 'write')).close()
    const segment = new Segment(this.host, {
      directory: this.directory,
      baseOffset,
      sizeBytes: 0,
      nextOffset: baseOffset,
      createdMs: clock.now(),
      indexIntervalBytes,
    })
    segment.startEmpty()
    this.segmentJitterMs =
      this.config.segmentJitterMs > 0 ? randomBelow(this.host.random, Math.min(this.config.segmentJitterMs, 2 ** 32)) : 0
    return segment
  }

  /** Takes a segment that is no longer in `segments` away: renamed now, durably, removed after the delay and the last reader. */
  async discard(segment: Segment, keepsSnapshot = false): Promise<void> {
    try {
      await segment.retire(`.${this.#discardCount++}.deleted`)
      if (!keepsSnapshot) await this.removeSnapshot(segment.baseOffset)
    } catch (error) {
      throw this.host.failed(error, this.directory, true)
    }
    this.#removeLater(segment)
  }

  async removeSnapshot(offset: number): Promise<void> {
    this.pendingSnapshots.delete(offset)
    if (this.snapshotOffsets.delete(offset)) await removeIfPresent(this.host.disk, this.snapshotPath(offset))
  }

  /** Makes the leader epochs durable (but for the name) where they have changed. Gives whether they had to be written. */
  async saveEpochs(): Promise<boolean> {
    const { epochs } = this
    const { starts } = epochs
    if (epochs.isSaved(this.logEndOffset)) return false
    await writeLeaderEpochCheckpoint(this.host.disk, this.path(leaderEpochCheckpointName), starts)
    epochs.markSaved(starts)
    return true
  }

  /** Makes the folder durable, with the topic's id in it: before anything else of it is called durable. */
  async saveNames(): Promise<void> {
    if (this.areNamesDurable) return
    this.#naming ??= this.#saveNames().finally(() => (this.#naming = undefined))
    await this.#naming
  }

  async #saveNames(): Promise<void> {
    const { disk } = this.host
    if (this.topicId !== undefined) await writePartitionMetadata(disk, this.path(partitionMetadataName), this.topicId)
    else await disk.syncDirectory(this.directory)
    await this.host.syncNames()
    this.areNamesDurable = true
  }

  /** Gives up waiting for the delays; the files go when the log is opened next. */
  async cancelRemovals(): Promise<void> {
    for (const [segment, cancel] of this.#removals) {
      cancel()
      await segment.close()
    }
    this.#removals.clear()
  }

  #removeLater(segment: Segment): void {
    const cancel = this.host.clock.after(this.config.fileDeleteDelayMs, () => {
      this.#removals.delete(segment)
      segment.remove().catch((error: unknown) => this.host.failedInBackground(error, this.directory))
    })
    this.#removals.set(segment, cancel)
  }
}
