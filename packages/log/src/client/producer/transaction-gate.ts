import type { PartitionQueue } from './partition-queue.ts'

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
