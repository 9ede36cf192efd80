/**
 * What an answer to a fetch, or its absence, means for the positions that were asked about.
 *
 * 1. Answers to a position that was given up meanwhile (seek, unassign) are void.
 * 2. `fetch` of a position moves only with what was put into the queue for its reader, or is not shown to it.
 */
import type { MillraceError } from '@millrace/core'
import { ERROR_CODE, type ApiResponse } from '../../protocol/index.ts'
import { clientError, refusal } from '../errors.ts'
import type { LentResponse } from '../connection/broker-connection.ts'
import type { Cluster } from '../metadata/cluster.ts'
import { isAboutLeader } from '../producer/answers.ts'
import type { FetchSession } from './fetch-session.ts'
import { isZero } from '../metadata/cluster-view.ts'
import { openRange } from './fetched.ts'
import type { FetcherSettings } from './fetcher-options.ts'
import { Lease } from './lease.ts'
import { keyOf, type Position } from './position.ts'
import type { ReadyQueue } from './ready-queue.ts'
import type { Setbacks } from './setbacks.ts'

type FetchPartition = ApiResponse<'Fetch'>['responses'][number]['partitions'][number]

/** A position as it was when it was asked about. */
export interface Asked {
  readonly position: Position
  readonly version: number
  readonly offset: number
}

export class FetchAnswers {
  readonly #cluster: Cluster
  readonly #settings: FetcherSettings
  readonly #ready: ReadyQueue
  readonly #setbacks: Setbacks
  readonly #wake: () => void

  constructor(cluster: Cluster, settings: FetcherSettings, ready: ReadyQueue, setbacks: Setbacks, wake: () => void) {
    this.#cluster = cluster
    this.#settings = settings
    this.#ready = ready
    this.#setbacks = setbacks
    this.#wake = wake
  }

  /** Looks at bytes of the response until it calls `release`, perhaps much later. */
  answered(broker: string, session: FetchSession, asked: ReadonlyMap<string, Asked>, { response, release }: LentResponse<'Fetch'>): void {
    const lease = new Lease(release)
    this.#take(broker, session, asked, response, lease)
    lease.letGo()
  }

  notAnswered(session: FetchSession, asked: ReadonlyMap<string, Asked>, error: MillraceError): void {
    session.reset()
    for (const { position, version } of asked.values()) if (version === position.version) this.#setbacks.lost(position, error)
  }

  #take(broker: string, session: FetchSession, asked: ReadonlyMap<string, Asked>, response: ApiResponse<'Fetch'>, lease: Lease): void {
    if (response.errorCode !== ERROR_CODE.NONE) return this.#refusedAll(broker, session, asked, response.errorCode)
    const { view } = this.#cluster
    if (this.#settings.sessions) session.answered(response.sessionId)
    for (const { nodeId, host, port, rack } of response.nodeEndpoints) view.addNode({ id: nodeId, host, port, rack })
    for (const { topic, topicId, partitions } of response.responses) {
      const name = topic === '' ? view.nameOf(topicId) : topic
      if (name === undefined) session.reset()
      else
        for (const partition of partitions)
          this.#partition(broker, topicId, asked.get(keyOf({ topic: name, partition: partition.partitionIndex })), partition, lease)
    }
  }

  #refusedAll(broker: string, session: FetchSession, asked: ReadonlyMap<string, Asked>, errorCode: number): void {
    session.reset()
    if (errorCode === ERROR_CODE.FETCH_SESSION_ID_NOT_FOUND || errorCode === ERROR_CODE.INVALID_FETCH_SESSION_EPOCH) return
    const error = refusal({ api: 'Fetch', subject: `${asked.size} partitions`, broker, errorCode })
    for (const { position, version } of asked.values()) if (version === position.version) this.#setbacks.troubled(position, error)
  }

  #partition(broker: string, topicId: Uint8Array, asked: Asked | undefined, answer: FetchPartition, lease: Lease): void {
    if (asked === undefined || asked.version !== asked.position.version || this.#setbacks.isOther(asked.position, topicId)) return
    const { position, offset } = asked
    if (position.isMadeAgain(topicId)) return this.#madeAgain(position)
    if (answer.errorCode !== ERROR_CODE.NONE) return this.#refused(broker, position, answer)
    if (position.failures > 0) this.#setbacks.over(position)
    if (!isZero(topicId)) position.readFrom ??= topicId
    const { highWatermark, lastStableOffset, logStartOffset, records, abortedTransactions: aborted } = answer
    Object.assign(position, { highWatermark, lastStableOffset, logStartOffset, failures: 0 })
    if (records === null || records.length === 0) return this.#wake()
    const { topic, partition } = position
    const { isolation, lendRecords: lent } = this.#settings
    const readCommitted = isolation === 'read_committed'
    const about = { topic, partition, offset, aborted, readCommitted, highWatermark, lastStableOffset, broker }
    const range = openRange({ ...about, bytes: records, lent, release: lease.hold() })
    const { nextOffset, leaderEpoch } = range.about
    position.fetch = nextOffset
    if (leaderEpoch >= 0) position.lastEpoch = leaderEpoch
    if (range.error !== undefined) position.state = { kind: 'failed', error: range.error }
    if (nextOffset === offset && range.error === undefined) return range.release()
    this.#ready.push(position, range)
    this.#wake()
  }

  #refused(broker: string, position: Position, answer: FetchPartition): void {
    const { errorCode: code, currentLeader } = answer
    const { topic, partition } = position
    if (code === ERROR_CODE.OFFSET_OUT_OF_RANGE) return this.#outOfRange(broker, position)
    const error = refusal({
      api: 'Fetch',
      subject: `${topic}-${partition} at offset ${position.fetch}`,
      broker,
      errorCode: code,
      details: { topic, partition, offset: position.fetch },
    })
    const isMoved = this.#cluster.view.moveLeader(topic, partition, currentLeader.leaderId, currentLeader.leaderEpoch)
    if (isAboutLeader(code) && !isMoved) {
      this.#cluster.view.invalidate(topic, partition)
      this.#cluster.want(topic)
    }
    if (!isMoved) this.#setbacks.troubled(position, error)
  }

  #outOfRange(broker: string, position: Position): void {
    const { topic, partition, fetch: offset } = position
    const { offsetReset } = this.#settings
    const error = clientError('CLIENT_OFFSET_OUT_OF_RANGE', { topic, partition, offset, broker })
    if (offsetReset === 'none') return this.#setbacks.failed(position, error)
    this.#cluster.settings.logger.warn('an offset is not there any more; reading goes on elsewhere', {
      topic,
      partition,
      offset,
      to: offsetReset,
    })
    this.#goOnAt(position, offsetReset)
  }

  /** An offset of the former topic means nothing in it, and all that is in it is newer than what was read. */
  #madeAgain(position: Position): void {
    const { topic, partition, fetch: offset } = position
    if (this.#settings.offsetReset === 'none')
      return this.#setbacks.failed(position, clientError('CLIENT_TOPIC_RECREATED', { topic, partition, offset }))
    this.#cluster.settings.logger.warn('a topic was made again under its name; it is read from its beginning', { topic, partition, offset })
    this.#goOnAt(position, 'earliest')
  }

  #goOnAt(position: Position, start: 'earliest' | 'latest'): void {
    const { clock, retryBackoffMs } = this.#cluster.settings
    // What is buffered is still good: only what comes behind it is looked for.
    if (position.bufferedBytes > 0) return void (position.retryAtMs = clock.monotonic() + retryBackoffMs)
    this.#ready.void(position)
    position.seek(start)
  }
}
