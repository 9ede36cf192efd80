/**
 * Writes the markers of ending transactions to all their partitions, by requests to the partitions' leaders.
 *
 * 1. A job is done when each of its partitions has its marker, or is gone; until then it is tried again, for ever.
 * 2. A leader has one request under way at a time: what comes meanwhile goes together with the next one.
 * 3. A job whose coordinator is no longer the newest ends without being done: the newest one does it.
 */
import type { Cancel, Clock } from '@millrace/core'
import { ERROR_CODE, type ApiRequestToSend, type ApiResponse } from '../../protocol/index.ts'

export type MarkersRequest = ApiRequestToSend<'WriteTxnMarkers'>
export type MarkersResponse = ApiResponse<'WriteTxnMarkers'>

/** A transaction's end, to be written to its partitions. */
export interface MarkerJob {
  readonly producerId: number
  readonly producerEpoch: number
  readonly isCommit: boolean
  /** Of the transaction log's partition. */
  readonly coordinatorEpoch: number
  /** 2 where the epoch is the marker's own, so that one that comes late is refused. */
  readonly transactionVersion: number
  readonly partitions: Iterable<readonly [topic: string, partitions: Iterable<number>]>
  /** Called once, when every partition has its marker. */
  readonly onDone: () => void
}

export interface MarkerTransport {
  /** The broker that leads the partition; `none` while there is no leader, undefined where there is no such partition any more. */
  leaderOf(topic: string, partition: number): number | 'none' | undefined
  /** Sends the request to the broker. Rejects where there is no answer: the request may have been carried out, or be carried out yet. */
  send(broker: number, request: MarkersRequest): Promise<MarkersResponse>
}

/** How long a partition that has failed waits for its next try. */
const RETRY_MS = 100
/** Partitions that one request asks for at most. */
const REQUEST_PARTITIONS_MAX = 10_000

interface Pending {
  readonly job: MarkerJob
  /** Partitions without a marker, as `topic:number`. */
  readonly left: Set<string>
  isStopped: boolean
}

interface Item {
  readonly pending: Pending
  readonly topic: string
  readonly partition: number
}

export class MarkerSender {
  readonly #clock: Clock
  readonly #transport: MarkerTransport
  readonly #queues = new Map<number, Item[]>()
  readonly #busy = new Set<number>()
  readonly #pending = new Set<Pending>()
  readonly #waits = new Set<Cancel>()
  #isClosed = false

  constructor(clock: Clock, transport: MarkerTransport) {
    this.#clock = clock
    this.#transport = transport
  }

  /** Jobs that are not done. */
  get size(): number {
    return this.#pending.size
  }

  /** Takes the job; returns what stops it. `onDone` is called later, never within. */
  add(job: MarkerJob): () => void {
    const pending: Pending = { job, left: new Set(), isStopped: false }
    const items: Item[] = []
    for (const [topic, partitions] of job.partitions) {
      for (const partition of partitions) {
        pending.left.add(`${topic}:${partition}`)
        items.push({ pending, topic, partition })
      }
    }
    this.#pending.add(pending)
    if (items.length === 0) this.#clock.soon(() => this.#finish(pending))
    else for (const item of items) this.#route(item)
    return () => this.#stop(pending)
  }

  /** Stops everything. */
  close(): void {
    this.#isClosed = true
    for (const pending of this.#pending) this.#stop(pending)
    for (const cancel of this.#waits) cancel()
    this.#waits.clear()
    this.#queues.clear()
  }

  #stop(pending: Pending): void {
    pending.isStopped = true
    this.#pending.delete(pending)
  }

  #finish(pending: Pending): void {
    if (pending.isStopped) return
    this.#stop(pending)
    pending.job.onDone()
  }

  #route(item: Item): void {
    const leader = this.#transport.leaderOf(item.topic, item.partition)
    if (leader === undefined) return this.#settle(item)
    if (leader === 'none') return this.#later(item)
    const queue = this.#queues.get(leader) ?? []
    this.#queues.set(leader, queue)
    queue.push(item)
    if (!this.#busy.has(leader)) this.#beginSoon(leader)
  }

