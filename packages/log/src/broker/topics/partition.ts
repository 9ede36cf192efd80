/**
 * A partition that this broker leads, with no other replica.
 *
 * 1. The high watermark is the end of what has been acknowledged: with one replica, that is all there is to wait for.
 * 2. Whoever watches hears of every move of the high watermark, and of the partition's end, after it has happened.
 */
import type { AppendOptions, AppendResult, PartitionLog } from '../../storage/index.ts'

export class Partition {
  readonly index: number
  readonly leaderEpoch: number
  readonly log: PartitionLog
  readonly #watchers = new Set<() => void>()
  #isRetired = false

  constructor(log: PartitionLog, leaderEpoch: number) {
    this.index = log.partition.partition
    this.leaderEpoch = leaderEpoch
    this.log = log
    log.startEpoch(leaderEpoch)
    log.raiseHighWatermark(log.logEndOffset)
  }

  /** Appends validated batches; in order of the calls. @throws as `PartitionLog.append` */
  async append(bytes: Uint8Array, options: Omit<AppendOptions, 'leaderEpoch'> = {}): Promise<AppendResult> {
    const result = await this.log.append(bytes, { ...options, leaderEpoch: this.leaderEpoch })
    this.log.raiseHighWatermark(result.lastOffset + 1)
    this.#wakeWatchers()
    return result
  }

  /** Calls `watcher` whenever there may be more to read, until the result is called. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher)
    return () => void this.#watchers.delete(watcher)
  }

  /** Whether its topic has been deleted. */
  get isRetired(): boolean {
    return this.#isRetired
  }

  retire(): void {
    this.#isRetired = true
    this.#wakeWatchers()
  }

  #wakeWatchers(): void {
    for (const watcher of this.#watchers) watcher()
  }
}
