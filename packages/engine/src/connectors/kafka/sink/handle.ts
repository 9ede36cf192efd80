import { parseTransactionHandle, type TransactionHandle } from '@millrace/log/client'
import { engineError } from '../../../errors.ts'

/** A transaction whose records are all acknowledged, so that it can be committed from anywhere. */
export interface PreparedTransaction {
  readonly transaction: TransactionHandle
  readonly checkpointId: number
  /** Wall clock, milliseconds since 1970: until then at least the coordinator keeps it open. */
  readonly deadlineMs: number
  /** The partition for which the checkpoint id was committed within the transaction, to a group that has the name of the transactional id. */
  readonly witness: Witness
}

export interface Witness {
  readonly topic: string
  readonly partition: number
}

/**
 * What a writer keeps in a checkpoint: its transactions that are prepared and not known to be committed; none if it has written nothing.
 * Each writer gives exactly one, so that whoever is given it knows all of that writer's ids that count.
 */
export interface KafkaSinkHandle {
  readonly kind: 'kafka-sink'
  readonly version: 1
  readonly prefix: string
  readonly subtask: number
  readonly parallelism: number
  readonly attempt: number
  readonly run: string
  /** Transactional ids that this run had made, numbered from 0: on brokers that cannot list transactions these are looked through. */
  readonly ids: number
  readonly transactions: readonly PreparedTransaction[]
}

/** Throws `KAFKA_SINK_HANDLE_UNKNOWN` for anything else than handles. */
export function checkHandles(restored: readonly unknown[], stateId: string): readonly KafkaSinkHandle[] {
  for (const handle of restored as readonly Partial<KafkaSinkHandle>[]) {
    if (handle?.kind !== 'kafka-sink' || handle.version !== 1 || !Array.isArray(handle.transactions)) {
      throw engineError('KAFKA_SINK_HANDLE_UNKNOWN', { stateId })
    }
    for (const { transaction } of handle.transactions) parseTransactionHandle(transaction)
  }
  return restored as readonly KafkaSinkHandle[]
}

/** Names one transaction among all there ever were. */
export function transactionKey({ transaction: { transactionalId, producerId, producerEpoch }, checkpointId }: PreparedTransaction): string {
  return `${transactionalId} ${producerId} ${producerEpoch} ${checkpointId}`
}

/** All transactions of the handles, each once. */
export function transactionsOf(handles: readonly KafkaSinkHandle[]): readonly PreparedTransaction[] {
  return [...new Map(handles.flatMap(({ transactions }) => transactions.map((each) => [transactionKey(each), each] as const))).values()]
}
