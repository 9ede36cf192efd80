/**
 * Reads assigned partitions: finds offsets, fetches ahead within limits, and gives what is there in order.
 *
 * 1. Of each partition every record that the isolation shows is given once, in order, from the start position on; a partition that cannot go on says so by an error
 *    at the place where the record would have been.
 * 2. Two fetches a broker are under way at most, about different partitions: a partition that has much to give does not wait for the long poll of others. A partition whose buffer is full, or that is paused, is not part of it: back-pressure reaches the broker.
 * 3. Answers to a position that was given up meanwhile (seek, unassign) are void.
 */
import type { MillraceError } from '@millrace/core'
import { ERROR_CODE, type ApiResponse } from '../../protocol/index.ts'
import { listOffsets, type OffsetSpec } from '../admin/list-offsets.ts'
import { backoffMs } from '../connection/backoff.ts'
import { clientError, refusal } from '../errors.ts'
import type { Cluster } from '../metadata/cluster.ts'
import { isAboutLeader } from '../producer/answers.ts'
import { Wakeup } from '../wakeup.ts'
import { endOfEpoch } from './end-of-epoch.ts'
import { openRange, type FetchedRecords } from './fetched.ts'
import type { AssignedPartition, FetcherSettings, StartPosition, TopicPartition } from './fetcher-options.ts'
import { fetchRequest } from './fetch-request.ts'
import { FetchSession } from './fetch-session.ts'
import { Position } from './position.ts'
import { ReadyQueue } from './ready-queue.ts'

type FetchPartition = ApiResponse<'Fetch'>['responses'][number]['partitions'][number]

interface Asked {
  readonly position: Position
  readonly version: number
  readonly offset: number
}

const LANES = ['a', 'b'] as const

export class Fetcher {
  readonly #cluster: Cluster
  readonly #settings: FetcherSettings
  readonly #positions = new Map<string, Position>()
  readonly #sessions = new Map<string, FetchSession>()
  /** Fetches under way, by broker and lane. */
  readonly #fetching = new Set<string>()
  readonly #lane: string
  readonly #stopListening: () => void
  readonly #ready = new ReadyQueue()
  readonly #wakeup: Wakeup
  #waiting: (() => void)[] = []
  #readyListener: (() => void) | undefined
  #isClosed = false

  /** @param lane a name of its own among the fetchers of a client, so that their long polls do not wait for each other */
  constructor(cluster: Cluster, settings: FetcherSettings, lane: string) {
    this.#cluster = cluster
    this.#settings = settings
    this.#lane = lane
    this.#wakeup = new Wakeup(cluster.settings.clock, () => this.#pump())
    this.#stopListening = cluster.onRefresh(() => this.#wakeup.soon())
  }

