/**
 * The log directories of a broker, and which of them has which log.
 *
 * 1. A partition has its log in one of them; where a move was interrupted between its last two steps there are two, of which
 *    `settle` keeps the one that goes on further: nothing is appended between these steps.
 * 2. A directory that fails takes its own logs with it and no others. What it has is not made anew elsewhere: as long as one cannot be looked
 *    into, a log that is in none of the others may be there.
 * 3. New logs go where there are the fewest.
 */
import { MillraceError } from '@millrace/core'
import { logError } from '../../errors.ts'
import type { LogConfig } from '../config.ts'
import { partitionDirectoryName, type TopicPartition } from '../names.ts'
import type { PartitionLog } from '../partition/partition-log.ts'
import { unreachableLog } from '../partition/unreachable-log.ts'
import type { LogDirectory } from './log-directory.ts'

/** A directory that could not be opened at the start. */
export interface LostDirectory {
  readonly path: string
  readonly error: MillraceError
}

/** All of a broker's folders with logs. */
export class LogDirectories {
  /** Those that could be opened, in the order in which they are configured; some may be offline by now. */
  readonly opened: readonly LogDirectory[]
  readonly lost: readonly LostDirectory[]
  /** The one with the metadata of the cluster: without it there is no broker. */
  readonly metadata: LogDirectory
  /** Directories that the broker had, and was not started with: paths. */
  missing: readonly string[] = []
  /** Logs that are being made, by their names. */
  readonly #making = new Map<string, LogDirectory>()

  constructor(opened: readonly LogDirectory[], metadata: LogDirectory = opened[0]!, lost: readonly LostDirectory[] = []) {
    this.opened = opened
    this.metadata = metadata
    this.lost = lost
  }

  get live(): readonly LogDirectory[] {
    return this.opened.filter(({ offline }) => offline === undefined)
  }

  get offlineCount(): number {
    return this.opened.length - this.live.length + this.lost.length
  }

  /** Why a log may lie where nobody can look; undefined if all can be looked into. */
  get gap(): MillraceError | undefined {
    const [missing] = this.missing
    const problem = 'it is not among log.dirs'
    return this.failure ?? (missing === undefined ? undefined : logError('STORAGE_OFFLINE', { path: missing, problem }))
  }

  /** The same, but for directories that the broker was not started with. */
  get failure(): MillraceError | undefined {
    const [lost] = this.lost
    if (lost !== undefined) return logError('STORAGE_OFFLINE', { path: lost.path, problem: lost.error.message }, lost.error)
    return this.opened.find(({ offline }) => offline !== undefined)?.offline
  }

  /** Partitions that have a log here that is not open yet. */
  get found(): readonly TopicPartition[] {
    return this.opened.flatMap(({ found }) => found)
  }

  *logs(): Generator<PartitionLog, void, undefined> {
    for (const directory of this.opened) yield* directory.logs()
  }

  log(partition: TopicPartition): PartitionLog | undefined {
    return this.directoryOf(partition)?.log(partition)
  }

  /** Where a partition's log is; undefined if it is in none that can be looked into. */
  directoryOf(partition: TopicPartition): LogDirectory | undefined {
    return this.opened.find((directory) => directory.log(partition) !== undefined)
  }

  /** @throws what is wrong with the directory of the metadata, and what is no failure of a disk */
  async loadLogs(configOf: (partition: TopicPartition) => LogConfig): Promise<void> {
    const outcomes = await Promise.allSettled(this.opened.map((directory) => directory.loadLogs(configOf)))
    for (const [index, outcome] of outcomes.entries()) {
      const directory = this.opened[index]!
      if (outcome.status === 'fulfilled') continue
      const { reason } = outcome
      // What cannot be recovered now, for want of space, is left as it is.
      if (directory !== this.metadata && isRefusal(reason)) directory.failed(reason, directory.path, true)
      if (directory.offline === undefined || directory === this.metadata) throw reason
    }
  }

  /** Of two logs of a partition takes the one away that ends earlier. */
  async settle(): Promise<void> {
    const kept = new Map<string, LogDirectory>()
    for (const directory of this.live) {
      for (const log of directory.logs()) {
        const other = kept.get(log.name)
        if (other === undefined) kept.set(log.name, directory)
        else {
          const goes = other.log(log.partition)!.logEndOffset > log.logEndOffset ? directory : other
          if (goes === other) kept.set(log.name, directory)
          goes.notice({
            kind: 'two-logs',
            path: log.name,
            problem: `it is in ${other.path} and in ${directory.path}; it goes from ${goes.path}`,
          })
          await goes.removeLog(log.partition)
        }
      }
    }
  }

  /** Makes the log of a new partition, where there are the fewest; where that one refuses, in another. @throws as `LogDirectory.createLog` */
  async createLog(partition: TopicPartition, config: LogConfig, topicId?: string): Promise<PartitionLog> {
    const name = partitionDirectoryName(partition)
    // Nothing tells of a former log of this name once that has been removed.
    for (const directory of this.live) directory.tellIfGone(partition)
    let refusal: unknown = this.failure
    for (const directory of this.#byCount()) {
      this.#making.set(name, directory)
      try {
        return await directory.createLog(partition, config, topicId)
      } catch (error) {
        refusal = error
      } finally {
        this.#making.delete(name)
      }
    }
    throw refusal
  }

  /** Stands for a log that may lie where nobody can look. */
  unreachableLog(partition: TopicPartition, config: LogConfig): PartitionLog {
    const { disk, clock, random } = this.metadata
    return unreachableLog(partition, config, { disk, clock, random, error: this.gap! })
  }

  /** Takes a log away, wherever it is. @throws STORAGE_OFFLINE while it may lie in a directory that has failed */
  async removeLog(partition: TopicPartition): Promise<void> {
    for (const directory of this.live) await directory.futures.remove(partition)
    const home = this.directoryOf(partition)
    // Others may have a folder in which no log could be made.
    for (const directory of new Set([...this.live, ...(home === undefined ? [] : [home])])) await directory.removeLog(partition)
    const { failure } = this
    if (home === undefined && failure !== undefined) throw failure
  }

  /** Closes all, whatever another says to it. @throws the first failure */
  async close(brokerEpoch: number): Promise<void> {
    const outcomes = await Promise.allSettled(this.opened.map((directory) => directory.close(brokerEpoch)))
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  /** Those that can be written to, the one with the fewest logs first; full ones last. */
  #byCount(): readonly LogDirectory[] {
    const making = [...this.#making.values()]
    const countOf = (directory: LogDirectory): number => directory.logCount + making.filter((each) => each === directory).length
    return this.live.toSorted((a, b) => Number(a.isFull) - Number(b.isFull) || countOf(a) - countOf(b))
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof MillraceError && (error.code === 'STORAGE_FULL' || error.code === 'STORAGE_UNAVAILABLE')
}
