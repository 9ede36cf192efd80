/**
 * Writes records: batches them by partition, sends them to the leaders, repeats what was lost, and says what became of each.
 *
 * 1. A record that was acknowledged is in the log; with idempotence once, and in the order of the calls among those of its partition.
 * 2. What is not acknowledged within the delivery timeout fails; the error says whether it may be in the log all the same.
 * 3. Not more than `bufferBytes` and one record are held.
 * 4. Decisions are the accumulator's and its queues'; here they are acted out: one look at all of it a turn, at the next time it asks for, and after each answer.
 */
import type { MillraceError } from '@millrace/core'
import { ERROR_CODE, type ApiResponse } from '../../protocol/index.ts'
import type { RecordToAppend } from '../../records/index.ts'
import { backoffMs } from '../connection/backoff.ts'
import { clientError } from '../errors.ts'
import type { Cluster } from '../metadata/cluster.ts'
import { Wakeup } from '../wakeup.ts'
import { Accumulator, checkRecordSize, type ExpiredTopic } from './accumulator.ts'
import { isAboutLeader, isUncertain, outcomeOf } from './answers.ts'
import { BufferRoom } from './buffer-room.ts'
import { initProducerId } from './init-producer-id.ts'
import { lateBatch, lateTopic } from './late.ts'
import type { PartitionQueue } from './partition-queue.ts'
import type { Completion, PendingBatch, ProducerIdentity } from './pending-batch.ts'
import { produceAnswers, produceRefusal, produceRequest, produceVersionMax, type PartitionAnswer } from './produce-call.ts'
import type { ProducerSettings } from './producer-options.ts'
import { bytesOf, headersOf, type ProducerRecord, type RecordMetadata } from './record.ts'

/** What a transaction adds to a producer. */
export interface TransactionGate {
  readonly transactionalId: string
  /** The newest version of Produce that fits the transaction's version. */
  readonly maxVersion: number
  mayWrite(queue: PartitionQueue): boolean
  /** Partitions with records that may not be written to yet. */
  want(queues: readonly PartitionQueue[]): void
  /** A batch failed: the transaction cannot be committed. */
  failed(error: Error): void
}

const EVERY_PARTITION = (): boolean => true

export class Producer {
  readonly #cluster: Cluster
  readonly #settings: ProducerSettings
  readonly #accumulator: Accumulator
  readonly #gate: TransactionGate | undefined
  readonly #requests = new Map<number, number>()
  readonly #room: BufferRoom
  readonly #wakeup: Wakeup
  readonly #stopListening: () => void
  readonly #now = (): number => this.#cluster.settings.clock.monotonic()
  #isIdentifying = false
  #failure: Error | undefined
  /** Set while nothing is to be tried again. */
  #givenUp: Error | undefined
  #isClosed = false

  constructor(cluster: Cluster, settings: ProducerSettings, gate?: TransactionGate) {
    this.#cluster = cluster
    this.#settings = settings
    this.#gate = gate
    this.#accumulator = new Accumulator(settings, cluster.settings.random, gate !== undefined)
    this.#room = new BufferRoom(cluster.settings.clock, settings, this)
    this.#wakeup = new Wakeup(cluster.settings.clock, () => this.#pump())
    this.#stopListening = cluster.onRefresh(() => this.#wakeup.soon())
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
    while (this.#room.isFull && this.#failure === undefined && !this.#isClosed) {
      if (clock.monotonic() >= deadlineMs) throw this.#room.full()
      await this.#room.change(deadlineMs)
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Sends what there is without lingering, and waits for all acknowledgements. @throws the first failure of a record that `append` took since the last flush */
  async flush(): Promise<void> {
    this.#accumulator.closeBatches()
    const settled = this.#accumulator.generations.settled()
    this.#wakeup.soon()
    await settled
    const failure = this.#failure
    this.#failure = undefined
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
    this.#givenUp = error
    this.#stopListening()
    this.#wakeup.stop()
    this.#drop(error)
    this.#room.changed()
  }

  /** For transactions: who writes. Only while nothing is outstanding. */
  setIdentity(identity: ProducerIdentity): void {
    this.#accumulator.setIdentity(identity)
  }

  /** For transactions: gives up what is not under way, and waits for the answers to the rest. */
  async discard(error: Error): Promise<void> {
    this.#givenUp = error
    this.#drop(error)
    await this.#accumulator.generations.settled()
    this.#givenUp = undefined
    this.#failure = undefined
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
    const { clock } = this.#cluster.settings
    const { value } = record
    const toAppend: RecordToAppend = {
      key: bytesOf(record.key),
      value,
      valueBytes: value === null ? 0 : typeof value === 'string' ? Buffer.byteLength(value) : value.length,
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
    const { clock, retryBackoffMs } = this.#cluster.settings
    const nowMs = clock.monotonic()
    this.#expire(nowMs)
    this.#accumulator.resolve(this.#cluster.view)
    if (this.#accumulator.isEmpty) return
    if (this.#settings.idempotent && this.#accumulator.identity === undefined) {
      for (const topic of this.#accumulator.unresolvedTopics()) this.#cluster.want(topic, true)
      this.#wakeup.by(nowMs + retryBackoffMs)
      return this.#identify()
    }
    for (;;) {
      const { work, wanted, gated, nextAtMs } = this.#accumulator.drain({
        nowMs,
        leaders: this.#cluster.view,
        room: (nodeId) => this.#settings.maxInFlight - (this.#requests.get(nodeId) ?? 0),
        mayWrite: this.#gate === undefined ? EVERY_PARTITION : (queue) => this.#gate!.mayWrite(queue),
      })
      for (const { nodeId, batches } of work) void this.#produce(nodeId, batches)
      if (work.length > 0) continue
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
        if (!error.retry) this.#drop(error)
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
        for (const batch of batches) this.#acknowledge(batch, -1, -1)
      } else {
        const response = await connection.askAt('Produce', version, request, timeoutMs)
        this.#answered(link.broker, batches, response)
      }
    } catch (error) {
      this.#notAnswered(batches, error as MillraceError)
    } finally {
      this.#requests.set(nodeId, this.#requests.get(nodeId)! - 1)
      this.#wakeup.soon()
    }
  }

  #answered(broker: string, batches: readonly PendingBatch[], response: ApiResponse<'Produce'>): void {
    const { view } = this.#cluster
    for (const { nodeId, host, port, rack } of response.nodeEndpoints) view.addNode({ id: nodeId, host, port, rack })
    for (const [index, answer] of produceAnswers(batches, response, view).entries()) {
      const batch = batches[index]!
      if (answer !== undefined) this.#answer(broker, batch, answer)
      else this.#retry(batch, clientError('CLIENT_BAD_RESPONSE', { broker, problem: 'Produce leaves a partition out' }), true)
    }
  }

  #answer(broker: string, batch: PendingBatch, answer: PartitionAnswer): void {
    const { errorCode: code, baseOffset, logAppendTimeMs, currentLeader } = answer
    const queue = this.#accumulator.queueOf(batch)
    const outcome = outcomeOf(code, {
      isOldest: queue.isOldest(batch),
      idempotent: this.#settings.idempotent,
      transactional: this.#gate !== undefined,
      recordCount: batch.recordCount,
    })
    if (outcome === 'acknowledged') return this.#acknowledge(batch, code === ERROR_CODE.NONE ? baseOffset : -1, logAppendTimeMs)
    const { topic, partition } = batch
    if (isAboutLeader(code) && !this.#cluster.view.moveLeader(topic, partition, currentLeader.leaderId, currentLeader.leaderEpoch)) {
      this.#cluster.view.invalidate(topic, partition)
      this.#cluster.want(topic, true)
    }
    const error = produceRefusal(broker, batch, answer)
    if (outcome === 'failed' || this.#givenUp !== undefined) return this.#fail(batch, error)
    batch.lastError = error
    batch.isUncertain ||= isUncertain(code)
    if (outcome === 'missing-sequence' && queue.isOldest(batch)) {
      this.#cluster.settings.logger.warn('a broker lost records of this producer or forgot it; a new epoch begins', {
        topic,
        partition,
        broker,
      })
    }
    if (outcome === 'split') this.#accumulator.generations.add(batch.generation)
    queue.settle(batch, outcome, this.#now(), outcome === 'split' ? 0 : this.#retryAt(batch))
  }

