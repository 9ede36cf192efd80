/**
 * Writes records: batches them by partition, sends them to the leaders, repeats what was lost, and says what became of each.
 *
 * 1. A record that was acknowledged is in the log; with idempotence once, and in the order of the calls among those of its partition.
 * 2. What is not acknowledged within the delivery timeout fails; the error says whether it may be in the log all the same.
 * 3. Not more than `bufferBytes` and one record are held.
 * 4. Decisions are the accumulator's and its queues', and what answers mean is `Settlement`'s; here they are acted out: one look at all of it a turn, at the next time
 *    it asks for, and after each answer.
 */
import type { MillraceError } from '@millrace/core'
import type { RecordToAppend } from '../../records/index.ts'
import { clientError } from '../errors.ts'
import type { Cluster } from '../metadata/cluster.ts'
import { Wakeup } from '../wakeup.ts'
import { Accumulator } from './accumulator.ts'
import { BufferRoom } from './buffer-room.ts'
import { initProducerId } from './init-producer-id.ts'
import { Lacks } from './lacks.ts'
import type { Completion, PendingBatch, ProducerIdentity } from './pending-batch.ts'
import { produceRequest, produceVersionMax } from './produce-call.ts'
import type { ProducerSettings } from './producer-options.ts'
import { bytesOf, checkRecord, headersOf, type ProducerRecord, type RecordMetadata } from './record.ts'
import { checkRecordSize } from './record-size.ts'
import { Settlement } from './settlement.ts'
import type { TransactionGate } from './transaction-gate.ts'

const EVERY_PARTITION = (): boolean => true

/** Writes records to topics, in batches; made by `LogClient.producer`. Without transactions: records show as soon as they are acknowledged. */
export class Producer {
  readonly #cluster: Cluster
  readonly #settings: ProducerSettings
  readonly #accumulator: Accumulator
  readonly #gate: TransactionGate | undefined
  readonly #requests = new Map<number, number>()
  readonly #room: BufferRoom
  readonly #settlement: Settlement
  readonly #wakeup: Wakeup
  readonly #lacks: Lacks
  readonly #stopListening: readonly (() => void)[]
  readonly #now = (): number => this.#cluster.settings.clock.monotonic()
  #isIdentifying = false
  #isClosed = false

  constructor(cluster: Cluster, settings: ProducerSettings, gate?: TransactionGate) {
    this.#cluster = cluster
    this.#settings = settings
    this.#gate = gate
    this.#accumulator = new Accumulator(settings, cluster.settings.random, gate !== undefined)
    this.#room = new BufferRoom(cluster.settings.clock, settings, this)
    this.#settlement = new Settlement(cluster, settings, this.#accumulator, this.#room, gate)
    this.#wakeup = new Wakeup(cluster.settings.clock, () => this.#pump())
    this.#lacks = new Lacks(cluster)
    this.#stopListening = [
      cluster.onRefresh(() => this.#wakeup.soon()),
      cluster.onClose(() => this.abandon(clientError('CLIENT_CLOSED', { what: 'client' }))),
    ]
  }