  /** Jobs of one turn share a request. */
  #beginSoon(broker: number): void {
    this.#busy.add(broker)
    const cancel = this.#clock.soon(() => {
      this.#waits.delete(cancel)
      this.#send(broker)
    })
    this.#waits.add(cancel)
  }

  #send(broker: number): void {
    const items = this.#take(broker)
    if (items.length === 0 || this.#isClosed) {
      this.#busy.delete(broker)
      return
    }
    this.#ask(broker, items).then(
      (codes) => this.#answered(broker, items, codes),
      () => this.#answered(broker, items, undefined),
    )
  }

  /** The answer tells transactions apart by their producer id alone: one of each goes at a time. */
  #take(broker: number): Item[] {
    const taken: Item[] = []
    const kept: Item[] = []
    const byProducer = new Map<number, Pending>()
    for (const item of this.#queues.get(broker) ?? []) {
      const { pending } = item
      if (pending.isStopped) continue
      const { producerId } = pending.job
      const fits = taken.length < REQUEST_PARTITIONS_MAX && (byProducer.get(producerId) ?? pending) === pending
      if (fits) byProducer.set(producerId, pending)
      const list = fits ? taken : kept
      list.push(item)
    }
    if (kept.length === 0) this.#queues.delete(broker)
    else this.#queues.set(broker, kept)
    return taken
  }

  async #ask(broker: number, items: readonly Item[]): Promise<ReadonlyMap<string, number>> {
    const { markers } = await this.#transport.send(broker, requestOf(items))
    const codes = new Map<string, number>()
    for (const { producerId, topics } of markers) {
      for (const { name, partitions } of topics) {
        for (const { partitionIndex, errorCode } of partitions) codes.set(`${producerId}:${name}:${partitionIndex}`, errorCode)
      }
    }
    return codes
  }

  #answered(broker: number, items: readonly Item[], codes: ReadonlyMap<string, number> | undefined): void {
    this.#busy.delete(broker)
    if (this.#isClosed) return
    for (const item of items) {
      const { pending, topic, partition } = item
      if (pending.isStopped) continue
      const verdict = verdictOf(codes?.get(`${pending.job.producerId}:${topic}:${partition}`))
      if (verdict === 'done') this.#settle(item)
      else if (verdict === 'retry') this.#later(item)
      else this.#stop(pending)
    }
    if (this.#queues.has(broker) && !this.#busy.has(broker)) this.#beginSoon(broker)
  }

  #settle({ pending, topic, partition }: Item): void {
    pending.left.delete(`${topic}:${partition}`)
    if (pending.left.size === 0) this.#clock.soon(() => this.#finish(pending))
  }

  #later(item: Item): void {
    const cancel = this.#clock.after(RETRY_MS, () => {
      this.#waits.delete(cancel)
      if (!item.pending.isStopped) this.#route(item)
    })
    this.#waits.add(cancel)
  }
}

/**
 * What a partition's answer means. An epoch that is too old: a later marker or producer has been there, which this coordinator lets come
 * only after this end, so this marker has been there before. What is not known is tried again.
 */
function verdictOf(errorCode: number | undefined): 'done' | 'retry' | 'stop' {
  if (errorCode === ERROR_CODE.TRANSACTION_COORDINATOR_FENCED) return 'stop'
  const isDone = errorCode === ERROR_CODE.NONE || errorCode === ERROR_CODE.INVALID_PRODUCER_EPOCH
  return isDone || errorCode === ERROR_CODE.UNSUPPORTED_FOR_MESSAGE_FORMAT ? 'done' : 'retry'
}

function requestOf(items: readonly Item[]): MarkersRequest {
  const byJob = Map.groupBy(items, ({ pending }) => pending.job)
  const markers = [...byJob].map(([job, all]) => ({
    producerId: job.producerId,
    producerEpoch: job.producerEpoch,
    transactionResult: job.isCommit,
    coordinatorEpoch: job.coordinatorEpoch,
    transactionVersion: job.transactionVersion,
    topics: [...Map.groupBy(all, ({ topic }) => topic)].map(([name, inTopic]) => ({
      name,
      partitionIndexes: inTopic.map(({ partition }) => partition),
    })),
  }))
  return { markers }
}
