/**
 * Reads assigned partitions: finds offsets, fetches ahead within limits, and gives what is there in order.
 *
 * 1. Of each partition every record that the isolation shows is given once, in order, from the start position on; a partition that cannot go on says so by an error
 *    at the place where the record would have been.
 * 2. Two fetches a broker are under way at most, about different partitions: a partition that has much to give does not wait for the long poll of others. A partition whose buffer is full, or that is paused, is not part of it: back-pressure reaches the broker.
 * 3. Answers to a position that was given up meanwhile (seek, unassign) are void.
 */
import type { MillraceError } from '@millrace/core'
import { clientError } from '../errors.ts'
import type { Cluster } from '../metadata/cluster.ts'
import { Wakeup } from '../wakeup.ts'
import { FetchAnswers, type Asked } from './fetch-answers.ts'
import { fetchRequest } from './fetch-request.ts'
import { FetchSession } from './fetch-session.ts'
import type { FetchedRecords } from './fetched.ts'
import {
  checkAssigned,
  checkStart,
  type AssignedPartition,
  type FetcherSettings,
  type StartPosition,
  type TopicPartition,
} from './fetcher-options.ts'
import { OffsetFinder } from './offset-finder.ts'
import { keyOf, nameOf, Position } from './position.ts'
import { ReadyQueue } from './ready-queue.ts'
import { Setbacks } from './setbacks.ts'

const LANES = ['a', 'b'] as const

