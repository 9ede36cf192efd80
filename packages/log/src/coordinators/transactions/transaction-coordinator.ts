/**
 * The coordinator of transactions: requests in, markers out.
 *
 * 1. Markers are sent only for an end that is acknowledged in the log, and the end is complete only when all of them are written.
 * 2. After every load of a partition what was ending there goes on ending: no decision is lost with the broker that made it.
 * 3. A transaction that has taken too long is aborted at the next sweep.
 * 4. A request that meets the end of the transaction before waits a little for it, so that clients need not come again.
 */
import type { Cancel, Clock, Random } from '@millrace/core'
import { ERROR_CODE } from '../../protocol/index.ts'
import { Coordinator, partitionFor, type CoordinatorLog, type CoordinatorNotice } from '../framework/index.ts'
import type { AddPartitions, VerifyPartition } from './add-partitions.ts'
import type { ErrorReply, ProducerReply } from './decision.ts'
import type { EndTransaction } from './end-transaction.ts'
import { Endings } from './endings.ts'
import type { InitProducerId } from './init-producer-id.ts'
import { MarkerSender, type MarkerTransport } from './marker-sender.ts'
import {
  abortTimedOut,
  addPartitions,
  endTransaction,
  expireTransactions,
  findChores,
  initProducerId,
  NEEDS_PRODUCER_ID,
  readTransaction,
  readTransactions,
  transactionMachine,
  verifyPartitions,
  type OutcomeOrNeed,
  type TransactionOperation,
  type Transactions,
} from './transaction-machine.ts'
import type { TransactionRecord } from './transaction-log.ts'
import type { Transaction } from './transaction.ts'

export interface TransactionSettings {
  /** `transaction.max.timeout.ms` */
  readonly timeoutMaxMs: number
  /** `transactional.id.expiration.ms` */
  readonly idExpirationMs: number
  /** `transaction.abort.timed.out.transaction.cleanup.interval.ms` */
  readonly abortIntervalMs: number
  /** `transaction.remove.expired.transaction.cleanup.interval.ms` */
  readonly expireIntervalMs: number
  /** `add.partitions.to.txn.retry.backoff.max.ms`: how long a request waits for the end of the transaction before. */
  readonly patienceMs: number
}

export interface TransactionCoordinatorOptions {
  readonly clock: Clock
  readonly random: Random
  /** Asked anew each time. */
  readonly settings: () => TransactionSettings
  /** Partitions of `__transaction_state`. */
  readonly partitionCount: () => number
  /** A producer id that nobody has. */
  readonly takeProducerId: () => Promise<number>
  readonly markers: MarkerTransport
  readonly onNotice?: (notice: CoordinatorNotice, partition: number) => void
}

export class TransactionCoordinator {
  readonly #options: TransactionCoordinatorOptions
  readonly #coordinator: Coordinator<Transactions, TransactionRecord>
  readonly #endings: Endings
  readonly #timers = new Set<Cancel>()
  #isClosed = false

