import { formatDuration, randomId, type MillraceError } from '@millrace/core'
import { engineError } from '../../../errors.ts'
import type { SinkWriter, WriterContext } from '../../sink.ts'
import type { Failpoint, Reach } from './failpoints.ts'
import { checkHandles, transactionKey, transactionsOf, type KafkaSinkHandle, type PreparedTransaction } from './handle.ts'
import { OpenTransaction, type PendingRecord } from './open-transaction.ts'
import type { TransactionClient, TransactionProducer } from './ports.ts'
import { fateOf, idsToFence, idsToProbe, prefixesToSearch, type RecoveringWriter } from './recovery.ts'
import { isAboutRecord, isOver, writeFailure } from './sink-errors.ts'
import { transactionalIdOf } from './transactional-id.ts'

export interface ExactlyOnceOptions<T> {
  readonly prefix: string
  readonly transactionTimeoutMs: number
  /** How much longer a transaction must be kept after a checkpoint holds it; 0 by default. */
  readonly toleratedDowntimeMs?: number
  /** What becomes of the job when a transaction is lost: `fail` by default. */
  readonly onLost?: 'fail' | 'replay'
  readonly client: TransactionClient
  readonly reach: Reach
  /** @throws why the value is no record */
  readonly record: (value: T, timestamp: number) => PendingRecord
  /** Whether `record` looks at nothing of the value once it has answered. */
  readonly keepsNothing?: boolean
  /** What the format has to do before anything is written. */
  readonly openFormat: () => Promise<void>
}

interface Pending {
  readonly prepared: PreparedTransaction
  readonly producer: TransactionProducer
  /** Whether a checkpoint that holds it is complete. */
  isCovered: boolean
  committing: Promise<void> | undefined
}

/** Prepared transactions that wait for a checkpoint to complete: each checkpoint that comes to nothing leaves one. */
const PENDING_MAX = 100
/** The witness may become readable a moment after the transaction is over. */
const WITNESS_READS = 6
const WITNESS_RETRY_MS = 100
/** How long the end waits for open transactions to be aborted: without that they are when somebody comes next. */
const ABORT_WAIT_MS = 1_000

/**
 * Writes the records of one subtask in transactions, one for each checkpoint.
 *
 * 1. A transaction holds records of one checkpoint interval only, and all of this subtask's.
 * 2. A handle names every transaction that is prepared and not known to be committed, also those of checkpoints that came to nothing:
 *    whichever checkpoint completes next commits them.
 * 3. A transactional id serves another transaction only after the commit of the one before was confirmed. Ids are this writer's alone, for ever.
 * 4. After a failure no checkpoint is prepared any more: it would lack what could not be written.
 * 5. Only `commit` and the restored handles in `open` commit anything.
 * 6. No checkpoint comes to hold a transaction of one that came to nothing which may time out before it is committed: then the job would have lost it.
 * 7. What is aborted at the end is in no handle: it was never asked to prepare, or has failed to.
 */
export class ExactlyOnceWriter<T> implements SinkWriter<T> {
  readonly keepsNothing: boolean
  readonly #context: WriterContext
  readonly #options: ExactlyOnceOptions<T>
  readonly #self: RecoveringWriter
  readonly #pending: Map<string, Pending> = new Map()
  /** Between transactions. */
  #idle: TransactionProducer[] = []
  #numIds = 0
  #transaction: OpenTransaction
  /** Prepared from, but not answered yet. */
  readonly #sealing: Set<OpenTransaction> = new Set()
  readonly #aborting: Set<Promise<void>> = new Set()
  #preparing: Promise<unknown> = Promise.resolve()
  #failure: MillraceError | undefined
  #isClosed = false

  constructor(context: WriterContext, options: ExactlyOnceOptions<T>) {
    this.keepsNothing = options.keepsNothing === true
    this.#context = context
    this.#options = options
    const { subtask, parallelism, attempt, restoring } = context
    this.#self = { prefix: options.prefix, subtask, parallelism, attempt, restoring, run: randomId(context.random).slice(0, 8) }
    this.#transaction = this.#newTransaction()
  }

