/**
 * Logs on their way from one log directory to another (KIP-113).
 *
 * 1. A partition is moved to one place at a time; a wish for another one ends the move under way, and so does one for where it is.
 * 2. The copy follows its log until both are the same while nothing is appended: then it takes its place. Whatever fails before leaves the
 *    log where it was.
 * 3. One log is copied at a time, in the order of the wishes, and not compacted meanwhile.
 * 4. The folder of a copy tells of the move: the next start goes on with what is there, once it agrees with its log (`log-copy.ts`). From the beginning of a
 *    life until then its log is not compacted.
 */
import { resolve } from 'node:path'
import { MillraceError, type Clock, type Logger } from '@millrace/core'
import { ERROR_CODE } from '../../protocol/index.ts'
import { agree, conclude, follow, partitionDirectoryName } from '../../storage/index.ts'
import type { LogConfig, LogDirectories, LogDirectory, PartitionLog, TopicPartition } from '../../storage/index.ts'
import { Mutex } from '../../storage/partition/mutex.ts'
import { errorCodeOf } from '../error-code-of.ts'
import type { Partition } from './partition.ts'

export interface ReplicaMovesOptions {
  readonly directories: LogDirectories
  readonly find: (place: TopicPartition) => Partition | undefined
  readonly configOf: (topic: string) => LogConfig
  /** `replica.alter.log.dirs.io.max.bytes.per.second` */
  readonly rateMax: () => number
  readonly clock: Clock
  readonly logger: Logger
}

/** A move that has not ended. */
export interface ReplicaMove {
  readonly place: TopicPartition
  readonly partition: Partition
  readonly destination: LogDirectory
  /** The copy, as far as it has come. */
  readonly future: PartitionLog
}

interface UnderWay extends ReplicaMove {
  isStopped: boolean
  /** Whether the folder of the copy goes with it. */
  isForgotten: boolean
  /** Called when it is its turn, or when it is stopped before. */
  readonly proceed: () => void
  ended: Promise<void>
}

/** Records that may be missing when the last step, in which nothing is appended, begins. */
const LAG_MAX = 1000
/** So often a pause looks whether it is still one. */
const PACE_MS = 100

export class ReplicaMoves {
  readonly #options: ReplicaMovesOptions
  readonly #moves = new Map<string, UnderWay>()
  readonly #wishes = new Mutex()
  readonly #waiting: UnderWay[] = []
  #copying: UnderWay | undefined
  #isClosed = false

  constructor(options: ReplicaMovesOptions) {
    this.#options = options
  }

  all(): Iterable<ReplicaMove> {
    return this.#moves.values()
  }

  /** Begins the move to the directory at an absolute path. Gives the error code; the checks are in Kafka's order. */
  begin(place: TopicPartition, path: string): Promise<number> {
    return this.#wish(place, path, false)
  }