  constructor(options: TransactionCoordinatorOptions) {
    this.#options = options
    const { clock, random, markers } = options
    this.#coordinator = new Coordinator({
      name: 'transaction',
      machine: transactionMachine,
      clock,
      random,
      onNotice: (notice, partition) => this.#noticed(notice, partition),
    })
    this.#endings = new Endings(new MarkerSender(clock, markers), (partition, operation) => this.#coordinator.submit(partition, operation))
    this.#repeat(
      () => options.settings().abortIntervalMs,
      (partition) => this.#doChores(partition),
    )
    this.#repeat(
      () => options.settings().expireIntervalMs,
      (partition) => this.#expire(partition),
    )
  }

  /** The partition of `__transaction_state` that keeps the id. */
  partitionFor(transactionalId: string): number {
    return partitionFor(transactionalId, this.#options.partitionCount())
  }

  /** As `Coordinator.load`: what was ending in a partition of `__transaction_state` goes on ending once it is loaded. */
  load(partition: number, log: CoordinatorLog): void {
    if (!this.#coordinator.load(partition, log)) return
    this.#endings.begin(partition, log.leaderEpoch)
    this.#resume(partition)
  }

  /** Gives it up. @param leaderEpoch of the leadership that ended it; without one the partition is gone for good */
  unload(partition: number, leaderEpoch?: number): void {
    this.#coordinator.unload(partition, leaderEpoch)
    this.#endings.stop(partition)
  }

  /** Resolves when no load is under way for the partition. */
  loadSettled(partition: number): Promise<void> {
    return this.#coordinator.loadSettled(partition)
  }

  close(): void {
    this.#isClosed = true
    for (const cancel of this.#timers) cancel()
    this.#timers.clear()
    this.#endings.close()
    this.#coordinator.close()
  }

  /** These four reject as `PartitionCoordinator.submit` does. */
  initProducerId(asked: InitProducerId): Promise<ProducerReply> {
    const { timeoutMaxMs } = this.#options.settings()
    return this.#patiently(asked.transactionalId, (fresh) => initProducerId(asked, timeoutMaxMs, fresh))
  }

  addPartitions(transactionalId: string, asked: AddPartitions): Promise<ErrorReply> {
    return this.#patiently(transactionalId, () => addPartitions(transactionalId, asked))
  }

  endTransaction(transactionalId: string, asked: EndTransaction): Promise<ProducerReply> {
    return this.#patiently(transactionalId, (fresh) => endTransaction(transactionalId, asked, fresh))
  }

  /** An error code for each of the partitions. */
  verifyPartitions(transactionalId: string, asked: readonly VerifyPartition[]): Promise<readonly number[]> {
    return this.#submit(transactionalId, verifyPartitions(transactionalId, asked))
  }

  describe(transactionalId: string): Promise<Transaction | undefined> {
    return this.#submit(transactionalId, readTransaction(transactionalId))
  }

  /** Every transactional id that is coordinated here; undefined while some are being loaded. */
  async list(): Promise<readonly Transaction[] | undefined> {
    const { partitions } = this.#coordinator
    if (!partitions.every((partition) => this.#coordinator.isLoaded(partition))) return undefined
    const all = await Promise.all(partitions.map((partition) => this.#coordinator.submit(partition, readTransactions())))
    return all.flat()
  }

  /** What each partition holds at this moment; undefined where it is not loaded. For figures alone. */
  present(): readonly (Transactions | undefined)[] {
    return this.#coordinator.present()
  }

  /** As `Coordinator.loadTimesMs`. */
  loadTimesMs(): readonly number[] {
    return this.#coordinator.loadTimesMs()
  }

  #submit<T>(transactionalId: string, operation: TransactionOperation<T>): Promise<T> {
    return this.#coordinator.submit(this.partitionFor(transactionalId), operation)
  }

  /** Decides; where a transaction is in the way that is just ending, once more when it has ended, or the patience. */
  async #patiently<R extends ErrorReply>(
    transactionalId: string,
    make: (freshProducerId: number | undefined) => TransactionOperation<OutcomeOrNeed<R>>,
  ): Promise<R> {
    const { clock, settings } = this.#options
    const deadline = clock.monotonic() + settings().patienceMs
    const partition = this.partitionFor(transactionalId)
    for (;;) {
      const { reply, ending } = await this.#outcome(partition, make)
      if (ending === undefined) return reply
      const ended = this.#endings.start(partition, ending)
      if (reply.errorCode !== ERROR_CODE.CONCURRENT_TRANSACTIONS || clock.monotonic() >= deadline) return reply
      if (!(await this.#withinMs(deadline - clock.monotonic(), ended))) return reply
    }
  }

  async #outcome<R>(
    partition: number,
    make: (freshProducerId: number | undefined) => TransactionOperation<OutcomeOrNeed<R>>,
  ): Promise<Exclude<OutcomeOrNeed<R>, typeof NEEDS_PRODUCER_ID>> {
    let fresh: number | undefined
    for (;;) {
      const outcome = await this.#coordinator.submit(partition, make(fresh))
      if (outcome !== NEEDS_PRODUCER_ID) return outcome
      fresh = await this.#options.takeProducerId()
    }
  }

  /** Whether the promise has resolved within the time. */
  async #withinMs(delayMs: number, promise: Promise<void>): Promise<boolean> {
    const { clock } = this.#options
    const { promise: late, resolve } = Promise.withResolvers<boolean>()
    const cancel = clock.after(delayMs, () => resolve(false))
    this.#timers.add(cancel)
    try {
      return await Promise.race([promise.then(() => !this.#isClosed), late])
    } finally {
      cancel()
      this.#timers.delete(cancel)
    }
  }

  #noticed(notice: CoordinatorNotice, partition: number): void {
    this.#options.onNotice?.(notice, partition)
    // What the log now says may differ from what was being ended.
    if (notice.kind !== 'load-failed') this.#resume(partition)
  }

  #resume(partition: number): void {
    this.#coordinator
      .loadSettled(partition)
      .then(() => this.#doChores(partition))
      .catch(() => undefined)
  }

  async #doChores(partition: number): Promise<void> {
    const { timedOut, ending } = await this.#coordinator.submit(partition, findChores())
    for (const one of ending) void this.#endings.start(partition, one)
    for (const one of timedOut) {
      const aborted = await this.#coordinator.submit(partition, abortTimedOut(one))
      if (aborted !== undefined) void this.#endings.start(partition, aborted)
    }
  }

  async #expire(partition: number): Promise<void> {
    const { idExpirationMs } = this.#options.settings()
    while (await this.#coordinator.submit(partition, expireTransactions(idExpirationMs)));
  }

  /** Does the work for every partition, again and again. What cannot be done now is done the next time. */
  #repeat(intervalMs: () => number, work: (partition: number) => Promise<void>): void {
    const cancel = this.#options.clock.after(intervalMs(), () => {
      this.#timers.delete(cancel)
      if (this.#isClosed) return
      for (const partition of this.#coordinator.partitions) work(partition).catch(() => undefined)
      this.#repeat(intervalMs, work)
    })
    this.#timers.add(cancel)
  }
}
