/**
 * Partitions on their way into a directory from another one: logs under names of their own until they are promoted.
 *
 * 1. A folder is removed only by renaming it first, durably: nothing goes on from a part of it.
 * 2. A folder is saved when its log was closed, or when the last owner of the directory closed all of them; else its tail is looked at when it is opened.
 */
import { posix } from 'node:path'
import { randomId } from '@millrace/core'
import { logError } from '../../errors.ts'
import type { LogConfig } from '../config.ts'
import { deletedDirectoryName, futureDirectoryName, partitionDirectoryName, type TopicPartition } from '../names.ts'
import { createEmptyLog, loadLog } from '../partition/loader.ts'
import type { LogHost } from '../partition/log-host.ts'
import { PartitionLog } from '../partition/partition-log.ts'

/** What the directory does for them. */
export interface FutureLogsParts {
  readonly host: LogHost
  /** Does the work unless the directory is offline; what fails is a failure of the directory. */
  readonly attempt: <T>(work: () => Promise<T>) => Promise<T>
  /** No checkpoint is to tell of a former log of this name any longer. */
  readonly forget: (name: string) => Promise<void>
  readonly recoveryPointOf: (name: string) => number
}

export class FutureLogs {
  readonly #host: LogHost
  readonly #parts: FutureLogsParts
  /** By folder. */
  readonly #places: Map<string, TopicPartition>
  /** Those that are open, by folder. */
  readonly #open = new Map<string, PartitionLog>()
  /** Folders whose files may not be as a log leaves them that was closed. */
  readonly #unsaved: Set<string>

  /** @param isClean whether the last owner closed all that he left */
  constructor(found: Map<string, TopicPartition>, isClean: boolean, parts: FutureLogsParts) {
    this.#host = parts.host
    this.#parts = parts
    this.#places = found
    this.#unsaved = new Set(isClean ? [] : found.keys())
  }

  /** Partitions that are on their way here, or were when the last owner went. */
  get places(): readonly TopicPartition[] {
    return [...this.#places.values()]
  }

  get hasUnsaved(): boolean {
    return this.#unsaved.size > 0
  }

  logs(): IterableIterator<PartitionLog> {
    return this.#open.values()
  }

  /**
   * Makes the log of a partition that is to come here from another directory: under a name of its own until `promote`. Its folder and topic id are durable.
   * @throws `STORAGE_NAME_TOO_LONG`
   */
  async create(partition: TopicPartition, config: LogConfig, topicId: string | undefined): Promise<PartitionLog> {
    const folder = futureDirectoryName(partition, randomId(this.#host.random))
    if (folder === undefined) throw logError('STORAGE_NAME_TOO_LONG', { topic: partition.topic })
    await this.remove(partition)
    try {
      return await this.#parts.attempt(() => this.#make(partition, config, folder, topicId))
    } catch (error) {
      // What is refused now is not to be gone on with at the next start.
      await this.#open.get(folder)?.abandon()
      await this.remove(partition).catch((problem: unknown) => this.#host.failedInBackground(problem, this.#host.path))
      throw error
    }
  }

  async #make(partition: TopicPartition, config: LogConfig, folder: string, topicId: string | undefined): Promise<PartitionLog> {
    await this.#parts.forget(partitionDirectoryName(partition))
    await this.#host.disk.makeDirectory(posix.join(this.#host.path, folder))
    this.#places.set(folder, partition)
    this.#unsaved.add(folder)
    const log = new PartitionLog(await createEmptyLog(this.#host, partition, config, folder))
    this.#open.set(folder, log)
    if (topicId !== undefined) log.identify(topicId)
    await log.state.saveNames()
    return log
  }

  /**
   * The log of a partition on its way here that the last owner has left, recovered if he has not closed it. Undefined if there is none, or more than one.
   * @throws `STORAGE_CORRUPT` where nothing can be made of it
   */
  async open(partition: TopicPartition, config: LogConfig): Promise<PartitionLog | undefined> {
    const name = partitionDirectoryName(partition)
    const [folder, another] = [...this.#places].flatMap(([each, future]) => (partitionDirectoryName(future) === name ? [each] : []))
    if (folder === undefined || another !== undefined) return undefined
    return await this.#parts.attempt(async () => {
      const isClean = !this.#unsaved.has(folder)
      const recoveryPoint = this.#parts.recoveryPointOf(name)
      const options = { partition, config, folder, isClean, recoveryPoint, logStartOffset: 0, highWatermark: 0 }
      const log = new PartitionLog(await loadLog(this.#host, options))
      this.#unsaved.add(folder)
      this.#open.set(folder, log)
      await this.#host.checkpointRecoveryPoints()
      return log
    })
  }

  /** Closes the log of a partition on its way here, so that the next owner can go on from there. */
  async close(future: PartitionLog): Promise<void> {
    await future.close()
    const folder = posix.basename(future.directory)
    this.#open.delete(folder)
    if (this.#host.offline === undefined) this.#unsaved.delete(folder)
  }

  /** Removes what there is of a partition on its way here; durably, and so that nothing goes on from a part of it. Its log must not be in use. */
  async remove(partition: TopicPartition): Promise<void> {
    const name = partitionDirectoryName(partition)
    for (const [folder, future] of this.#places) {
      if (partitionDirectoryName(future) !== name) continue
      const target = posix.join(this.#host.path, deletedDirectoryName(partition, randomId(this.#host.random)))
      await this.#parts.attempt(async () => {
        await this.#host.disk.rename(posix.join(this.#host.path, folder), target)
        this.#forget(folder)
        await this.#host.syncNames()
        await this.#host.disk.removeTree(target)
      })
    }
  }

  /** It has another name now. */
  forget(future: PartitionLog): void {
    this.#forget(posix.basename(future.directory))
  }

  #forget(folder: string): void {
    this.#places.delete(folder)
    this.#open.delete(folder)
    this.#unsaved.delete(folder)
  }
}