  #notAnswered(batches: readonly PendingBatch[], error: MillraceError): void {
    for (const batch of batches) {
      const isUncertain = error.code === 'CLIENT_DISCONNECTED' || error.code === 'CLIENT_TIMEOUT' || error.code === 'CLIENT_BAD_RESPONSE'
      if (error.retry || isUncertain) this.#retry(batch, error, isUncertain)
      else this.#fail(batch, error)
      // Its leader may be gone for good.
      this.#cluster.view.invalidate(batch.topic, batch.partition)
      this.#cluster.want(batch.topic, true)
    }
  }

  #retry(batch: PendingBatch, error: Error, isUncertain: boolean): void {
    if (this.#givenUp !== undefined) return this.#fail(batch, this.#givenUp)
    batch.lastError = error
    batch.isUncertain ||= isUncertain
    this.#accumulator.queueOf(batch).settle(batch, 'retry', this.#now(), this.#retryAt(batch))
  }

  #acknowledge(batch: PendingBatch, baseOffset: number, logAppendTimeMs: number): void {
    this.#accumulator.queueOf(batch).settle(batch, 'acknowledged', this.#now(), 0)
    this.#settled(batch)
    batch.done(baseOffset, logAppendTimeMs)
    // Without acknowledgement nobody knows whether it has left the socket, and a repetition whether the first attempt has.
    if (batch.attempts === 1 && this.#settings.acks !== 0) batch.release()
  }

  #fail(batch: PendingBatch, error: Error): void {
    this.#accumulator.queueOf(batch).settle(batch, 'failed', this.#now(), 0)
    this.#gone(batch, error)
  }

  #expire(nowMs: number): void {
    const { batches, topics } = this.#accumulator.expire(nowMs)
    const { deliveryTimeoutMs } = this.#settings
    const { view } = this.#cluster
    for (const batch of batches) this.#gone(batch, lateBatch(batch, view, deliveryTimeoutMs))
    for (const expired of topics) this.#goneUnresolved(expired, lateTopic(expired.topic, expired.count, view, deliveryTimeoutMs))
  }

  /** Gives up what is not under way. */
  #drop(error: Error): void {
    const { batches, topics } = this.#accumulator.drop()
    for (const batch of batches) this.#gone(batch, error)
    for (const topic of topics) this.#goneUnresolved(topic, error)
  }

  #gone(batch: PendingBatch, error: Error): void {
    this.#settled(batch)
    if (!batch.isAwaited) this.#failure ??= error
    this.#gate?.failed(error)
    batch.fail(error)
  }

  #goneUnresolved({ completions, count }: ExpiredTopic, error: Error): void {
    if (completions.length < count) this.#failure ??= error
    this.#gate?.failed(error)
    for (const { fail } of completions) fail(error)
  }

  #settled(batch: PendingBatch): void {
    this.#accumulator.settled(batch)
    this.#room.changed()
  }

  #retryAt(batch: PendingBatch): number {
    const { retryBackoffMs, retryBackoffMaxMs, random } = this.#cluster.settings
    return this.#now() + backoffMs(batch.attempts, retryBackoffMs, retryBackoffMaxMs, random)
  }
}
