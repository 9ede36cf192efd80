/**
 * A partition that this broker leads, with no other replica.
 *
 * 1. The high watermark is the end of what has been acknowledged: with one replica, that is all there is to wait for.
 * 2. Whoever watches hears of every move of the high watermark, and of the partition's end, after it has happened.
 * 3. Its log is replaced only while nothing that changes it is under way; what comes meanwhile waits, and keeps its order.
 */
import { LinkedList, type MillraceError } from '@millrace/core'
import { logError } from '../../errors.ts'
import type { AppendOptions, AppendResult, LogConfig, PartitionLog, ProducerEntry } from '../../storage/index.ts'

export class Partition {
  readonly index: number
  readonly leaderEpoch: number
  #log: PartitionLog
  readonly #watchers = new LinkedList<() => void>()
  #isRetired = false
  /** Changes of the log under way. */
  #changeCount = 0
  #onUnchanging: (() => void) | undefined
  #replacement: Promise<void> | undefined

  constructor(log: PartitionLog, leaderEpoch: number) {
    this.index = log.partition.partition
    this.leaderEpoch = leaderEpoch
    this.#log = log
    log.startEpoch(leaderEpoch)
    log.raiseHighWatermark(log.logEndOffset)
  }

  /** Not to be kept over a wait: it may be another one afterwards. */
  get log(): PartitionLog {
    return this.#log
  }

  /** Why nothing can be read or written; undefined as long as its directory can be trusted. */
  get offline(): MillraceError | undefined {
    return this.#log.offline
  }

  /** What its log knows of a producer. */
  producer(producerId: number): ProducerEntry | undefined {
    return this.#log.producer(producerId)
  }

  setConfig(config: LogConfig): void {
    this.#log.setConfig(config)
  }

  /** Appends validated batches; in order of the calls. @throws as `PartitionLog.append` */
  async append(bytes: Uint8Array, options: Omit<AppendOptions, 'leaderEpoch'> = {}): Promise<AppendResult> {
    while (this.#replacement !== undefined) await this.#replacement
    const log = this.#log
    this.#changeCount++
    try {
      const result = await log.append(bytes, { ...options, leaderEpoch: this.leaderEpoch })
      log.raiseHighWatermark(result.lastOffset + 1)
      this.#wakeWatchers()
      return result
    } finally {
      this.#changed()
    }
  }

  /** As `PartitionLog.deleteRecordsBefore`. */
  async deleteRecordsBefore(offset: number): Promise<void> {
    while (this.#replacement !== undefined) await this.#replacement
    this.#changeCount++
    try {
      await this.#log.deleteRecordsBefore(offset)
    } finally {
      this.#changed()
    }
  }

  /** Puts another log in the place of the present one: what `work` gives for it, while it changes no more. @throws as `work`; then nothing has changed */
  async replaceLog(work: (log: PartitionLog) => Promise<PartitionLog>): Promise<void> {
    if (this.#replacement !== undefined || this.#isRetired) throw logError('STORAGE_CLOSED', { partition: this.#log.name })
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#replacement = promise
    try {
      if (this.#changeCount > 0) await new Promise<void>((idle) => (this.#onUnchanging = idle))
      const log = await work(this.#log)
      log.startEpoch(this.leaderEpoch)
      log.raiseHighWatermark(log.logEndOffset)
      this.#log = log
    } finally {
      this.#replacement = undefined
      resolve()
      this.#wakeWatchers()
    }
  }

  /** Calls `watcher` whenever there may be more to read, until the result is called. */
  watch(watcher: () => void): () => void {
    const link = this.#watchers.add(watcher)
    return () => void this.#watchers.remove(link)
  }

  /** Whether its topic has been deleted. */
  get isRetired(): boolean {
    return this.#isRetired
  }

  retire(): void {
    this.#isRetired = true
    this.#wakeWatchers()
  }

  /** Its log can be neither read nor written any more. */
  failed(): void {
    this.#wakeWatchers()
  }

  #changed(): void {
    this.#changeCount--
    if (this.#changeCount === 0) this.#onUnchanging?.()
  }

  #wakeWatchers(): void {
    if (this.#watchers.size === 0) return
    for (const watcher of this.#watchers) watcher()
  }
}
