import type { MillraceError } from '@millrace/core'
import { backoffMs } from '../connection/backoff.ts'
import { clientError, isUnconnected } from '../errors.ts'
import type { Cluster } from '../metadata/cluster.ts'
import { nameOf, type Position } from './position.ts'
import type { ReadyQueue } from './ready-queue.ts'

/** What becomes of a position that could not be read on: it is tried again later, or stands still, with an error where its next record would have been. */
export class Setbacks {
  readonly #cluster: Cluster
  readonly #ready: ReadyQueue
  readonly #wake: () => void

  constructor(cluster: Cluster, ready: ReadyQueue, wake: () => void) {
    this.#cluster = cluster
    this.#ready = ready
    this.#wake = wake
  }

  /** Stands still until a seek. */
  failed(position: Position, error: Error): void {
    position.state = { kind: 'failed', error }
    this.#ready.push(position, { error })
    this.#wake()
  }

  /** It is tried again later. */
  troubled(position: Position, error: MillraceError): void {
    if (!error.retry) return this.failed(position, error)
    if (!isUnconnected(error)) this.#cluster.waits.failed('records of', nameOf(position), error.message)
    const { retryBackoffMs, retryBackoffMaxMs, random, clock } = this.#cluster.settings
    position.retryAtMs = clock.monotonic() + backoffMs(++position.failures, retryBackoffMs, retryBackoffMaxMs, random)
  }

  /** No answer: the leader may be gone. */
  lost(position: Position, error: MillraceError): void {
    this.#cluster.view.invalidate(position.topic, position.partition)
    this.#cluster.want(position.topic)
    this.troubled(position, error)
  }

  /** Records, or the news that there are none, have come after setbacks. */
  over(position: Position): void {
    this.#cluster.waits.over('records of', nameOf(position))
  }

  /** Whether the topic of that name is not the one that was assigned; then the position stands still. */
  isOther(position: Position, topicId: Uint8Array): boolean {
    const { topic, partition } = position
    if (position.isOf(topicId)) return false
    this.failed(position, clientError('CLIENT_TOPIC_RECREATED', { topic, partition, offset: position.fetch }))
    return true
  }
}