  async open(restored: readonly unknown[]): Promise<void> {
    const handles = checkHandles(restored, this.#context.stateId)
    try {
      for (const prepared of transactionsOf(handles)) await this.#commitRecovered(prepared)
      await this.#fenceLingering(handles)
      await this.#options.openFormat()
      // Wrong times, missing rights: known before the first record.
      this.#idle.push(await this.#newProducer())
    } catch (error) {
      throw writeFailure(error)
    }
  }

  write(value: T, timestamp: number): void {
    const record = this.#options.record(value, timestamp)
    try {
      this.#transaction.append(record)
    } catch (error) {
      // What is wrong with the transaction is not the doing of the record that happened to come next.
      if (isAboutRecord(error)) throw error
      this.#fail(error)
    }
  }

  ready(): boolean {
    return this.#transaction.hasRoom
  }

  prepare(checkpointId: number): Promise<readonly KafkaSinkHandle[]> {
    const transaction = this.#transaction
    this.#transaction = this.#newTransaction()
    this.#sealing.add(transaction)
    const prepared = this.#prepare(transaction, checkpointId, this.#preparing)
    this.#preparing = prepared.catch(() => {})
    return prepared
  }

  async commit(handles: readonly unknown[]): Promise<void> {
    const transactions = transactionsOf(checkHandles(handles, this.#context.stateId))
    for (const prepared of transactions) {
      const pending = this.#pending.get(transactionKey(prepared))
      if (pending !== undefined) pending.isCovered = true
    }
    await this.#reach('handle-stored')
    const outcomes = await Promise.allSettled(transactions.map((prepared) => this.#commit(prepared)))
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  close(): void | Promise<void> {
    this.#isClosed = true
    this.#abort(this.#transaction)
    if (this.#aborting.size === 0) return this.#end()
    return this.#untilAborted().then(() => this.#end())
  }

  /** Of a transaction that will be in no handle. */
  #abort(transaction: OpenTransaction): void {
    const aborted = transaction.abort()
    if (aborted === undefined) return
    this.#aborting.add(aborted)
    void aborted.finally(() => this.#aborting.delete(aborted))
  }

  async #untilAborted(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = this.#context.clock.after(ABORT_WAIT_MS, resolve)
    await Promise.race([Promise.all(this.#aborting), promise])
    cancel()
  }

  #end(): void {
    for (const transaction of [this.#transaction, ...this.#sealing]) transaction.close()
    for (const { producer } of this.#pending.values()) producer.close()
    for (const producer of this.#idle) producer.close()
    this.#options.client.close()
  }

  // ---------- writing

  #newTransaction(): OpenTransaction {
    return new OpenTransaction({
      acquire: async () => {
        const producer = this.#idle.pop() ?? (await this.#newProducer())
        await producer.begin()
        return producer
      },
      now: () => this.#context.clock.now(),
      room: () => this.#context.wake(),
      failed: (error) => this.#fail(error),
    })
  }

  async #newProducer(): Promise<TransactionProducer> {
    const { prefix, subtask, attempt, run } = this.#self
    const producer = this.#options.client.producer(transactionalIdOf(prefix, { subtask, attempt, run, number: this.#numIds++ }))
    await producer.init()
    return producer
  }

  #fail(cause: unknown): void {
    if (this.#failure !== undefined || this.#isClosed) return
    this.#failure = writeFailure(cause)
    this.#context.fail(this.#failure)
  }

  // ---------- preparing

  async #prepare(transaction: OpenTransaction, checkpointId: number, before: Promise<unknown>): Promise<readonly KafkaSinkHandle[]> {
    try {
      await this.#reach('before-prepare')
      const acknowledged = await transaction.prepare(checkpointId)
      await before
      if (this.#failure !== undefined) throw this.#failure
      this.#checkAges()
      if (acknowledged !== undefined) {
        const { producer, handle, startedMs, witness } = acknowledged
        const deadlineMs = startedMs + this.#options.transactionTimeoutMs
        const prepared = { transaction: handle, checkpointId, deadlineMs, witness }
        this.#pending.set(transactionKey(prepared), { prepared, producer, isCovered: false, committing: undefined })
      }
      if (this.#pending.size > PENDING_MAX) throw engineError('KAFKA_SINK_TOO_MANY_PREPARED', { limit: PENDING_MAX })
    } catch (error) {
      this.#abort(transaction)
      this.#fail(error)
      throw this.#failure ?? writeFailure(error)
    } finally {
      this.#sealing.delete(transaction)
    }
    const handle = this.#handle()
    await this.#reach('after-prepare')
    return [handle]
  }

  /** By the wall clock: it goes on while the machine sleeps, as the cluster's does. @throws `KAFKA_SINK_PREPARED_TOO_LONG` */
  #checkAges(): void {
    const { transactionTimeoutMs, toleratedDowntimeMs = 0 } = this.#options
    for (const { prepared, isCovered } of this.#pending.values()) {
      const { checkpointId, deadlineMs } = prepared
      if (isCovered || this.#context.clock.now() + toleratedDowntimeMs <= deadlineMs) continue
      throw engineError('KAFKA_SINK_PREPARED_TOO_LONG', { checkpointId, timeout: formatDuration(transactionTimeoutMs) })
    }
  }

  #handle(): KafkaSinkHandle {
    const { prefix, subtask, parallelism, attempt, run } = this.#self
    const transactions = [...this.#pending.values()].map(({ prepared }) => prepared)
    return { kind: 'kafka-sink', version: 1, prefix, subtask, parallelism, attempt, run, ids: this.#numIds, transactions }
  }

  // ---------- committing

  async #commit(prepared: PreparedTransaction): Promise<void> {
    const pending = this.#pending.get(transactionKey(prepared))
    if (pending === undefined) return await this.#commitRecovered(prepared)
    pending.committing ??= this.#commitPending(pending).finally(() => (pending.committing = undefined))
    await pending.committing
  }

  async #commitPending(pending: Pending): Promise<void> {
    const { prepared, producer } = pending
    await this.#reach('before-commit')
    await this.#byWitness(prepared, async () => {
      const ended = producer.commit()
      ended.catch(() => {}) // awaited below
      await this.#reach('during-commit')
      await ended
    })
    await this.#reach('after-commit')
    this.#pending.delete(transactionKey(prepared))
    if (this.#isClosed || producer.state !== 'ready') producer.close()
    else this.#idle.push(producer)
  }

  /** Of a former life, or confirmed before: whoever prepared it does not matter. */
  async #commitRecovered(prepared: PreparedTransaction): Promise<void> {
    await this.#reach('before-recovered-commit')
    await this.#byWitness(prepared, () => this.#options.client.commit(prepared.transaction))
    await this.#reach('after-recovered-commit')
  }

  /** Resolves when the transaction is committed, now or long ago. @throws `KAFKA_SINK_TRANSACTION_LOST`, `KAFKA_SINK_TRANSACTION_REPLAYED` */
  async #byWitness(prepared: PreparedTransaction, commit: () => Promise<void>): Promise<void> {
    try {
      return await commit()
    } catch (error) {
      if (!isOver(error)) throw error
      if (!(await this.#isWitnessed(prepared))) throw this.#lost(prepared, error)
    }
  }

  async #isWitnessed(prepared: PreparedTransaction): Promise<boolean> {
    const { transaction, witness } = prepared
    for (let read = 1; ; read++) {
      const offset = await this.#options.client.committedOffset(transaction.transactionalId, witness.topic, witness.partition)
      if (fateOf(prepared, offset) === 'committed') return true
      if (read === WITNESS_READS) return false
      await new Promise<void>((resolve) => void this.#context.clock.after(WITNESS_RETRY_MS * read, resolve))
    }
  }

  #lost({ transaction, checkpointId, deadlineMs, witness }: PreparedTransaction, cause: unknown): MillraceError {
    const { transactionalId, producerId, producerEpoch } = transaction
    const deadline = new Date(deadlineMs).toISOString()
    const details = { checkpointId, topic: witness.topic, transactionalId, producerId, producerEpoch, deadline }
    if (this.#options.onLost !== 'replay') return engineError('KAFKA_SINK_TRANSACTION_LOST', details, cause)
    return engineError('KAFKA_SINK_TRANSACTION_REPLAYED', { ...details, restoreBefore: checkpointId }, cause)
  }

  // ---------- what former lives left behind

  async #fenceLingering(handles: readonly KafkaSinkHandle[]): Promise<void> {
    const { client } = this.#options
    for (const prefix of prefixesToSearch(this.#self, handles)) {
      const open = await client.open(prefix)
      if (open === undefined) return await this.#fenceKnown(handles)
      for (const id of idsToFence(open, prefix, this.#self, handles)) await this.#fence(id)
    }
  }

  /** Of brokers that cannot list transactions. */
  async #fenceKnown(handles: readonly KafkaSinkHandle[]): Promise<void> {
    for (const { numKnown, id } of idsToProbe(handles)) {
      for (let number = 0, exists = true; number < numKnown || exists; number++) exists = (await this.#fence(id(number))) > 0
    }
  }

  async #fence(transactionalId: string): Promise<number> {
    await this.#reach('before-fence')
    const epoch = await this.#options.client.fence(transactionalId)
    await this.#reach('after-fence')
    return epoch
  }

  #reach(failpoint: Failpoint): Promise<void> | undefined {
    return this.#options.reach(failpoint)
  }
}
