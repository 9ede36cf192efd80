/**
 * A producer whose records appear all together or not at all.
 *
 * 1. What may be done when is the table of `transaction-state.ts`.
 * 2. A transaction is committed only after each of its records, and all offsets given for it, were acknowledged; what of these failed makes it abortable.
 * 3. A handle names one transaction and no later one: with transaction version 2 the epoch moves with each, before that a new epoch is taken when one begins.
 * 4. A partition is written to only once it is part of the transaction; with version 2 the broker sees to that.
 */
import type { MillraceError } from '@millrace/core'
import { clientError, errorClassOf } from '../errors.ts'
import type { Cluster } from '../metadata/cluster.ts'
import { checkName, checkWholeNumber, INT32_MAX } from '../option-checks.ts'
import type { PartitionQueue } from '../producer/partition-queue.ts'
import type { ProducerIdentity } from '../producer/pending-batch.ts'
import { Producer } from '../producer/producer.ts'
import type { ProducerSettings } from '../producer/producer-options.ts'
import type { ProducerRecord, RecordMetadata } from '../producer/record.ts'
import type { TransactionHandle } from './handle.ts'
import type { TransactionCalls, TransactionOffsets } from './transaction-calls.ts'
import { isAllowed, type TransactionAction, type TransactionState } from './transaction-state.ts'

/** Who a transactional producer is to the cluster, and how long its transactions may stay open. */
export interface TransactionalOptions {
  /** `transactional.id`: whoever takes it fences those who had it before. */
  readonly transactionalId: string
  /** `transaction.timeout.ms`: after so long the coordinator aborts a transaction that is still open; 60,000 by default. */
  readonly transactionTimeoutMs?: number
}

/** Writes records that appear all together or not at all; made by `LogClient.transactionalProducer`, and first of all `init`. */
export class TransactionalProducer {
  readonly transactionalId: string
  readonly #cluster: Cluster
  readonly #calls: TransactionCalls
  readonly #timeoutMs: number
  readonly #producer: Producer
  /** Of transaction version 1: partitions that are part of the transaction, and those being added. */
  readonly #added = new Set<string>()
  #adding: Promise<void> | undefined
  #toAdd = new Map<string, PartitionQueue>()
  /** Offsets on their way to their groups. */
  readonly #sending = new Set<Promise<void>>()
  #version: 1 | 2 = 1
  #identity: ProducerIdentity = { producerId: -1, producerEpoch: -1 }
  /** Whether anything was written. */
  #isStarted = false
  /** Of version 1: whether a partition or offsets were asked to be added, so that the coordinator may know of the transaction. */
  #mayBeKnown = false
  /** Of version 1: whether the identity has served a transaction. */
  #isUsed = false
  #state: TransactionState = 'new'
  #failure: Error | undefined

