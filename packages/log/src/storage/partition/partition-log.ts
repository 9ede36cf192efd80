/**
 * The log of one partition: what a broker appends to, reads from, and looks after.
 *
 * Made by `LogDirectory`. Every method rejects with `STORAGE_OFFLINE` once the directory is offline and with `STORAGE_CLOSED`
 * after `close`. What changes the log's structure goes through the lane of its appends, and holds off syncs meanwhile.
 */
import type { MillraceError } from '@millrace/core'
import type { LogConfig } from '../config.ts'
import { logError } from '../../errors.ts'
import type { TopicPartition } from '../names.ts'
import type { EpochEnd } from './leader-epochs.ts'
import type { EpochStart } from '../checkpoints/leader-epoch-checkpoint.ts'
import type { ProducerEntry } from '../producers/producer-entry.ts'
import type { AbortedTransaction } from '../index/transaction-index.ts'
import type { AppendOptions, AppendResult } from './append-request.ts'
import { Appender } from './appender.ts'
import { Flusher } from './flusher.ts'
import type { LogState } from './log-state.ts'
import type { ReadOptions, ReadPlan, Isolation } from './read-plan.ts'
import { boundOf, Reader } from './reader.ts'
import { Mutex } from './mutex.ts'
import { raiseLogStart, removeExpired, type Removed } from './retention.ts'
import { findMaxTimestamp, findTimestamp, type FoundTimestamp } from './timestamps.ts'
import { truncateFullyAndStartAt, truncateTo } from './truncation.ts'

/** The log of one partition; made by `LogDirectory`. */
export class PartitionLog {
  readonly #state: LogState
  readonly #appender: Appender
  readonly #flusher: Flusher
  readonly #reader: Reader
  /** @internal Held by the cleaner while it is at this log. */
  readonly compacting: Mutex = new Mutex()
  /** Not compacted as long as it is set: it is being copied. */
  isCompactionPaused = false

  /** @internal Use `LogDirectory.createLog`. */
  constructor(state: LogState) {
    this.#state = state
    this.#flusher = new Flusher(state)
    this.#appender = new Appender(state, this.#flusher)
    this.#reader = new Reader(state)
  }

  get partition(): TopicPartition {
    return this.#state.partition
  }

  get name(): string {
    return this.#state.name
  }

  /** The folder of its files. */
  get directory(): string {
    return this.#state.directory
  }

  /** The topic's id (base64url), where it is known. */
  get topicId(): string | undefined {
    return this.#state.topicId
  }

  /** Gives the log the id of its topic; it is in the folder, durably, with the next records that are. */
  identify(topicId: string): void {
    this.#state.topicId = topicId
    this.#state.areNamesDurable = false
  }

  /** Why nothing can be done with it any more; undefined as long as its directory can be trusted. */
  get offline(): MillraceError | undefined {
    return this.#state.host.offline
  }

  /** Closed, or about to be removed. */
  get isClosed(): boolean {
    return this.#state.isClosed
  }

  get config(): LogConfig {
    return this.#state.config
  }

  /** Holds from the next append, roll or check on. */
  setConfig(config: LogConfig): void {
    this.#state.config = config
  }

  get logStartOffset(): number {
    return this.#state.logStartOffset
  }

  /** Where the next record goes; all below it is written. */
  get logEndOffset(): number {
    return this.#state.logEndOffset
  }

  /** All below it survives a crash of the machine. */
  get syncedOffset(): number {
    return this.#state.syncedOffset
  }

  get recoveryPoint(): number {
    return this.#state.recoveryPoint
  }

  get highWatermark(): number {
    return this.#state.highWatermark
  }

  get lastStableOffset(): number {
    return this.#state.lastStableOffset
  }

  get sizeBytes(): number {
    return this.#state.sizeBytes
  }

  get segmentCount(): number {
    return this.#state.segments.length
  }

  /** Of the oldest segment. */
  get firstSegmentOffset(): number {
    return this.#state.segments[0]!.baseOffset
  }

  get latestEpoch(): number | undefined {
    return this.#state.epochs.latest?.epoch
  }

  get epochs(): readonly EpochStart[] {
    return this.#state.epochs.starts
  }

  /** Of the leader that wrote `offset`; undefined if it is not known. */
  epochAt(offset: number): number | undefined {
    return this.#state.epochs.epochAt(offset)
  }

  /** Where an epoch ends in this log. */
  endOffsetOfEpoch(epoch: number): EpochEnd {
    return this.#state.epochs.endOf(epoch, this.#state.logEndOffset)
  }

  /** A leader's first act: notes that its epoch starts at the log's end, records or not. */
  startEpoch(epoch: number): void {
    this.#state.epochs.assign(epoch, this.#state.logEndOffset)
  }

