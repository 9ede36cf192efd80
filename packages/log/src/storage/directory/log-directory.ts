/**
 * One log directory of a broker: its logs, its checkpoints, and whether it can still be trusted.
 *
 * 1. The marker of a clean shutdown is gone, durably, before any log is opened, and comes back only after all are closed.
 * 2. Once offline it stays so: every operation on it and its logs fails with the same error, nothing is tried again (`directory-health.ts`).
 * 3. A log is given out only when its recovery point on the disk is no higher than in memory.
 */
import { posix } from 'node:path'
import { DiskError, randomId, type Clock, type Disk, type MillraceError, type Random } from '@millrace/core'
import type { LogConfig } from '../config.ts'
import { deletedDirectoryName, partitionDirectoryName, type TopicPartition } from '../names.ts'
import {
  cleanShutdownName,
  readCleanShutdown,
  removeCleanShutdown,
  writeCleanShutdown,
  type LastShutdown,
} from '../checkpoints/clean-shutdown.ts'
import type { MetaProperties } from '../checkpoints/meta-properties.ts'
import { FilePool } from '../segment/file-pool.ts'
import { IndexCache } from '../segment/index-cache.ts'
import type { LogHost, StorageNotice } from '../partition/log-host.ts'
import { createEmptyLog, loadLog } from '../partition/loader.ts'
import { Mutex } from '../partition/mutex.ts'
import { PartitionLog } from '../partition/partition-log.ts'
import { DirectoryCheckpoint, type OffsetCheckpointKind } from './directory-checkpoints.ts'
import { DirectoryHealth } from './directory-health.ts'
import { findFolders, type FoundFolders } from './found-folders.ts'
import { FutureLogs } from './future-logs.ts'
import { claimDirectory } from './ownership.ts'
import { mapConcurrently, Semaphore } from './semaphore.ts'

/** A folder with logs, whose it is, and its limits. */
export interface LogDirectoryOptions {
  /** Made if it is missing. */
  readonly path: string
  /** What it is on. */
  readonly disk: Disk
  /** Time of retention and of notices. */
  readonly clock: Clock
  /** For names that must not clash. */
  readonly random: Random
  /** Whose the directory must be, or becomes if it is new. */
  readonly clusterId: string
  /** Whose the directory must be, or becomes if it is new. */
  readonly brokerId: number
  /** Hears what an operator should know; nobody by default. */
  readonly onNotice?: (notice: StorageNotice) => void
  /** Called once, when the directory goes offline. */
  readonly onOffline?: (error: MillraceError) => void
  /** Files kept open at most, unless more are in use; 1,000 by default. */
  readonly openFilesMax?: number
  /** Bytes of indexes of older segments kept in memory; 64 MiB by default. */
  readonly indexCacheBytesMax?: number
  /** Syncs under way at a time; 2 by default, so that they never take all of the threads that also write. */
  readonly syncConcurrency?: number
  /** Logs recovered at a time; 4 by default. */
  readonly loadConcurrency?: number
}

const CLOSE_CONCURRENCY = 16
/** A log that was closed is not read through: to open it is little work, and much waiting. */
const CLEAN_LOAD_CONCURRENCY = 32

/** One of a broker's folders with logs; `open` recovers what a crash left. */
export class LogDirectory implements LogHost {
  readonly path: string
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly files: FilePool
  readonly indexes: IndexCache
  readonly meta: MetaProperties
  /** How the last owner left it. */
  readonly lastShutdown: LastShutdown
  readonly #options: LogDirectoryOptions
  readonly #checkpoints: Record<OffsetCheckpointKind, DirectoryCheckpoint>
  readonly #syncs: Semaphore
  readonly #logs = new Map<string, PartitionLog>()
  readonly #syncing = new Mutex()
  #nextSync: Promise<void> | undefined
  readonly #health: DirectoryHealth
  #found: TopicPartition[]
  /** Partitions that are on their way here. */
  readonly futures: FutureLogs

