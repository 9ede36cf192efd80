/**
 * Writes records: batches them by partition, sends them to the leaders, repeats what was lost, and says what became of each.
 *
 * 1. A record that was acknowledged is in the log; with idempotence once, and in the order of the calls among those of its partition.
 * 2. What is not acknowledged within the delivery timeout fails; the error says whether it may be in the log all the same.
 * 3. Not more than `bufferBytes` and one record are held.
 * 4. Decisions are the accumulator's and its queues'; here they are acted out: one look at all of it a turn, at the next time it asks for, and after each answer.
 */
import { type Cancel, type MillraceError } from '@millrace/core'
import { ERROR_CODE, errorCode, type ApiResponse, type ApiRequestToSend } from '../../protocol/index.ts'
import type { RecordToAppend } from '../../records/index.ts'
import { backoffMs } from '../connection/backoff.ts'
import { clientError, refusal } from '../errors.ts'
import type { Cluster } from '../metadata/cluster.ts'
import { isZero } from '../metadata/cluster-view.ts'
import { Accumulator, checkRecordSize, type ExpiredTopic } from './accumulator.ts'
import { isAboutLeader, isUncertain, outcomeOf } from './answers.ts'
import { initProducerId } from './init-producer-id.ts'
import type { PartitionQueue } from './partition-queue.ts'
import type { Completion, PendingBatch, ProducerIdentity } from './pending-batch.ts'
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

type PartitionAnswer = ApiResponse<'Produce'>['responses'][number]['partitionResponses'][number]

const EVERY_PARTITION = (): boolean => true

export class Producer {
  readonly #cluster: Cluster
  readonly #settings: ProducerSettings
  readonly #accumulator: Accumulator
  readonly #gate: TransactionGate | undefined
  readonly #requests = new Map<number, number>()
  readonly #waitingForRoom: (() => void)[] = []
  readonly #stopListening: () => void
  #isIdentifying = false
  #cancelSoon: Cancel | undefined
  #cancelTimer: Cancel | undefined
  #timerAtMs = Number.POSITIVE_INFINITY
  #failure: Error | undefined
  /** Set while nothing is to be tried again. */
  #givenUp: Error | undefined
  #isClosed = false

  constructor(cluster: Cluster, settings: ProducerSettings, gate?: TransactionGate) {
    this.#cluster = cluster
    this.#settings = settings
    this.#gate = gate
    this.#accumulator = new Accumulator(settings, cluster.settings.random, gate !== undefined)
    this.#stopListening = cluster.onRefresh(() => this.#pumpSoon())
  }

  /** Bytes of records that are not acknowledged. */
  get bufferedBytes(): number {
    return this.#accumulator.bufferedBytes
  }

