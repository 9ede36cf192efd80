/** What Produce does with transactional batches: they pass the coordinator before they reach their partition. */
import { ERROR_CODE } from '../../../protocol/index.ts'
import type { BatchView } from '../../../records/index.ts'
import type { AppendResult } from '../../../storage/index.ts'
import type { RequestContext } from '../../handler.ts'
import type { Partition } from '../../topics/partition.ts'

/** Produce's version from which a write adds its partition to the transaction. */
const IMPLIED_SINCE_VERSION = 12
const ABORTABLE_SINCE_VERSION = 11

export interface TransactionalBatch {
  readonly transactionalId: string
  readonly topic: string
  readonly partition: Partition
  readonly batch: BatchView
  /** As it is to be stored. */
  readonly bytes: Uint8Array
}

/** The error code for a refused batch, or what its append gave. @throws as `Partition.append` */
export async function produceTransactionally(
  { transactionalId, topic, partition, batch, bytes }: TransactionalBatch,
  { broker, version }: RequestContext,
): Promise<AppendResult | number> {
  const isImplied = version >= IMPLIED_SINCE_VERSION
  if (!isImplied && !broker.config.get('transaction.partition.verification.enable')) return await partition.append(bytes)
  const { producerId, producerEpoch, baseSequence: firstSequence } = batch
  const write = { transactionalId, producerId, producerEpoch, firstSequence, topic, partition: partition.index, isImplied }
  const placed = await broker.transactions.writes.write(partition, write, (guard) => partition.append(bytes, { guard }))
  return 'result' in placed ? placed.result : toClient(placed.errorCode, version)
}

/** A refusal as clients of this version understand it: what passes is told by a code that they try again without looking for another leader. */
function toClient(errorCode: number, version: number): number {
  switch (errorCode) {
    case ERROR_CODE.CONCURRENT_TRANSACTIONS:
      return version >= IMPLIED_SINCE_VERSION ? errorCode : ERROR_CODE.NOT_ENOUGH_REPLICAS
    case ERROR_CODE.COORDINATOR_LOAD_IN_PROGRESS:
    case ERROR_CODE.COORDINATOR_NOT_AVAILABLE:
    case ERROR_CODE.NOT_COORDINATOR:
      return ERROR_CODE.NOT_ENOUGH_REPLICAS
    case ERROR_CODE.TRANSACTION_ABORTABLE:
      return version >= ABORTABLE_SINCE_VERSION ? errorCode : ERROR_CODE.INVALID_TXN_STATE
    default:
      return errorCode
  }
}