  /** Bytes of records that are not acknowledged. */
  get bufferedBytes(): number {
    return this.#accumulator.bufferedBytes
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Writes a record and says where it is. Waits while the buffer is full. @throws `CLIENT_*` */
  async send(record: ProducerRecord): Promise<RecordMetadata> {
    const { promise, resolve, reject } = Promise.withResolvers<RecordMetadata>()
    await this.#room.inTurn(() => this.#append(record, { done: resolve, fail: reject }))
    return await promise
  }

  /**
   * Writes a record without saying what became of it: `flush` does so for all of them.
   * Answers whether there is room for more; where there is not, wait for `ready`.
   * @throws `CLIENT_BUFFER_FULL` for whoever did not wait, `CLIENT_RECORD_TOO_LARGE`, `CLIENT_CLOSED`
   */
  append(record: ProducerRecord): boolean {
    if (this.#room.isFull) throw this.#room.full()
    this.#append(record, undefined)
    return !this.#room.isFull
  }

  /**
   * Resolves when `append` takes a record.
   * @throws the failure of a record that `append` took, if one has failed: `flush` would only say the same; `CLIENT_BUFFER_FULL` after `maxBlockMs`
   */
  async ready(): Promise<void> {
    const { clock } = this.#cluster.settings
    const deadlineMs = clock.monotonic() + this.#settings.maxBlockMs
    while (this.#room.isFull && this.#settlement.failure === undefined && !this.#isClosed) {
      if (clock.monotonic() >= deadlineMs) throw this.#room.full()
      await this.#room.change(deadlineMs)
    }
    if (this.#settlement.failure !== undefined) throw this.#settlement.failure
  }

  /** Sends what there is without lingering, and waits for all acknowledgements. @throws the first failure of a record that `append` took since the last flush */
  async flush(): Promise<void> {
    this.#accumulator.closeBatches()
    const settled = this.#accumulator.generations.settled()
    this.#wakeup.soon()
    await settled
    const failure = this.#settlement.takeFailure()
    if (failure !== undefined) throw failure
  }

  /** Flushes, at most for `timeoutMs`, and ends the producer. What is not acknowledged then has failed. */
  async close(timeoutMs: number = this.#settings.deliveryTimeoutMs): Promise<void> {
    if (this.#isClosed) return
    const timeout = Promise.withResolvers<void>()
    const cancel = this.#cluster.settings.clock.after(timeoutMs, timeout.resolve)
    try {
      await Promise.race([this.flush(), timeout.promise])
    } finally {
      cancel()
      this.abandon(clientError('CLIENT_CLOSED', { what: 'producer' }))
    }
  }

  /** Ends the producer at once. */
  abandon(error: Error): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const stop of this.#stopListening) stop()
    this.#wakeup.stop()
    this.#lacks.note([], [])
    this.#settlement.giveUp(error)
    this.#room.changed()
  }

  /** For transactions: who writes. Only while nothing is outstanding. */
  setIdentity(identity: ProducerIdentity): void {
    this.#accumulator.setIdentity(identity)
  }

  /** For transactions: gives up what is not under way, and waits for the answers to the rest. */
  async discard(error: Error): Promise<void> {
    this.#settlement.giveUp(error)
    await this.#accumulator.generations.settled()
    this.#settlement.resume()
  }

  get isEmpty(): boolean {
    return this.#accumulator.isEmpty
  }

  /** Has a look at what can be sent, soon. */
  pump(): void {
    this.#wakeup.soon()
  }

  #append(record: ProducerRecord, completion: Completion | undefined): void {
    if (this.#isClosed) throw clientError('CLIENT_CLOSED', { what: 'producer' })
    checkRecord(record)
    const { clock } = this.#cluster.settings
    const toAppend: RecordToAppend = {
      key: bytesOf(record.key),
      value: record.value,
      timestamp: record.timestamp ?? clock.now(),
      headers: headersOf(record.headers),
    }
    checkRecordSize(record.topic, toAppend, Math.min(this.#settings.maxRequestBytes, this.#settings.bufferBytes))
    const view = this.#cluster.view.topic(record.topic)
    const wasEmpty = this.#accumulator.isEmpty
    const placed = this.#accumulator.append(record.topic, record.partition, toAppend, completion, this.#now, view)
    if (placed === 'due' || wasEmpty || this.#room.isFull) this.#wakeup.soon()
    else if (placed === 'begun') this.#wakeup.by(clock.monotonic() + this.#settings.lingerMs)
  }

  #pump(): void {
    if (this.#isClosed) return
    // The number of partitions decides where a key belongs.
    this.#cluster.keepFresh()
    const { clock, retryBackoffMs } = this.#cluster.settings
    const nowMs = clock.monotonic()
    this.#settlement.expire(nowMs)
    this.#accumulator.resolve(this.#cluster.view)
    this.#settlement.refuse()
    if (this.#accumulator.isEmpty) return this.#lacks.isEmpty ? undefined : this.#lacks.note([], [])
    if (this.#settings.idempotent && this.#accumulator.identity === undefined) {
      const topics = this.#accumulator.unresolvedTopics()
      this.#lacks.note(topics, [])
      for (const topic of topics) this.#cluster.want(topic, true)
      this.#wakeup.by(nowMs + retryBackoffMs)
      return this.#identify()
    }
    for (;;) {
      const { work, wanted, leaderless, gated, nextAtMs } = this.#accumulator.drain({
        nowMs,
        leaders: this.#cluster.view,
        room: (nodeId) => this.#settings.maxInFlight - (this.#requests.get(nodeId) ?? 0),
        mayWrite: this.#gate === undefined ? EVERY_PARTITION : (queue) => this.#gate!.mayWrite(queue),
      })
      for (const { nodeId, batches } of work) void this.#produce(nodeId, batches)
      if (work.length > 0) continue
      if (wanted.size > 0 || !this.#lacks.isEmpty) this.#lacks.note(wanted, leaderless)
      for (const topic of wanted) this.#cluster.want(topic, true)
      if (gated.length > 0) this.#gate?.want(gated)
      this.#wakeup.by(Math.min(nextAtMs, wanted.size > 0 ? nowMs + retryBackoffMs : Number.POSITIVE_INFINITY))
      return
    }
  }

  /** An idempotent producer's id; a transactional one has it from its coordinator. */
  #identify(): void {
    if (this.#gate !== undefined) return
    if (this.#isIdentifying) return
    this.#isIdentifying = true
    void initProducerId(this.#cluster)
      .then((identity) => this.#accumulator.setIdentity(identity))
      .catch((error: MillraceError) => {
        if (!error.retry) this.#settlement.drop(error)
      })
      .finally(() => {
        this.#isIdentifying = false
        this.#wakeup.soon()
      })
  }

  async #produce(nodeId: number, batches: readonly PendingBatch[]): Promise<void> {
    this.#requests.set(nodeId, (this.#requests.get(nodeId) ?? 0) + 1)
    try {
      const link = this.#cluster.link(nodeId, 'produce')
      const connection = link.open ?? (await link.connection())
      const { acks, requestTimeoutMs: timeoutMs, idempotent } = this.#settings
      const { view } = this.#cluster
      const maxVersion = Math.min(produceVersionMax(batches, view), this.#gate?.maxVersion ?? Number.POSITIVE_INFINITY)
      const version = connection.versionOf('Produce', maxVersion)
      const identityOf = (batch: PendingBatch): ProducerIdentity | undefined =>
        idempotent ? this.#accumulator.queueOf(batch).identity : undefined
      const request = produceRequest(batches, view, { acks, timeoutMs, transactionalId: this.#gate?.transactionalId ?? null, identityOf })
      if (acks === 0) {
        connection.tell('Produce', version, request)
        for (const batch of batches) this.#settlement.acknowledge(batch, -1, -1)
      } else {
        const response = await connection.askAt('Produce', version, request, timeoutMs)
        this.#settlement.answered(link.broker, batches, response)
      }
    } catch (error) {
      this.#settlement.notAnswered(batches, error as MillraceError)
    } finally {
      this.#requests.set(nodeId, this.#requests.get(nodeId)! - 1)
      this.#wakeup.soon()
    }
  }
}
