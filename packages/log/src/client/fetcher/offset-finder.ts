/**
 * Asks brokers what a position must know before it is fetched: the offset it begins at, and whether a new leader's log goes as far as what was read.
 *
 * 1. A position is asked about once at a time, and not fetched meanwhile.
 * 2. Answers to a position that was given up meanwhile (seek, unassign) are void.
 */
import type { MillraceError } from '@millrace/core'
import { listOffsets, type OffsetSpec } from '../admin/list-offsets.ts'
import { clientError } from '../errors.ts'
import type { Cluster } from '../metadata/cluster.ts'
import { endOfEpoch } from './end-of-epoch.ts'
import type { FetcherSettings, StartPosition } from './fetcher-options.ts'
import type { Position } from './position.ts'
import type { ReadyQueue } from './ready-queue.ts'
import type { Setbacks } from './setbacks.ts'

export interface FinderListener {
  /** A position knows its offset now. */
  readonly moved: () => void
  /** A position may be fetched, or is to be asked about again. */
  readonly done: () => void
}

export class OffsetFinder {
  readonly #cluster: Cluster
  readonly #settings: FetcherSettings
  readonly #ready: ReadyQueue
  readonly #setbacks: Setbacks
  readonly #listener: FinderListener

  constructor(cluster: Cluster, settings: FetcherSettings, ready: ReadyQueue, setbacks: Setbacks, listener: FinderListener) {
    this.#cluster = cluster
    this.#settings = settings
    this.#ready = ready
    this.#setbacks = setbacks
    this.#listener = listener
  }

  async find(position: Position, start: Exclude<StartPosition, { readonly offset: number }>): Promise<void> {
    const { version } = position
    const spec: OffsetSpec = typeof start === 'string' ? start : { timestampMs: start.timestampMs }
    await this.#work(position, async () => {
      const { isolation } = this.#settings
      const found = await listOffsets(this.#cluster, [{ topic: position.topic, partition: position.partition, spec }], isolation)
      const { offset, leaderEpoch } = found[0]!
      if (version !== position.version) return
      position.found(offset, leaderEpoch)
      this.#listener.moved()
    })
  }

  /** Asks a new leader how far the log of the last epoch goes: what was read beyond that is not in it. (KIP-320) */
  async check(position: Position): Promise<void> {
    const { version, topic, partition, lastEpoch, fetch: offset } = position
    await this.#work(position, async () => {
      const { leaderEpoch: currentEpoch } = this.#cluster.view.partition(topic, partition)!
      const end = await endOfEpoch(this.#cluster, { topic, partition }, lastEpoch, currentEpoch)
      if (version !== position.version) return
      const endOffset = position.checked(currentEpoch, end)
      if (endOffset === undefined) return
      const error = clientError('CLIENT_LOG_TRUNCATED', { topic, partition, offset: offset - 1, endOffset })
      if (this.#settings.offsetReset === 'none') return this.#setbacks.failed(position, error)
      this.#cluster.settings.logger.warn(error.message)
      this.#ready.void(position)
      position.seek({ offset: endOffset })
    })
  }

  async #work(position: Position, work: () => Promise<void>): Promise<void> {
    const { version } = position
    const done = position.busy()
    try {
      await work()
      if (position.failures > 0) this.#setbacks.over(position)
      position.failures = 0
    } catch (error) {
      if (version === position.version) this.#setbacks.troubled(position, error as MillraceError)
    } finally {
      done()
      this.#listener.done()
    }
  }
}
