/**
 * What becomes of batches: acknowledged, repeated or given up, as brokers answer or time runs out; and who is told.
 *
 * 1. Each batch is settled once, and accounted for then; whoever waits for its records is told all the same.
 * 2. A batch that was given up whose records nobody waits for leaves its error for the next flush.
 */
import type { MillraceError } from '@millrace/core'
import { ERROR_CODE, errorCode, type ApiResponse } from '../../protocol/index.ts'
import { backoffMs } from '../connection/backoff.ts'
import { clientError, isUnconnected, refusal } from '../errors.ts'
import type { Cluster } from '../metadata/cluster.ts'
import type { Accumulator } from './accumulator.ts'
import { isAboutLeader, isUncertain, outcomeOf } from './answers.ts'
import type { BufferRoom } from './buffer-room.ts'
import { lateBatch, lateTopic } from './late.ts'
import type { PendingBatch } from './pending-batch.ts'
import { produceAnswers, produceRefusal, type PartitionAnswer } from './produce-call.ts'
import type { ProducerSettings } from './producer-options.ts'
import type { TransactionGate } from './transaction-gate.ts'
import type { ExpiredTopic } from './unresolved-records.ts'

export class Settlement {
  readonly #cluster: Cluster
  readonly #settings: ProducerSettings
  readonly #accumulator: Accumulator
  readonly #room: BufferRoom
  readonly #gate: TransactionGate | undefined
  #failure: Error | undefined
  /** Set while nothing is to be tried again. */
  #givenUp: Error | undefined

  constructor(cluster: Cluster, settings: ProducerSettings, accumulator: Accumulator, room: BufferRoom, gate: TransactionGate | undefined) {
    this.#cluster = cluster
    this.#settings = settings
    this.#accumulator = accumulator
    this.#room = room
    this.#gate = gate
  }

  /** The first failure of a record that nobody waits for, since the last time it was taken. */
  get failure(): Error | undefined {
    return this.#failure
  }

  takeFailure(): Error | undefined {
    const failure = this.#failure
    this.#failure = undefined
    return failure
  }

  /** From now on nothing is tried again, and what is not under way fails. */
  giveUp(error: Error): void {
    this.#givenUp = error
    this.drop(error)
  }

  /** Begins anew after `giveUp`; what failed meanwhile is forgotten. */
  resume(): void {
    this.#givenUp = undefined
    this.#failure = undefined
  }

  /** Fails what is not under way. */
  drop(error: Error): void {
    const { batches, topics } = this.#accumulator.drop()
    for (const batch of batches) this.#gone(batch, error)
    for (const topic of topics) this.#goneUnresolved(topic, error)
  }

  /** Fails what has run out of time. */
  expire(nowMs: number): void {
    const { view } = this.#cluster
    const { batches, topics } = this.#accumulator.expire(nowMs, view)
    const { deliveryTimeoutMs } = this.#settings
    for (const batch of batches) this.#gone(batch, lateBatch(batch, view, this.#accumulator.timeoutMs(batch, view)))
    for (const expired of topics) this.#goneUnresolved(expired, lateTopic(expired.topic, expired.count, this.#cluster, deliveryTimeoutMs))
  }

  /** Fails the records of topics that the cluster refuses to tell of: a name that is none, rights that are missing. */
  refuse(): void {
    const { view } = this.#cluster
    for (const topic of this.#accumulator.unresolvedTopics()) {
      const code = view.problem(topic)?.errorCode
      if (code === undefined || errorCode(code).retriable) continue
      const error = refusal({
        api: 'Metadata',
        subject: `topic ${topic}`,
        broker: this.#cluster.brokers,
        errorCode: code,
        details: { topic },
      })
      this.#goneUnresolved(this.#accumulator.dropTopic(topic), error)
      this.#room.changed()
    }
  }

