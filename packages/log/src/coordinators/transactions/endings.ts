/**
 * Transactions whose end is decided, until all their partitions know.
 *
 * 1. A transaction has one job at most, and a job belongs to one leadership of its partition.
 * 2. Whoever waits for an end hears when the transaction is complete, or when its job was given up.
 */
import type { MarkerSender } from './marker-sender.ts'
import { completeTransaction, type TransactionOperation } from './transaction-machine.ts'
import type { Transaction } from './transaction.ts'

interface Ending {
  readonly partition: number
  readonly transaction: Transaction
  readonly ended: PromiseWithResolvers<void>
  stop: () => void
}

type Submit = (partition: number, operation: TransactionOperation<void>) => Promise<void>

export class Endings {
  readonly #sender: MarkerSender
  readonly #submit: Submit
  readonly #byId = new Map<string, Ending>()
  /** Leader epochs of the partitions that are led here. */
  readonly #epochs = new Map<number, number>()

  constructor(sender: MarkerSender, submit: Submit) {
    this.#sender = sender
    this.#submit = submit
  }

  /** A leadership of the partition begins; what was under way for an older one stops. */
  begin(partition: number, leaderEpoch: number): void {
    if (this.#epochs.get(partition) === leaderEpoch) return
    this.stop(partition)
    this.#epochs.set(partition, leaderEpoch)
  }

  stop(partition: number): void {
    this.#epochs.delete(partition)
    for (const ending of this.#byId.values()) if (ending.partition === partition) this.#giveUp(ending)
  }

  close(): void {
    for (const ending of this.#byId.values()) this.#giveUp(ending)
    this.#epochs.clear()
    this.#sender.close()
  }

  /** Has the markers of an ending transaction written, unless that is under way. Resolves when it has ended. */
  start(partition: number, transaction: Transaction): Promise<void> {
    const { transactionalId, producerId, producerEpoch } = transaction
    const known = this.#byId.get(transactionalId)
    if (known !== undefined) {
      if (known.transaction.producerId === producerId && known.transaction.producerEpoch === producerEpoch) return known.ended.promise
      this.#giveUp(known)
    }
    const coordinatorEpoch = this.#epochs.get(partition)
    if (coordinatorEpoch === undefined) return Promise.resolve()
    const ending: Ending = { partition, transaction, ended: Promise.withResolvers(), stop: () => undefined }
    this.#byId.set(transactionalId, ending)
    ending.stop = this.#sender.add({
      producerId,
      producerEpoch,
      isCommit: transaction.state === 'PrepareCommit',
      coordinatorEpoch,
      transactionVersion: transaction.clientVersion,
      partitions: transaction.partitions,
      onDone: () => this.#complete(ending),
    })
    return ending.ended.promise
  }

  #complete(ending: Ending): void {
    const forget = (): void => this.#forget(ending)
    // Where it fails the partition is loaded again, and its endings begin anew.
    this.#submit(ending.partition, completeTransaction(ending.transaction)).then(forget, forget)
  }

  #giveUp(ending: Ending): void {
    ending.stop()
    this.#forget(ending)
  }

  #forget(ending: Ending): void {
    const { transactionalId } = ending.transaction
    if (this.#byId.get(transactionalId) === ending) this.#byId.delete(transactionalId)
    ending.ended.resolve()
  }
}