/** Reads the partitions that it is assigned, without a group; made by `LogClient.fetcher`. */
export class Fetcher {
  readonly #cluster: Cluster
  readonly #settings: FetcherSettings
  readonly #positions = new Map<string, Position>()
  readonly #sessions = new Map<string, FetchSession>()
  /** Fetches under way, by broker and lane. */
  readonly #fetching = new Set<string>()
  readonly #lane: string
  readonly #stopListening: readonly (() => void)[]
  readonly #ready = new ReadyQueue()
  readonly #setbacks: Setbacks
  readonly #finder: OffsetFinder
  readonly #answers: FetchAnswers
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
    const wake = (): void => this.#wake()
    this.#setbacks = new Setbacks(cluster, this.#ready, wake)
    this.#finder = new OffsetFinder(cluster, settings, this.#ready, this.#setbacks, {
      moved: () => this.#readyListener?.(),
      done: () => this.#wakeup.soon(),
    })
    this.#answers = new FetchAnswers(cluster, settings, this.#ready, this.#setbacks, wake)
    this.#stopListening = [cluster.onRefresh(() => this.#wakeup.soon()), cluster.onClose(() => this.close())]
  }

  /** Adds partitions; those it has already begin anew at `start`. @throws `CLIENT_OPTION`, and adds none */
  assign(partitions: readonly AssignedPartition[]): void {
    this.#checkOpen()
    for (const partition of partitions) checkAssigned(partition)
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
      this.#setbacks.over(position)
      this.#cluster.waits.over('leader of', nameOf(at))
      this.#positions.delete(keyOf(at))
    }
  }

  assigned(): readonly TopicPartition[] {
    return [...this.#positions.values()].map(({ topic, partition }) => ({ topic, partition }))
  }

  /** @throws `CLIENT_OPTION` */
  seek(at: TopicPartition, start: StartPosition): void {
    checkStart(start)
    const position = this.#position(at)
    this.#ready.void(position)
    if (position.state.kind === 'failed') this.#cluster.view.forgetProblem(at.topic)
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
   * partitions go on, this one after a seek. Until then it is thrown again where nothing else has come
   */
  async poll(options: { readonly waitMs?: number; readonly maxRecords?: number } = {}): Promise<readonly FetchedRecords[]> {
    this.#checkOpen()
    const { clock } = this.#cluster.settings
    const { maxRecords, waitMs = 0 } = options
    const deadlineMs = clock.monotonic() + waitMs
    for (;;) {
      const taken = this.take(maxRecords)
      const leftMs = deadlineMs - clock.monotonic()
      if (taken.length > 0) return taken
      if (!(leftMs > 0)) return this.#nothing()
      const { promise, resolve } = Promise.withResolvers<void>()
      const cancel = clock.after(leftMs, resolve)
      this.#waiting.push(resolve)
      await promise
      cancel()
      this.#waiting = this.#waiting.filter((other) => other !== resolve)
      if (this.#isClosed) return []
    }
  }

  /** What a poll gives that nothing has come for. @throws why a partition stands still: nothing will come of it, whoever waits */
  #nothing(): readonly FetchedRecords[] {
    for (const { state, isPaused } of this.#positions.values()) if (state.kind === 'failed' && !isPaused) throw state.error
    return []
  }

  close(): void {
    this.#isClosed = true
    for (const stop of this.#stopListening) stop()
    this.#wakeup.stop()
    this.#positions.clear()
    this.#ready.clear()
    for (const lane of LANES) this.#cluster.closeLane(this.#laneOf(lane))
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
      if (position.state.kind === 'finding') void this.#finder.find(position, position.state.start)
      else this.#pumpFetch(position, byLeader, nowMs)
    }
    for (const [nodeId, positions] of byLeader) {
      const lane = LANES.find((name) => !this.#fetching.has(`${nodeId} ${name}`))
      if (lane !== undefined) void this.#fetch(nodeId, lane, positions)
    }
  }

  #pumpFetch(position: Position, byLeader: Map<number, Position[]>, nowMs: number): void {
    const { topic, partition } = position
    const { view, waits } = this.#cluster
    const leader = view.leaderOf(topic, partition)
    if (leader === undefined) {
      const refusal = this.#cluster.refusalOf(topic)
      if (refusal !== undefined) return this.#setbacks.failed(position, refusal)
      // Where nothing answers, the broker is what lacks.
      if (this.#cluster.refreshProblem === undefined) waits.failed('leader of', nameOf(position), view.leaderProblem(topic, partition))
      this.#cluster.want(topic)
      this.#wakeup.by(nowMs + this.#cluster.settings.retryBackoffMs)
      return
    }
    if (!waits.isEmpty) waits.over('leader of', nameOf(position))
    if (this.#setbacks.isOther(position, view.topic(topic)!.id)) return
    position.observeLeader(view.partition(topic, partition)!.leaderEpoch)
    if (position.state.kind === 'checking') return void this.#finder.check(position)
    const { partitionMaxBytes, bufferBytes } = this.#settings
    if (position.isPaused || position.bufferedBytes >= partitionMaxBytes || this.#ready.bufferedBytes >= bufferBytes) return
    const positions = byLeader.get(leader)
    if (positions === undefined) byLeader.set(leader, [position])
    else positions.push(position)
  }

  async #fetch(nodeId: number, lane: string, positions: readonly Position[]): Promise<void> {
    const key = `${nodeId} ${lane}`
    this.#fetching.add(key)
    const session = this.#session(key)
    const asked = new Map<string, Asked>()
    const done = positions.map((position) => position.busy())
    for (const position of positions) asked.set(keyOf(position), { position, version: position.version, offset: position.fetch })
    try {
      const link = this.#cluster.link(nodeId, this.#laneOf(lane))
      const connection = link.open ?? (await link.connection())
      const { request, maxVersion } = fetchRequest(positions, this.#cluster.view, session, this.#settings)
      const version = connection.versionOf('Fetch', maxVersion)
      const timeoutMs = this.#settings.maxWaitMs + this.#cluster.settings.requestTimeoutMs
      const response = await connection.askLent('Fetch', version, request, timeoutMs)
      this.#answers.answered(link.broker, session, asked, response)
    } catch (error) {
      this.#answers.notAnswered(session, asked, error as MillraceError)
    } finally {
      this.#fetching.delete(key)
      for (const end of done) end()
      this.#wakeup.soon()
    }
  }

  #laneOf(lane: string): string {
    return `${this.#lane} ${lane}`
  }

  #session(key: string): FetchSession {
    const known = this.#sessions.get(key)
    if (known !== undefined) return known
    const made = new FetchSession()
    this.#sessions.set(key, made)
    return made
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