  #wish(place: TopicPartition, path: string, isResumed: boolean): Promise<number> {
    return this.#wishes.run(async () => {
      try {
        return await this.#begin(place, path, isResumed)
      } catch (error) {
        return errorCodeOf(error)
      }
    })
  }

  /** Ends the move of a partition, if there is one, without a trace. */
  end(place: TopicPartition): Promise<void> {
    return this.#wishes.run(() => this.#stop(this.#moves.get(partitionDirectoryName(place)), true))
  }

  /** To be called before any log is compacted: keeps those from it of which the last stop has left a copy, until `resume`. */
  hold(): void {
    const { directories } = this.#options
    for (const place of directories.live.flatMap(({ futures }) => futures.places)) this.#pauseCompaction(place, true)
  }

  /** Goes on with what the last stop interrupted. */
  async resume(): Promise<void> {
    const { directories, logger } = this.#options
    for (const directory of directories.live) {
      for (const place of directory.futures.places) {
        const errorCode = await this.#wish(place, resolve(directory.path), true)
        if (errorCode === ERROR_CODE.NONE && this.#moves.get(partitionDirectoryName(place))?.destination === directory) continue
        if (errorCode !== ERROR_CODE.NONE)
          logger.warn('a move to another log directory is given up', { ...place, to: directory.path, errorCode })
        await directory.futures.remove(place)
        if (!this.#moves.has(partitionDirectoryName(place))) this.#pauseCompaction(place, false)
      }
    }
  }

  /** Stops all; the next start goes on with them. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#wishes.run(async () => {
      for (const move of this.#moves.values()) await this.#stop(move, false)
    })
  }

  async #begin(place: TopicPartition, path: string, isResumed: boolean): Promise<number> {
    const { directories, find, configOf } = this.#options
    const destination = directories.opened.find((directory) => resolve(directory.path) === path)
    const isLost = directories.lost.some((lost) => resolve(lost.path) === path)
    if (destination === undefined && !isLost) return ERROR_CODE.LOG_DIR_NOT_FOUND
    if (destination === undefined || destination.offline !== undefined) return ERROR_CODE.KAFKA_STORAGE_ERROR
    const partition = find(place)
    if (partition?.offline !== undefined) return ERROR_CODE.KAFKA_STORAGE_ERROR
    const name = partitionDirectoryName(place)
    const known = this.#moves.get(name)
    // What is wished for now counts before what was.
    if (isResumed && known !== undefined) return ERROR_CODE.NONE
    if (known !== undefined && known.destination !== destination) await this.#stop(known, true)
    if (partition === undefined || this.#isClosed) return ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION
    if (known?.destination === destination || directories.directoryOf(place) === destination) return ERROR_CODE.NONE
    // What cannot be looked into may have a copy of the same log.
    if (directories.gap !== undefined) return ERROR_CODE.KAFKA_STORAGE_ERROR
    // What is copied is synced as a whole at the end.
    const config = { ...configOf(place.topic), durable: false }
    const left = isResumed ? await this.#left(partition, destination, config) : undefined
    const future = left ?? (await destination.futures.create(place, config, partition.log.topicId))
    const { promise: turn, resolve: proceed } = Promise.withResolvers<void>()
    const flags = { isStopped: false, isForgotten: false, ended: Promise.resolve() }
    const move: UnderWay = { place, partition, destination, future, proceed, ...flags }
    this.#moves.set(name, move)
    this.#waiting.push(move)
    move.ended = turn.then(() => this.#run(move, name))
    this.#proceed()
    return ERROR_CODE.NONE
  }

  /** What a former life has copied of a log; undefined where there is nothing to go on from. */
  async #left({ log }: Partition, destination: LogDirectory, config: LogConfig): Promise<PartitionLog | undefined> {
    try {
      const left = await destination.futures.open(log.partition, config)
      if (left === undefined || (log.topicId !== undefined && left.topicId === log.topicId)) return left
      await left.abandon()
    } catch (error) {
      if (destination.offline !== undefined || !(error instanceof MillraceError)) throw error
      this.#options.logger.warn('a copy of a log cannot be gone on with', {
        ...log.partition,
        to: destination.path,
        problem: error.message,
      })
    }
    return undefined
  }

  #pauseCompaction(place: TopicPartition, isPaused: boolean): void {
    const log = this.#options.directories.log(place)
    if (log !== undefined) log.isCompactionPaused = isPaused
  }

  #proceed(): void {
    if (this.#copying !== undefined) return
    this.#copying = this.#waiting.shift()
    this.#copying?.proceed()
  }

  async #stop(move: UnderWay | undefined, isForgotten: boolean): Promise<void> {
    if (move === undefined) return
    move.isForgotten ||= isForgotten
    move.isStopped = true
    const at = this.#waiting.indexOf(move)
    if (at >= 0) this.#waiting.splice(at, 1)
    move.proceed()
    await move.ended
  }

  /** Never rejects. */
  async #run(move: UnderWay, name: string): Promise<void> {
    const { partition, place, destination } = move
    const { logger } = this.#options
    try {
      const isDone = !move.isStopped && (await this.#move(move))
      if (isDone) logger.info('a log has been moved to another directory', { ...place, to: destination.path })
      else await this.#abandon(move)
    } catch (error) {
      if (!move.isStopped && !partition.isRetired) {
        const facts = { ...place, to: destination.path, problem: String(error) }
        logger.error('a log could not be moved to another directory; it stays where it is', facts)
        move.isForgotten = true
      }
      await this.#abandon(move)
    } finally {
      // What stays to be gone on with must find its log as it was.
      if (!this.#isClosed || move.isForgotten) partition.log.isCompactionPaused = false
      this.#moves.delete(name)
      if (this.#copying === move) this.#copying = undefined
      this.#proceed()
    }
  }

  /** Whether the log is in the other directory now. */
  async #move(move: UnderWay): Promise<boolean> {
    const { partition, future, place, destination } = move
    const { directories } = this.#options
    const isStopped = (): boolean => move.isStopped
    const { log } = partition
    const source = directories.directoryOf(place)!
    log.isCompactionPaused = true
    await log.compacting.run(() => Promise.resolve())
    await this.#agree(move, log, source)
    do
      await follow(log, future, {
        isStopped,
        chunkBytes: this.#options.rateMax() * (PACE_MS / 1000),
        pace: (bytes) => this.#pace(bytes, isStopped),
      })
    while (log.logEndOffset - future.logEndOffset > LAG_MAX && !move.isStopped)
    await future.flush()
    let isDone = false
    await partition.replaceLog(async () => {
      await follow(log, future, { isStopped })
      if (move.isStopped) return log
      await conclude(log, future)
      const moved = await destination.promote(future, this.#options.configOf(place.topic))
      isDone = true
      await this.#settle(source, log, destination, moved)
      return moved
    })
    // It may have been changed meanwhile.
    partition.setConfig(this.#options.configOf(place.topic))
    return isDone
  }

  /** Nothing is compacted meanwhile. */
  async #agree({ place, destination, future }: UnderWay, log: PartitionLog, source: LogDirectory): Promise<void> {
    const leftOff = future.logEndOffset
    const cleanedUpTo = source.cleanedUpTo(log)
    const goesOnAt = await agree(log, future, { now: cleanedUpTo, whenCopied: destination.cleanedUpTo(future) })
    await destination.checkpointCleaned(future, cleanedUpTo)
    const facts = { ...place, to: destination.path, leftOff, goesOnAt, logEnd: log.logEndOffset }
    if (leftOff > 0) this.#options.logger.info('a move to another log directory goes on', facts)
  }

  async #pace(bytes: number, isStopped: () => boolean): Promise<void> {
    const { clock, rateMax } = this.#options
    let leftBytes = bytes
    while (!isStopped()) {
      const bytesPerMs = rateMax() / 1000
      const waitMs = Math.min(leftBytes / bytesPerMs, PACE_MS)
      if (waitMs < 1) return
      await new Promise<void>((resume) => clock.after(waitMs, resume))
      leftBytes -= waitMs * bytesPerMs
    }
  }

  /** What both directories note. The log is safe by now: what fails here costs a compaction, or the old log stays until the next start. */
  async #settle(source: LogDirectory, log: PartitionLog, destination: LogDirectory, moved: PartitionLog): Promise<void> {
    const cleanedUpTo = source.cleanedUpTo(log)
    const noted = [
      destination.checkpointRecoveryPoints(),
      destination.checkpointLogStarts(),
      cleanedUpTo === undefined ? Promise.resolve() : destination.checkpointCleaned(moved, cleanedUpTo),
    ]
    for (const each of await Promise.allSettled(noted)) {
      if (each.status === 'rejected') destination.failedInBackground(each.reason, moved.directory)
    }
    await source.removeLog(log.partition).catch((error: unknown) => source.failedInBackground(error, log.directory))
  }

  async #abandon({ future, destination, place, isForgotten }: UnderWay): Promise<void> {
    try {
      if (!isForgotten) return await destination.futures.close(future)
      await future.abandon()
      await destination.futures.remove(place)
    } catch (error) {
      destination.failedInBackground(error, future.directory)
    }
  }
}