  /** Adds partitions; those it has already begin anew at `start`. */
  assign(partitions: readonly AssignedPartition[]): void {
    this.#checkOpen()
    for (const { start, topicId, ...at } of partitions) {
      if (this.#positions.has(keyOf(at))) this.seek(at, start)
      else this.#positions.set(keyOf(at), new Position(at, start))
      this.#position(at).topicId = topicId
    }
    this.#wakeup.soon()
  }

  unassign(partitions: readonly TopicPartition[]): void {
    for (const at of partitions) {
      const position = this.#positions.get(keyOf(at))
      if (position === undefined) continue
      this.#ready.void(position)
      this.#positions.delete(keyOf(at))
    }
  }

  assigned(): readonly TopicPartition[] {
    return [...this.#positions.values()].map(({ topic, partition }) => ({ topic, partition }))
  }

  seek(at: TopicPartition, start: StartPosition): void {
    const position = this.#position(at)
    this.#ready.void(position)
    position.seek(start)
    this.#wakeup.soon()
  }

  /** What is buffered stays, and is not given until `resume`. */
  pause(partitions: readonly TopicPartition[]): void {
    for (const at of partitions) this.#position(at).isPaused = true
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const at of partitions) this.#position(at).isPaused = false
    this.#wake()
    this.#wakeup.soon()
  }

  /** The next offset that `poll` gives, and the epoch of the record before it; undefined until it is found. */
  position(at: TopicPartition): { readonly offset: number; readonly leaderEpoch: number } | undefined {
    const { consumed, lastEpoch } = this.#position(at)
    return consumed < 0 ? undefined : { offset: consumed, leaderEpoch: lastEpoch }
  }

  /** The end that readers of this isolation see, as the broker last said; undefined before its first answer. */
  endOffset(at: TopicPartition): number | undefined {
    return this.#position(at).endOffset(this.#settings.isolation === 'read_committed')
  }

  /** Has this called when `take` may have something to give, or a position has moved. It may be called from anywhere, also more than once. */
  onReady(listener: () => void): void {
    this.#readyListener = listener
  }

  /** What `poll` gives, without waiting. @throws as `poll` */
  take(maxRecords: number = Number.POSITIVE_INFINITY): readonly FetchedRecords[] {
    this.#checkOpen()
    const { bufferedBytes } = this.#ready
    try {
      return this.#ready.take(maxRecords)
    } finally {
      // Room for more.
      if (this.#ready.bufferedBytes < bufferedBytes) this.#wakeup.soon()
    }
  }

  /**
   * The records that have come, at most `maxRecords` of them, waiting up to `waitMs` for the first; empty where none came.
   * @throws a partition's error (`CLIENT_RECORD_CORRUPT`, `CLIENT_OFFSET_OUT_OF_RANGE`, `CLIENT_LOG_TRUNCATED`, `CLIENT_REFUSED`) in its turn; the other
   * partitions go on, this one after a seek
   */
  async poll(options: { readonly waitMs?: number; readonly maxRecords?: number } = {}): Promise<readonly FetchedRecords[]> {
    this.#checkOpen()
    const { clock } = this.#cluster.settings
    const { maxRecords, waitMs = 0 } = options
    const deadlineMs = clock.monotonic() + waitMs
    for (;;) {
      const taken = this.take(maxRecords)
      const leftMs = deadlineMs - clock.monotonic()
      if (taken.length > 0 || !(leftMs > 0)) return taken
      const { promise, resolve } = Promise.withResolvers<void>()
      const cancel = clock.after(leftMs, resolve)
      this.#waiting.push(resolve)
      await promise
      cancel()
      this.#waiting = this.#waiting.filter((other) => other !== resolve)
      if (this.#isClosed) return []
    }
  }

  close(): void {
    this.#isClosed = true
    this.#stopListening()
    this.#wakeup.stop()
    this.#positions.clear()
    this.#ready.clear()
    this.#wake()
  }

  #pump(): void {
    if (this.#isClosed) return
    const nowMs = this.#cluster.settings.clock.monotonic()
    const byLeader = new Map<number, Position[]>()
    for (const position of this.#positions.values()) {
      if (position.isBusy || position.state.kind === 'failed') continue
      if (position.retryAtMs > nowMs) {
        this.#wakeup.by(position.retryAtMs)
        continue
      }
      if (position.state.kind === 'finding') void this.#find(position, position.state.start)
      else this.#pumpFetch(position, byLeader, nowMs)
    }
    for (const [nodeId, positions] of byLeader) {
      const lane = LANES.find((name) => !this.#fetching.has(`${nodeId} ${name}`))
      if (lane !== undefined) void this.#fetch(nodeId, lane, positions)
    }
  }

  #pumpFetch(position: Position, byLeader: Map<number, Position[]>, nowMs: number): void {
    const { topic, partition } = position
    const { view } = this.#cluster
    const leader = view.leaderOf(topic, partition)
    if (leader === undefined) {
      this.#cluster.want(topic)
      this.#wakeup.by(nowMs + this.#cluster.settings.retryBackoffMs)
      return
    }
    if (this.#isOther(position, view.topic(topic)!.id)) return
    position.observeLeader(view.partition(topic, partition)!.leaderEpoch)
    if (position.state.kind === 'checking') return void this.#check(position)
    const { partitionMaxBytes, bufferBytes } = this.#settings
    if (position.isPaused || position.bufferedBytes >= partitionMaxBytes || this.#ready.bufferedBytes >= bufferBytes) return
    const positions = byLeader.get(leader)
    if (positions === undefined) byLeader.set(leader, [position])
    else positions.push(position)
  }

  /** Whether the topic of that name is not the one that was assigned; then the position stands still. */
  #isOther(position: Position, id: Uint8Array): boolean {
    const { topic, partition } = position
    if (position.isOf(id)) return false
    this.#failed(position, clientError('CLIENT_TOPIC_RECREATED', { topic, partition, offset: position.fetch }))
    return true
  }

  async #find(position: Position, start: Exclude<StartPosition, { readonly offset: number }>): Promise<void> {
    const { version } = position
    const spec: OffsetSpec = typeof start === 'string' ? start : { timestampMs: start.timestampMs }
    await this.#work(position, async () => {
      const { isolation } = this.#settings
      const found = await listOffsets(this.#cluster, [{ topic: position.topic, partition: position.partition, spec }], isolation)
      const { offset, leaderEpoch } = found[0]!
      if (version !== position.version) return
      position.found(offset, leaderEpoch)
      this.#readyListener?.()
    })
  }

  /** Asks a new leader how far the log of the last epoch goes: what was read beyond that is not in it. (KIP-320) */
  async #check(position: Position): Promise<void> {
    const { version, topic, partition, lastEpoch, fetch: offset } = position
    await this.#work(position, async () => {
      const { leaderEpoch: currentEpoch } = this.#cluster.view.partition(topic, partition)!
      const end = await endOfEpoch(this.#cluster, { topic, partition }, lastEpoch, currentEpoch)
      if (version !== position.version) return
      const endOffset = position.checked(currentEpoch, end)
      if (endOffset === undefined) return
      const error = clientError('CLIENT_LOG_TRUNCATED', { topic, partition, offset: offset - 1, endOffset })
      if (this.#settings.offsetReset === 'none') return this.#failed(position, error)
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
      position.failures = 0
    } catch (error) {
      if (version === position.version) this.#troubled(position, error as MillraceError)
    } finally {
      done()
      this.#wakeup.soon()
    }
  }

  async #fetch(nodeId: number, lane: string, positions: readonly Position[]): Promise<void> {
    const key = `${nodeId} ${lane}`
    this.#fetching.add(key)
    const session = this.#session(key)
    const asked = new Map<string, Asked>()
    const done = positions.map((position) => position.busy())
    for (const position of positions) asked.set(keyOf(position), { position, version: position.version, offset: position.fetch })
    try {
      const link = this.#cluster.link(nodeId, `${this.#lane} ${lane}`)
      const connection = link.open ?? (await link.connection())
      const { request, maxVersion } = fetchRequest(positions, this.#cluster.view, session, this.#settings)
      const version = connection.versionOf('Fetch', maxVersion)
      const timeoutMs = this.#settings.maxWaitMs + this.#cluster.settings.requestTimeoutMs
      const response = await connection.askAt('Fetch', version, request, timeoutMs)
      this.#answered(link.broker, session, asked, response)
    } catch (error) {
      session.reset()
      for (const { position, version } of asked.values()) if (version === position.version) this.#lost(position, error as MillraceError)
    } finally {
      this.#fetching.delete(key)
      for (const end of done) end()
      this.#wakeup.soon()
    }
  }

  #session(key: string): FetchSession {
    const known = this.#sessions.get(key)
    if (known !== undefined) return known
    const made = new FetchSession()
    this.#sessions.set(key, made)
    return made
  }

  #answered(broker: string, session: FetchSession, asked: ReadonlyMap<string, Asked>, response: ApiResponse<'Fetch'>): void {
    const { view } = this.#cluster
    if (response.errorCode !== ERROR_CODE.NONE) {
      session.reset()
      const error = refusal({ api: 'Fetch', subject: `${asked.size} partitions`, broker, errorCode: response.errorCode })
      const isSession =
        response.errorCode === ERROR_CODE.FETCH_SESSION_ID_NOT_FOUND || response.errorCode === ERROR_CODE.INVALID_FETCH_SESSION_EPOCH
      if (!isSession) for (const { position, version } of asked.values()) if (version === position.version) this.#troubled(position, error)
      return
    }
    if (this.#settings.sessions) session.answered(response.sessionId)
    for (const { nodeId, host, port, rack } of response.nodeEndpoints) view.addNode({ id: nodeId, host, port, rack })
    for (const { topic, topicId, partitions } of response.responses) {
      const name = topic === '' ? view.nameOf(topicId) : topic
      if (name === undefined) session.reset()
      else
        for (const partition of partitions)
          this.#partition(broker, topicId, asked.get(keyOf({ topic: name, partition: partition.partitionIndex })), partition)
    }
  }

  #partition(broker: string, topicId: Uint8Array, asked: Asked | undefined, answer: FetchPartition): void {
    if (asked === undefined || asked.version !== asked.position.version || this.#isOther(asked.position, topicId)) return
    const { position, offset } = asked
    if (answer.errorCode !== ERROR_CODE.NONE) return this.#refused(broker, position, answer)
    const { highWatermark, lastStableOffset, logStartOffset, records, abortedTransactions: aborted } = answer
    Object.assign(position, { highWatermark, lastStableOffset, logStartOffset, failures: 0 })
    if (records === null || records.length === 0) return this.#wake()
    const { topic, partition } = position
    const readCommitted = this.#settings.isolation === 'read_committed'
    const range = openRange({ topic, partition, offset, bytes: records, aborted, readCommitted, highWatermark, lastStableOffset, broker })
    const { nextOffset, leaderEpoch } = range.about
    position.fetch = nextOffset
    if (leaderEpoch >= 0) position.lastEpoch = leaderEpoch
    if (range.error !== undefined) position.state = { kind: 'failed', error: range.error }
    if (nextOffset === offset && range.error === undefined) return
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
    if (!isMoved) this.#troubled(position, error)
  }

  #outOfRange(broker: string, position: Position): void {
    const { topic, partition, fetch: offset } = position
    const { offsetReset } = this.#settings
    const error = clientError('CLIENT_OFFSET_OUT_OF_RANGE', { topic, partition, offset, broker })
    if (offsetReset === 'none') return this.#failed(position, error)
    this.#cluster.settings.logger.warn('an offset is not there any more; reading goes on elsewhere', {
      topic,
      partition,
      offset,
      to: offsetReset,
    })
    // What is buffered is still good: only what comes behind it is looked for.
    if (position.bufferedBytes > 0)
      return void (position.retryAtMs = this.#cluster.settings.clock.monotonic() + this.#cluster.settings.retryBackoffMs)
    this.#ready.void(position)
    position.seek(offsetReset)
  }

  /** No answer: the leader may be gone. */
  #lost(position: Position, error: MillraceError): void {
    this.#cluster.view.invalidate(position.topic, position.partition)
    this.#cluster.want(position.topic)
    this.#troubled(position, error)
  }

  #troubled(position: Position, error: MillraceError): void {
    if (!error.retry) return this.#failed(position, error)
    const { retryBackoffMs, retryBackoffMaxMs, random, clock } = this.#cluster.settings
    position.retryAtMs = clock.monotonic() + backoffMs(++position.failures, retryBackoffMs, retryBackoffMaxMs, random)
  }

  #failed(position: Position, error: Error): void {
    position.state = { kind: 'failed', error }
    this.#ready.push(position, { error })
    this.#wake()
  }

  #wake(): void {
    this.#readyListener?.()
    if (this.#ready.isEmpty && !this.#isClosed) return
    for (const wake of this.#waiting.splice(0)) wake()
  }

  #position(at: TopicPartition): Position {
    const position = this.#positions.get(keyOf(at))
    if (position === undefined)
      throw clientError('CLIENT_OPTION', { option: 'partition', expected: 'be assigned', value: `${at.topic}-${at.partition}` })
    return position
  }

  #checkOpen(): void {
    if (this.#isClosed) throw clientError('CLIENT_CLOSED', { what: 'fetcher' })
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic} ${partition}`
}