  private constructor(
    options: LogDirectoryOptions,
    meta: MetaProperties,
    lastShutdown: LastShutdown,
    checkpoints: Record<OffsetCheckpointKind, DirectoryCheckpoint>,
    { found, futures }: FoundFolders,
  ) {
    this.path = options.path
    this.disk = options.disk
    this.clock = options.clock
    this.random = options.random
    this.files = new FilePool(options.disk, options.openFilesMax ?? 1000)
    this.indexes = new IndexCache(options.indexCacheBytesMax ?? 64 * 1024 * 1024)
    this.meta = meta
    this.lastShutdown = lastShutdown
    this.#options = options
    this.#checkpoints = checkpoints
    this.#syncs = new Semaphore(options.syncConcurrency ?? 2)
    this.#health = new DirectoryHealth({
      path: options.path,
      clock: options.clock,
      onNotice: (notice) => this.notice(notice),
      onOffline: (error) => options.onOffline?.(error),
    })
    this.#found = found
    this.futures = new FutureLogs(futures, lastShutdown.clean, {
      host: this,
      attempt: (work) => this.#attempt(work),
      forget: (name) => this.#forget(name),
      recoveryPointOf: (name) => this.#checkpoints.recoveryPoint.get(name) ?? 0,
    })
  }

  /**
   * Opens the directory, made if it is missing, but none of its logs.
   * @throws `STORAGE_DIRECTORY_OF_OTHER` if it belongs to another cluster or broker; `STORAGE_CORRUPT` if its own metadata is damaged
   */
  static async open(options: LogDirectoryOptions): Promise<LogDirectory> {
    const { disk, path, onNotice } = options
    await disk.makeDirectory(path)
    await disk.syncDirectory(posix.dirname(path))
    const meta = await claimDirectory(disk, path, options, options.random)
    const shutdownPath = posix.join(path, cleanShutdownName)
    const lastShutdown = await readCleanShutdown(disk, shutdownPath)
    const read = (kind: OffsetCheckpointKind): Promise<DirectoryCheckpoint> =>
      DirectoryCheckpoint.read(disk, path, kind, (problem) => onNotice?.({ kind: 'checkpoint-ignored', path, problem }))
    const checkpoints = {
      recoveryPoint: await read('recoveryPoint'),
      highWatermark: await read('highWatermark'),
      logStart: await read('logStart'),
      cleaner: await read('cleaner'),
    }
    await removeCleanShutdown(disk, shutdownPath)
    const folders = await findFolders(disk, path)
    await disk.syncDirectory(path)
    return new LogDirectory(options, meta, lastShutdown, checkpoints, folders)
  }

  /** Partitions that have a log here that is not open yet. */
  get found(): readonly TopicPartition[] {
    return this.#found
  }

  /** Logs that it has or will have. */
  get logCount(): number {
    return this.#logs.size + this.#found.length + this.futures.places.length
  }

  get offline(): MillraceError | undefined {
    return this.#health.offline
  }

  /** Whether it has refused to write for lack of space, and nothing says that there is some again. */
  get isFull(): boolean {
    return this.#health.isFull
  }

  logs(): IterableIterator<PartitionLog> {
    return this.#logs.values()
  }

  log(partition: TopicPartition): PartitionLog | undefined {
    return this.#logs.get(partitionDirectoryName(partition))
  }

  /** Opens all logs found, recovering those that were not closed. */
  async loadLogs(configOf: (partition: TopicPartition) => LogConfig): Promise<PartitionLog[]> {
    const found = this.#found
    this.#found = []
    const logs = await this.#attempt(() =>
      mapConcurrently(found, this.lastShutdown.clean ? CLEAN_LOAD_CONCURRENCY : (this.#options.loadConcurrency ?? 4), (partition) =>
        this.#load(partition, configOf(partition), this.lastShutdown.clean),
      ),
    )
    await this.#attempt(() => this.checkpointRecoveryPoints())
    return logs
  }

  /** Tells of the records of a partition that had a log here, as its checkpoint says, where there is none any more. */
  tellIfGone(partition: TopicPartition): void {
    const name = partitionDirectoryName(partition)
    const recoveryPoint = this.#checkpoints.recoveryPoint.get(name)
    if (recoveryPoint === undefined) return
    this.notice({
      kind: 'records-lost',
      path: posix.join(this.path, name),
      problem: `the folder is not there, and was durable up to offset ${recoveryPoint}`,
    })
  }

  /** Makes the log of a new partition, or opens the one that is there. Its folder and topic id are durable before its first records are. */
  async createLog(partition: TopicPartition, config: LogConfig, topicId?: string): Promise<PartitionLog> {
    const name = partitionDirectoryName(partition)
    const directory = posix.join(this.path, name)
    const isFound = this.#found.some((found) => partitionDirectoryName(found) === name)
    this.#found = this.#found.filter((found) => partitionDirectoryName(found) !== name)
    const log = await this.#attempt(async () => {
      if (isFound) return await this.#load(partition, config, this.lastShutdown.clean)
      await this.#forget(name)
      await this.disk.makeDirectory(directory)
      return new PartitionLog(await createEmptyLog(this, partition, config))
    })
    if (topicId !== undefined && log.topicId === undefined) log.identify(topicId)
    this.#logs.set(name, log)
    if (isFound) await this.#attempt(() => this.checkpointRecoveryPoints())
    return log
  }

  /**
   * Takes a log away: its folder is renamed now, durably, and removed after `file.delete.delay.ms`. So does a folder in which no log could be
   * made; where there is neither, nothing happens.
   */
  async removeLog(partition: TopicPartition): Promise<void> {
    const log = this.log(partition)
    const name = partitionDirectoryName(partition)
    await log?.abandon()
    this.#logs.delete(name)
    const target = posix.join(this.path, deletedDirectoryName(partition, randomId(this.random)))
    const isThere = await this.#attempt(async () => {
      const isRenamed = await this.#renameFolder(name, target)
      if (isRenamed) await this.syncNames()
      await this.#forget(name)
      return isRenamed
    })
    if (!isThere) return
    this.clock.after(log?.config.fileDeleteDelayMs ?? 0, () => {
      this.disk.removeTree(target).catch((error: unknown) => this.failedInBackground(error, target))
    })
  }

  /** Gives a log of `futures` its partition's name, durably with all that is in it: from now on it is the partition's log. */
  async promote(future: PartitionLog, config: LogConfig): Promise<PartitionLog> {
    const { partition, name, topicId, logStartOffset, logEndOffset } = future
    await this.futures.close(future)
    await this.#attempt(() => this.#forget(name))
    try {
      await this.disk.rename(future.directory, posix.join(this.path, name))
      this.futures.forget(future)
      await this.syncNames()
      const options = { partition, config, isClean: true, recoveryPoint: logEndOffset, logStartOffset, highWatermark: logEndOffset }
      const log = new PartitionLog(await loadLog(this, options))
      if (topicId !== undefined && log.topicId === undefined) log.identify(topicId)
      this.#logs.set(name, log)
      return log
    } catch (error) {
      // Under its name, and not in use: what is there is not to be mistaken for the partition's log.
      throw this.failed(error, this.path, true)
    }
  }

  /** Closes all logs and leaves the marker of a clean shutdown with the broker's epoch; without it if anything failed. */
  async close(brokerEpoch: number): Promise<void> {
    await mapConcurrently([...this.#logs.values()], CLOSE_CONCURRENCY, (log) => log.close())
    if (this.offline !== undefined) return
    await this.#attempt(async () => {
      await this.checkpointRecoveryPoints()
      await this.checkpointHighWatermarks()
      await this.checkpointLogStarts()
      if (this.futures.hasUnsaved) return
      if (this.#found.length === 0 || this.lastShutdown.clean) {
        await writeCleanShutdown(this.disk, posix.join(this.path, cleanShutdownName), brokerEpoch)
      }
    })
  }

  /** A log without an entry is recovered from its beginning. */
  checkpointRecoveryPoints(): Promise<void> {
    const offsetOf = (log: PartitionLog): number | undefined => (log.recoveryPoint > 0 ? log.recoveryPoint : undefined)
    return this.#checkpoint('recoveryPoint', offsetOf, () => [...this.futures.logs(), ...this.#logs.values()])
  }

  checkpointHighWatermarks(): Promise<void> {
    return this.#checkpoint('highWatermark', (log) => log.highWatermark)
  }

  /** Only starts that the first segment's name does not tell. */
  checkpointLogStarts(): Promise<void> {
    return this.#checkpoint('logStart', (log) => (log.logStartOffset > log.firstSegmentOffset ? log.logStartOffset : undefined))
  }

  /** Up to where a log has been compacted; undefined if never, 0 while it is being done. */
  cleanedUpTo(log: PartitionLog): number | undefined {
    return this.#checkpoints.cleaner.get(log.name)
  }

  async checkpointCleaned(log: PartitionLog, offset: number | undefined): Promise<void> {
    this.#checkpoints.cleaner.set(log.name, offset)
    await this.#attempt(() => this.#checkpoints.cleaner.write(() => undefined))
  }

  sync(work: () => Promise<void>): Promise<void> {
    return this.#syncs.run(work)
  }

  syncNames(): Promise<void> {
    this.#nextSync ??= this.#syncing.run(async () => {
      this.#nextSync = undefined
      await this.disk.syncDirectory(this.path)
    })
    return this.#nextSync
  }

  failed(error: unknown, path: string, isFatal = false): MillraceError {
    return this.#health.failed(error, path, isFatal)
  }

  wrote(): void {
    this.#health.wrote()
  }

  failedInBackground(error: unknown, path: string): void {
    this.#health.failedInBackground(error, path)
  }

  notice(notice: StorageNotice): void {
    this.#options.onNotice?.(notice)
  }

  #checkpoint(
    kind: OffsetCheckpointKind,
    offsetOf: (log: PartitionLog) => number | undefined,
    logs: () => Iterable<PartitionLog> = () => this.#logs.values(),
  ): Promise<void> {
    const checkpoint = this.#checkpoints[kind]
    return this.#attempt(() =>
      checkpoint.write(() => {
        for (const log of logs()) checkpoint.set(log.name, offsetOf(log))
      }),
    )
  }

  /** False where there is no folder of this name. */
  async #renameFolder(name: string, target: string): Promise<boolean> {
    try {
      await this.disk.rename(posix.join(this.path, name), target)
      return true
    } catch (error) {
      if (error instanceof DiskError && error.reason === 'not-found') return false
      throw error
    }
  }

  /** No checkpoint tells of a former log of this name any longer. */
  async #forget(name: string): Promise<void> {
    for (const checkpoint of Object.values(this.#checkpoints)) {
      checkpoint.set(name, undefined)
      await checkpoint.write(() => undefined)
    }
  }

  async #load(partition: TopicPartition, config: LogConfig, isClean: boolean): Promise<PartitionLog> {
    const name = partitionDirectoryName(partition)
    const state = await loadLog(this, {
      partition,
      config,
      isClean,
      recoveryPoint: this.#checkpoints.recoveryPoint.get(name) ?? 0,
      logStartOffset: this.#checkpoints.logStart.get(name) ?? 0,
      highWatermark: this.#checkpoints.highWatermark.get(name) ?? 0,
    })
    const log = new PartitionLog(state)
    this.#logs.set(name, log)
    // What comes in the place of records that are lost has not been compacted.
    if ((this.cleanedUpTo(log) ?? 0) > log.logEndOffset) await this.checkpointCleaned(log, log.logEndOffset)
    return log
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    if (this.offline !== undefined) throw this.offline
    try {
      return await work()
    } catch (error) {
      throw this.failed(error, this.path)
    }
  }
}