  producers(): ProducerEntry[] {
    return [...this.#state.producers.entries()]
  }

  /** Producers that it knows. */
  get producerCount(): number {
    return this.#state.producers.size
  }

  producer(producerId: number): ProducerEntry | undefined {
    return this.#state.producers.get(producerId)
  }

  /** Forgets producers silent for longer than `producer.id.expiration.ms`. Gives their number. */
  expireProducers(): number {
    return this.#state.producers.expire(this.#state.host.clock.now(), this.#state.config.producerIdExpirationMs)
  }

  /**
   * Appends validated batches, in order and wholly or not at all. The bytes are patched (offsets, leader epoch) and belong to
   * the log until the promise settles. Resolves when they are written and, by the flush policy, synced.
   *
   * @throws `PRODUCER_*` for what a producer did wrong; `STORAGE_FULL` and `STORAGE_UNAVAILABLE`, after which the log is as
   * before; `STORAGE_APPEND_TOO_LARGE`, `STORAGE_APPEND_OFFSET`, `STORAGE_OFFLINE`, `STORAGE_CLOSED`
   */
  append(bytes: Uint8Array, options: AppendOptions = {}): Promise<AppendResult> {
    return this.#appender.append(bytes, options)
  }

  /** Plans a read; `release` the plan. @throws `STORAGE_OFFSET_OUT_OF_RANGE` */
  read(options: ReadOptions): Promise<ReadPlan> {
    return this.#reader.read(options)
  }

  /** The aborted transactions that concern a reader of `[startOffset, endOffset)`. */
  abortedTransactions(startOffset: number, endOffset: number): Promise<AbortedTransaction[]> {
    return this.#reader.aborted(startOffset, endOffset)
  }

  /** The end as a reader of this isolation sees it. */
  endOffset(isolation: Isolation): number {
    return boundOf(this.#state, isolation)
  }

  /** The first record at this time or later. */
  findTimestamp(timestampMs: number): Promise<FoundTimestamp | undefined> {
    return this.#guarded(() => findTimestamp(this.#state, timestampMs))
  }

  /** The first of the records with the largest timestamp. */
  findMaxTimestamp(): Promise<FoundTimestamp | undefined> {
    return this.#guarded(() => findMaxTimestamp(this.#state))
  }

  /** Moves the high watermark, which never goes back, nor beyond the log's end. */
  raiseHighWatermark(offset: number): void {
    const state = this.#state
    const target = Math.min(offset, state.logEndOffset)
    if (target <= state.highWatermark) return
    state.highWatermark = target
    state.producers.onHighWatermark(target)
  }

  /** Resolves when everything written by now survives a crash of the machine. */
  sync(): Promise<void> {
    return this.#flusher.syncData()
  }

  /** As `sync`, with indexes, snapshots and epochs: the recovery point moves. */
  flush(): Promise<void> {
    return this.#flusher.flush()
  }

  /** Starts a new segment, if the active one is not empty. */
  roll(): Promise<void> {
    return this.#exclusive(() => this.#appender.roll())
  }

  /**
   * Deletes the records below `offset`: they are gone for readers now, their files later, when whole segments can go.
   * @throws `STORAGE_OFFSET_OUT_OF_RANGE` above the high watermark
   */
  async deleteRecordsBefore(offset: number): Promise<void> {
    await this.#exclusive(async () => {
      const { highWatermark, logStartOffset, name } = this.#state
      if (offset > highWatermark || offset < 0) {
        throw logError('STORAGE_OFFSET_OUT_OF_RANGE', { offset, partition: name, logStart: logStartOffset, logEnd: highWatermark })
      }
      raiseLogStart(this.#state, offset)
    })
  }

  /** Follows a leader whose log starts later. */
  async raiseLogStart(offset: number): Promise<void> {
    await this.#exclusive(async () => raiseLogStart(this.#state, Math.min(offset, this.#state.logEndOffset)))
  }

  /** Takes away the segments that are past retention. */
  applyRetention(): Promise<Removed[]> {
    return this.#structural(() =>
      removeExpired(
        this.#state,
        () => this.#appender.roll(),
        () => this.#flusher.flushLocked(),
      ),
    )
  }

  /** Removes everything from `offset` on; a batch that holds it goes wholly. */
  truncateTo(offset: number): Promise<void> {
    return this.#structural(() => truncateTo(this.#state, offset))
  }

  /** Removes everything; the log begins and ends at `offset`. */
  truncateFullyAndStartAt(offset: number): Promise<void> {
    return this.#structural(() => truncateFullyAndStartAt(this.#state, offset))
  }

  /** Makes everything durable, with a producer snapshot at the end, and closes the files. A log offline is closed as it is. */
  async close(): Promise<void> {
    await this.#appender.lane.exclusive(async () => {
      if (this.#state.isClosed) return
      try {
        if (this.#state.host.offline === undefined) await this.#state.syncing.run(() => this.#saveAll())
      } finally {
        this.#state.isClosed = true
        await this.#releaseFiles()
      }
    })
  }

  /** Closes the files and saves nothing: the log is about to be removed. A flush under way has ended then: it would miss its folder. */
  async abandon(): Promise<void> {
    await this.#appender.lane.exclusive(async () => {
      this.#state.isClosed = true
      await this.#state.syncing.run(() => this.#releaseFiles())
    })
  }

  /** @internal What the cleaner works on. */
  get state(): LogState {
    return this.#state
  }

  /** @internal Runs work on the log's structure: alone, and while nothing is synced. */
  structural<T>(work: () => Promise<T>): Promise<T> {
    return this.#structural(work)
  }

  /** What its files say already is not written again. Nothing is worth keeping of a log that never had a record. */
  async #saveAll(): Promise<void> {
    const state = this.#state
    if (state.logEndOffset === 0) return
    state.active.seal()
    if (!state.snapshotOffsets.has(state.logEndOffset)) state.pendingSnapshots.set(state.logEndOffset, state.producers.snapshot())
    await this.#flusher.flushLocked(true)
    state.recoveryPoint = state.logEndOffset
  }

  async #releaseFiles(): Promise<void> {
    this.#flusher.cancelTimer()
    await this.#state.cancelRemovals()
    for (const segment of this.#state.segments) await segment.close()
  }

  #structural<T>(work: () => Promise<T>): Promise<T> {
    return this.#exclusive(() => this.#state.syncing.run(work))
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#appender.lane.exclusive(() => this.#guarded(work))
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    const { refusal, host, directory } = this.#state
    if (refusal !== undefined) throw refusal
    try {
      return await work()
    } catch (error) {
      throw host.failed(error, directory)
    }
  }
}