  answered(broker: string, batches: readonly PendingBatch[], response: ApiResponse<'Produce'>): void {
    const { view } = this.#cluster
    for (const { nodeId, host, port, rack } of response.nodeEndpoints) view.addNode({ id: nodeId, host, port, rack })
    for (const [index, answer] of produceAnswers(batches, response, view).entries()) {
      const batch = batches[index]!
      if (answer !== undefined) this.#answer(broker, batch, answer)
      else this.#retry(batch, clientError('CLIENT_BAD_RESPONSE', { broker, problem: 'Produce leaves a partition out' }), true)
    }
  }

  notAnswered(batches: readonly PendingBatch[], error: MillraceError): void {
    for (const batch of batches) {
      const isUncertain = error.code === 'CLIENT_DISCONNECTED' || error.code === 'CLIENT_TIMEOUT' || error.code === 'CLIENT_BAD_RESPONSE'
      if (error.retry || isUncertain) this.#retry(batch, error, isUncertain)
      else this.#fail(batch, error)
      // Its leader may be gone for good.
      this.#cluster.view.invalidate(batch.topic, batch.partition)
      this.#cluster.want(batch.topic, true)
    }
  }

  acknowledge(batch: PendingBatch, baseOffset: number, logAppendTimeMs: number): void {
    this.#accumulator.queueOf(batch).settle(batch, 'acknowledged', this.#nowMs(), 0)
    this.#settled(batch)
    batch.done(baseOffset, logAppendTimeMs)
    if (batch.attempts > 1) this.#awaited(batch)
    // Without acknowledgement nobody knows whether it has left the socket, and a repetition whether the first attempt has.
    if (batch.attempts === 1 && this.#settings.acks !== 0) batch.release()
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
    if (outcome === 'acknowledged') return this.acknowledge(batch, code === ERROR_CODE.NONE ? baseOffset : -1, logAppendTimeMs)
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
    else this.#awaits(batch, error)
    queue.settle(batch, outcome, this.#nowMs(), outcome === 'split' ? 0 : this.#retryAtMs(batch))
  }

  #retry(batch: PendingBatch, error: Error, isUncertain: boolean): void {
    if (this.#givenUp !== undefined) return this.#fail(batch, this.#givenUp)
    batch.lastError = error
    batch.isUncertain ||= isUncertain
    if (!isUnconnected(error)) this.#awaits(batch, error)
    this.#accumulator.queueOf(batch).settle(batch, 'retry', this.#nowMs(), this.#retryAtMs(batch))
  }

  #fail(batch: PendingBatch, error: Error): void {
    this.#accumulator.queueOf(batch).settle(batch, 'failed', this.#nowMs(), 0)
    this.#gone(batch, error)
  }

  #gone(batch: PendingBatch, error: Error): void {
    this.#settled(batch)
    this.#awaited(batch)
    if (!batch.isAwaited) this.#failure ??= error
    this.#gate?.failed(error)
    batch.fail(error)
  }

  #goneUnresolved({ completions, count }: ExpiredTopic, error: Error): void {
    if (completions.length < count) this.#failure ??= error
    this.#gate?.failed(error)
    for (const { fail } of completions) fail(error)
  }

  #awaits({ topic, partition }: PendingBatch, error: Error): void {
    this.#cluster.waits.failed('acknowledgement for', `${topic}-${partition}`, error.message)
  }

  #awaited({ topic, partition }: PendingBatch): void {
    if (!this.#cluster.waits.isEmpty) this.#cluster.waits.over('acknowledgement for', `${topic}-${partition}`)
  }

  #settled(batch: PendingBatch): void {
    this.#accumulator.settled(batch)
    this.#room.changed()
  }

  #retryAtMs(batch: PendingBatch): number {
    const { retryBackoffMs, retryBackoffMaxMs, random } = this.#cluster.settings
    return this.#nowMs() + backoffMs(batch.attempts, retryBackoffMs, retryBackoffMaxMs, random)
  }

  #nowMs(): number {
    return this.#cluster.settings.clock.monotonic()
  }
}