  /** @throws `CLIENT_OPTION` */
  constructor(cluster: Cluster, calls: TransactionCalls, settings: ProducerSettings, options: TransactionalOptions) {
    checkName('transactionalId', options.transactionalId)
    this.transactionalId = options.transactionalId
    this.#cluster = cluster
    this.#calls = calls
    this.#timeoutMs = options.transactionTimeoutMs ?? 60_000
    checkWholeNumber('transactionTimeoutMs', this.#timeoutMs, 1, INT32_MAX)
    const version = (): 1 | 2 => this.#version
    this.#producer = new Producer(cluster, settings, {
      transactionalId: options.transactionalId,
      get maxVersion() {
        return version() === 2 ? Number.POSITIVE_INFINITY : 11
      },
      mayWrite: (queue) => this.#mayWrite(queue),
      want: (queues) => this.#want(queues),
      failed: (error) => this.#failed(error),
    })
  }

  get state(): TransactionState {
    return this.#state
  }

  /** Bytes of records that are not acknowledged. */
  get bufferedBytes(): number {
    return this.#producer.bufferedBytes
  }

  /** Takes the transactional id: fences whoever had it, aborts what they left open. Call it once. @throws `CLIENT_*` */
  async init(): Promise<void> {
    this.#check('init')
    this.#version = await this.#calls.transactionVersion(this.transactionalId)
    this.#become(await this.#guard(this.#calls.initProducerId(this.transactionalId, this.#timeoutMs)))
    this.#state = 'ready'
  }

  /** @throws `CLIENT_TRANSACTION_STATE`, `CLIENT_FENCED`, `CLIENT_*` */
  async begin(): Promise<void> {
    this.#check('begin')
    if (this.#version === 1 && this.#isUsed) {
      this.#become(await this.#guard(this.#calls.initProducerId(this.transactionalId, this.#timeoutMs, this.#identity)))
      this.#isUsed = false
    }
    this.#state = 'open'
    this.#isStarted = false
    this.#added.clear()
  }

  /** As the producer's. @throws `CLIENT_TRANSACTION_STATE`, and as that */
  async send(record: ProducerRecord): Promise<RecordMetadata> {
    this.#check('write')
    this.#isStarted = true
    return await this.#producer.send(record)
  }

  /** As the producer's. @throws `CLIENT_TRANSACTION_STATE`, and as that */
  append(record: ProducerRecord): boolean {
    this.#check('write')
    this.#isStarted = true
    return this.#producer.append(record)
  }

  /** As the producer's. */
  ready(): Promise<void> {
    return this.#producer.ready()
  }

  /** Waits until every record is acknowledged. @throws `CLIENT_TRANSACTION_ABORTABLE`, `CLIENT_FENCED` */
  async flush(): Promise<void> {
    await this.#producer.flush().catch(() => undefined)
    this.#checkHealthy()
  }

  /** Commits a group's offsets with the transaction. @throws `CLIENT_TRANSACTION_STATE`, `CLIENT_FENCED`, `CLIENT_REFUSED` */
  async sendOffsets(offsets: TransactionOffsets): Promise<void> {
    this.#check('write')
    if (offsets.offsets.length === 0) return
    this.#isStarted = true
    this.#mayBeKnown = true
    const sending = this.#sendOffsets(offsets)
    this.#sending.add(sending)
    await sending.finally(() => this.#sending.delete(sending))
  }

  /**
   * Takes no more records, and waits until those it has are acknowledged. From then the transaction can be ended by its handle, here or by any other process; undefined for an empty transaction,
   * which is over. @throws `CLIENT_TRANSACTION_ABORTABLE`, `CLIENT_FENCED`
   */
  async prepare(): Promise<TransactionHandle | undefined> {
    this.#check('prepare')
    await this.#finish()
    if (!this.#isStarted) {
      this.#state = 'ready'
      return undefined
    }
    return await this.#handle()
  }

  /** Takes no more records, waits until those it has are acknowledged, then commits. @throws `CLIENT_TRANSACTION_ABORTABLE`: abort it; `CLIENT_FENCED`, `CLIENT_TRANSACTION_ENDED`: it is not committed */
  async commit(): Promise<void> {
    this.#check('commit')
    if (this.#state === 'open') await this.#finish()
    await this.#end(true)
  }

  /** Gives up what is not sent, and aborts. */
  async abort(): Promise<void> {
    this.#check('abort')
    const dropped = clientError('CLIENT_RECORDS_DROPPED', {
      count: 'All',
      topic: '*',
      partition: '*',
      problem: 'the transaction was aborted',
    })
    // Whoever waits to commit it must not do so with what is left, and nothing more is taken.
    if (this.#state !== 'abortable') this.#fail('abortable', dropped)
    await this.#producer.discard(dropped)
    await this.#adding?.catch(() => undefined)
    await Promise.allSettled(this.#sending)
    await this.#end(false)
  }

  /** Ends this producer, not its transaction: one that is open stays so until its handle or a time-out ends it. */
  close(): void {
    this.#producer.abandon(clientError('CLIENT_CLOSED', { what: 'producer' }))
    if (this.#state !== 'failed') this.#fail('failed', clientError('CLIENT_CLOSED', { what: 'producer' }))
  }

  /** Takes no more records and offsets, and waits for those there are: one more, sent while these were waited for, would go with the next transaction. */
  async #finish(): Promise<void> {
    this.#state = 'finishing'
    await Promise.allSettled(this.#sending)
    await this.flush()
    this.#state = 'prepared'
  }

  async #sendOffsets(offsets: TransactionOffsets): Promise<void> {
    const asker = { transactionalId: this.transactionalId, ...this.#identity }
    const isOver = (): boolean => this.#state !== 'open' && this.#state !== 'finishing'
    try {
      if (this.#version === 1) await this.#calls.addOffsets(asker, offsets.group.groupId, isOver)
      await this.#calls.commitOffsets(asker, this.#version, offsets, isOver)
    } catch (error) {
      this.#failed(error as Error)
      throw error
    }
  }

  async #end(isCommit: boolean): Promise<void> {
    const before = this.#state
    this.#state = 'ending'
    try {
      const isKnown = this.#version === 2 ? this.#isStarted : this.#isStarted && (isCommit || this.#mayBeKnown)
      const next = isKnown ? await this.#calls.end(await this.#handle(), isCommit) : undefined
      this.#isUsed ||= isKnown
      this.#failure = undefined
      this.#mayBeKnown = false
      this.#become(next ?? this.#identity)
      this.#state = 'ready'
    } catch (error) {
      const isOver = ['fenced', 'fatal'].includes(errorClassOf(error)) || (error as MillraceError).code === 'CLIENT_TRANSACTION_ENDED'
      // Nothing is decided where nobody answered: the same call may be made again.
      if (isOver) this.#fail('failed', error as Error)
      else this.#state = before
      throw error
    }
  }

  async #handle(): Promise<TransactionHandle> {
    const clusterId = await this.#cluster.clusterId()
    return { clusterId, transactionalId: this.transactionalId, ...this.#identity, transactionVersion: this.#version }
  }

  #become(identity: ProducerIdentity): void {
    this.#identity = identity
    this.#producer.setIdentity(identity)
  }

  #mayWrite(queue: PartitionQueue): boolean {
    if (this.#state !== 'open' && this.#state !== 'finishing') return false
    return this.#version === 2 || this.#added.has(nameOf(queue))
  }

  #want(queues: readonly PartitionQueue[]): void {
    if (this.#version === 2 || (this.#state !== 'open' && this.#state !== 'finishing')) return
    for (const queue of queues) this.#toAdd.set(nameOf(queue), queue)
    this.#adding ??= this.#add().finally(() => {
      this.#adding = undefined
      this.#producer.pump()
    })
  }

  async #add(): Promise<void> {
    const partitions = [...this.#toAdd.values()]
    this.#toAdd = new Map()
    this.#mayBeKnown = true
    try {
      await this.#calls.addPartitions({ transactionalId: this.transactionalId, ...this.#identity }, partitions)
      for (const queue of partitions) this.#added.add(nameOf(queue))
    } catch (error) {
      this.#failed(error as Error)
    }
  }

  #failed(error: Error): void {
    if (!['open', 'finishing', 'prepared'].includes(this.#state)) return
    const errorClass = errorClassOf(error)
    const isFinal = errorClass === 'fenced' || (error as MillraceError).code === 'CLIENT_TRANSACTION_ENDED'
    this.#fail(isFinal ? 'failed' : 'abortable', error)
    // What else was written can only be thrown away: whoever waits for it hears so now.
    void this.#producer.discard(error)
  }

  async #guard<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      if (errorClassOf(error) === 'fenced') this.#fail('failed', error as Error)
      throw error
    }
  }

  #fail(state: 'abortable' | 'failed', error: Error): void {
    this.#state = state
    this.#failure = error
  }

  #check(action: TransactionAction): void {
    if (isAllowed(action, this.#state)) return
    if (action !== 'abort') this.#checkHealthy()
    if (this.#failure !== undefined && this.#state === 'failed') throw this.#failure
    throw clientError('CLIENT_TRANSACTION_STATE', { transactionalId: this.transactionalId, action, state: this.#state })
  }

  /** @throws what made the transaction impossible to commit */
  #checkHealthy(): void {
    if (this.#failure === undefined) return
    const { transactionalId, producerId, producerEpoch } = { transactionalId: this.transactionalId, ...this.#identity }
    const { code, details } = this.#failure as Partial<MillraceError>
    if (this.#state === 'abortable')
      throw clientError('CLIENT_TRANSACTION_ABORTABLE', { transactionalId, problem: this.#failure.message }, this.#failure)
    if (code === 'CLIENT_FENCED' || errorClassOf(this.#failure) !== 'fenced') throw this.#failure
    const facts = { transactionalId, producerId, producerEpoch, broker: String(details?.['broker']), error: String(details?.['error']) }
    throw clientError('CLIENT_FENCED', facts, this.#failure)
  }
}

function nameOf({ topic, partition }: PartitionQueue): string {
  return `${topic} ${partition}`
}