  /** Writes a record and says where it is. Waits while the buffer is full. @throws `CLIENT_*` */
  async send(record: ProducerRecord): Promise<RecordMetadata> {
    if (this.bufferedBytes >= this.#settings.bufferBytes) await this.#room()
    const { promise, resolve, reject } = Promise.withResolvers<RecordMetadata>()
    this.#append(record, { done: resolve, fail: reject })
    return await promise
  }

  /**
   * Writes a record without saying what became of it: `flush` does so for all of them.
   * Answers whether there is room for more; where there is not, wait for `ready`.
   * @throws `CLIENT_BUFFER_FULL` for whoever did not wait, `CLIENT_RECORD_TOO_LARGE`, `CLIENT_CLOSED`
   */
  append(record: ProducerRecord): boolean {
    const { bufferBytes } = this.#settings
    if (this.bufferedBytes >= bufferBytes) throw clientError('CLIENT_BUFFER_FULL', { bytes: this.bufferedBytes, limit: bufferBytes })
    this.#append(record, undefined)
    return this.bufferedBytes < bufferBytes
  }

  /** Resolves when `append` takes a record. @throws the failure of a record that `append` took, if one has failed: `flush` would only say the same */
  async ready(): Promise<void> {
    while (this.bufferedBytes >= this.#settings.bufferBytes && this.#failure === undefined) await this.#room()
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Sends what there is without lingering, and waits for all acknowledgements. @throws the first failure of a record that `append` took since the last flush */
  async flush(): Promise<void> {
    this.#accumulator.closeBatches()
    const settled = this.#accumulator.generations.settled()
    this.#pumpSoon()
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
    this.#cancelSoon?.()
    this.#cancelTimer?.()
    this.#drop(error)
    for (const wake of this.#waitingForRoom.splice(0)) wake()
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
    this.#pumpSoon()
  }

  #append(record: ProducerRecord, completion: Completion | undefined): void {
    if (this.#isClosed) throw clientError('CLIENT_CLOSED', { what: 'producer' })
    const { clock } = this.#cluster.settings
    const toAppend: RecordToAppend = {
      key: bytesOf(record.key),
      value: bytesOf(record.value),
      timestamp: record.timestamp ?? clock.now(),
      headers: headersOf(record.headers),
    }
    checkRecordSize(record.topic, toAppend, Math.min(this.#settings.maxRequestBytes, this.#settings.bufferBytes))
    const view = this.#cluster.view.topic(record.topic)
    const wasEmpty = this.#accumulator.isEmpty
    const isFull = this.#accumulator.append(record.topic, record.partition, toAppend, completion, clock.monotonic(), view)
    if (isFull || wasEmpty || this.bufferedBytes >= this.#settings.bufferBytes) this.#pumpSoon()
    else this.#wakeBy(clock.monotonic() + this.#settings.lingerMs)
  }

  /** Resolves when something was settled. @throws `CLIENT_BUFFER_FULL` after `maxBlockMs`, `CLIENT_CLOSED` */
  async #room(): Promise<void> {
    const { bufferBytes, maxBlockMs } = this.#settings
    const { promise, resolve } = Promise.withResolvers<void>()
    let isLate = false
    const cancel = this.#cluster.settings.clock.after(maxBlockMs, () => {
      isLate = true
      resolve()
    })
    this.#waitingForRoom.push(resolve)
    this.#pumpSoon()
    await promise
    cancel()
    if (this.#isClosed) throw clientError('CLIENT_CLOSED', { what: 'producer' })
    if (isLate && this.bufferedBytes >= bufferBytes)
      throw clientError('CLIENT_BUFFER_FULL', { bytes: this.bufferedBytes, limit: bufferBytes })
    if (this.bufferedBytes >= bufferBytes) await this.#room()
  }

  #pumpSoon(): void {
    if (this.#isClosed) return
    this.#cancelSoon ??= this.#cluster.settings.clock.soon(() => {
      this.#cancelSoon = undefined
      this.#pump()
    })
  }

  #wakeBy(atMs: number): void {
    if (atMs >= this.#timerAtMs || this.#isClosed || atMs === Number.POSITIVE_INFINITY) return
    const { clock } = this.#cluster.settings
    this.#cancelTimer?.()
    this.#timerAtMs = atMs
    this.#cancelTimer = clock.after(Math.max(0, atMs - clock.monotonic()), () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY
      this.#pump()
    })
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
      this.#wakeBy(nowMs + retryBackoffMs)
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
      this.#wakeBy(Math.min(nextAtMs, wanted.size > 0 ? nowMs + retryBackoffMs : Number.POSITIVE_INFINITY))
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
        this.#pumpSoon()
      })
  }

  async #produce(nodeId: number, batches: readonly PendingBatch[]): Promise<void> {
    this.#requests.set(nodeId, (this.#requests.get(nodeId) ?? 0) + 1)
    try {
      const link = this.#cluster.link(nodeId, 'produce')
      const connection = link.open ?? (await link.connection())
      const version = connection.versionOf('Produce', this.#maxVersion(batches))
      const request = this.#request(batches)
      if (this.#settings.acks === 0) {
        connection.tell('Produce', version, request)
        for (const batch of batches) this.#acknowledge(batch, -1, -1)
      } else {
        const response = await connection.askAt('Produce', version, request, this.#settings.requestTimeoutMs)
        this.#answered(link.broker, batches, response)
      }
    } catch (error) {
      this.#notAnswered(batches, error as MillraceError)
    } finally {
      this.#requests.set(nodeId, this.#requests.get(nodeId)! - 1)
      this.#pumpSoon()
    }
  }

  #maxVersion(batches: readonly PendingBatch[]): number {
    const allHaveIds = batches.every(({ topic }) => !isZero(this.#cluster.view.topic(topic)?.id ?? NO_ID))
    return Math.min(allHaveIds ? Number.POSITIVE_INFINITY : 12, this.#gate?.maxVersion ?? Number.POSITIVE_INFINITY)
  }

  #request(batches: readonly PendingBatch[]): ApiRequestToSend<'Produce'> {
    const topics = Map.groupBy(batches, ({ topic }) => topic)
    const topicData = [...topics].map(([name, ofTopic]) => ({
      name,
      topicId: this.#cluster.view.topic(name)?.id ?? NO_ID,
      partitionData: ofTopic.map((batch) => ({
        index: batch.partition,
        records: batch.bytes(this.#settings.idempotent ? this.#accumulator.queueOf(batch).identity : undefined),
      })),
    }))
    const { acks, requestTimeoutMs } = this.#settings
    return { transactionalId: this.#gate?.transactionalId ?? null, acks, timeoutMs: requestTimeoutMs, topicData }
  }

  #answered(broker: string, batches: readonly PendingBatch[], response: ApiResponse<'Produce'>): void {
    const { view } = this.#cluster
    for (const { nodeId, host, port, rack } of response.nodeEndpoints) view.addNode({ id: nodeId, host, port, rack })
    const answers = new Map<string, PartitionAnswer>()
    for (const { name, topicId, partitionResponses } of response.responses) {
      const topic = name === '' ? view.nameOf(topicId) : name
      for (const answer of partitionResponses) answers.set(`${topic} ${answer.index}`, answer)
    }
    for (const batch of batches) {
      const answer = answers.get(`${batch.topic} ${batch.partition}`)
      if (answer === undefined)
        this.#retry(batch, clientError('CLIENT_BAD_RESPONSE', { broker, problem: 'Produce leaves a partition out' }), true)
      else this.#answer(broker, batch, answer)
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
    const error = this.#refusal(broker, batch, answer)
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

  #refusal(
    broker: string,
    { topic, partition }: PendingBatch,
    { errorCode: code, errorMessage, recordErrors }: PartitionAnswer,
  ): MillraceError {
    const first = recordErrors[0]
    const message = [errorMessage, first?.batchIndexErrorMessage]
      .filter((text) => text !== null && text !== undefined && text !== '')
      .join('; ')
    const details = { topic, partition, ...(first === undefined ? {} : { batchIndex: first.batchIndex }) }
    return refusal({ api: 'Produce', subject: `${topic}-${partition}`, broker, errorCode: code, message, details })
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
  }

  #fail(batch: PendingBatch, error: Error): void {
    this.#accumulator.queueOf(batch).settle(batch, 'failed', this.#now(), 0)
    this.#gone(batch, error)
  }

  #expire(nowMs: number): void {
    const { batches, topics } = this.#accumulator.expire(nowMs)
    const { deliveryTimeoutMs } = this.#settings
    for (const batch of batches) {
      const { topic, partition, recordCount: count, lastError } = batch
      const certainty = batch.isUncertain ? 'they may be in the log' : 'they are not in the log'
      const problem = lastError?.message ?? this.#leaderProblem(topic, partition)
      this.#gone(
        batch,
        clientError('CLIENT_DELIVERY_TIMEOUT', { topic, partition, count, timeoutMs: deliveryTimeoutMs, certainty, problem }, lastError),
      )
    }
    for (const expired of topics) {
      const { topic, count } = expired
      const { errorCode: code } = this.#cluster.view.problem(topic) ?? { errorCode: ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION }
      const facts = {
        topic,
        partition: '?',
        count,
        timeoutMs: deliveryTimeoutMs,
        certainty: 'they are not in the log',
        problem: errorCode(code).name,
      }
      this.#goneUnresolved(expired, clientError('CLIENT_DELIVERY_TIMEOUT', facts))
    }
  }

  #leaderProblem(topic: string, partition: number): string {
    const count = this.#cluster.view.topic(topic)?.partitions.length ?? 0
    return partition >= count ? `the topic has ${count} partitions` : 'the partition has no leader that answers'
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
    if (this.bufferedBytes < this.#settings.bufferBytes) for (const wake of this.#waitingForRoom.splice(0)) wake()
  }

  #now(): number {
    return this.#cluster.settings.clock.monotonic()
  }

  #retryAt(batch: PendingBatch): number {
    const { retryBackoffMs, retryBackoffMaxMs, random } = this.#cluster.settings
    return this.#now() + backoffMs(batch.attempts, retryBackoffMs, retryBackoffMaxMs, random)
  }
}

const NO_ID = new Uint8Array(16)
