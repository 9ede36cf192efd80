/** Adding partitions to a transaction, and verifying that they have been added (KIP-890). */
import { ERROR_CODE } from '../../protocol/index.ts'
import type { Decision, DecisionFacts, ErrorReply, Producer } from './decision.ts'
import { isEnding } from './transaction-state.ts'
import {
  includesAll,
  includesPartition,
  moved,
  NO_PRODUCER_ID,
  union,
  type PartitionSet,
  type Transaction,
  type TransactionVersion,
} from './transaction.ts'

/** Bytes of a transaction's partitions in its record: a record must fit a batch of the default size, also with what the end adds. */
const PARTITIONS_BYTES_MAX = 900_000

export interface AddPartitions extends Producer {
  readonly partitions: PartitionSet
  /** 2 where the server adds what a client's write implies. */
  readonly clientVersion: TransactionVersion
}

export function decideAddPartitions(before: Transaction | undefined, asked: AddPartitions, { nowMs }: DecisionFacts): Decision<ErrorReply> {
  const errorCode = producerError(before, asked)
  if (before === undefined || errorCode !== ERROR_CODE.NONE) return { kind: 'answer', reply: { errorCode } }
  const { state, partitions, startedMs } = before
  const reply = { errorCode: ERROR_CODE.NONE }
  if (state === 'Ongoing' && includesAll(partitions, asked.partitions)) return { kind: 'answer', reply }
  const all = union(partitions, asked.partitions)
  if (partitionsBytes(all) > PARTITIONS_BYTES_MAX) return { kind: 'answer', reply: { errorCode: ERROR_CODE.INVALID_REQUEST } }
  const to = moved(before, 'Ongoing', {
    partitions: all,
    startedMs: state === 'Ongoing' ? startedMs : nowMs,
    updatedMs: nowMs,
    previousProducerId: NO_PRODUCER_ID,
    clientVersion: asked.clientVersion,
  })
  return { kind: 'move', to, reply }
}

export interface VerifyPartition extends Producer {
  readonly topic: string
  readonly partition: number
}

/** The error code for a write to a partition that the client must have added before. */
export function verifyPartition(transaction: Transaction | undefined, asked: VerifyPartition): number {
  const errorCode = producerError(transaction, asked)
  if (transaction === undefined || errorCode !== ERROR_CODE.NONE) return errorCode
  const isAdded = transaction.state === 'Ongoing' && includesPartition(transaction.partitions, asked.topic, asked.partition)
  return isAdded ? ERROR_CODE.NONE : ERROR_CODE.TRANSACTION_ABORTABLE
}

function producerError(transaction: Transaction | undefined, { producerId, producerEpoch }: Producer): number {
  if (transaction === undefined) return ERROR_CODE.INVALID_PRODUCER_ID_MAPPING
  const { state, nextProducerId } = transaction
  // The producer knows its next id from the end of its transaction, before the end is complete.
  if (isEnding(state) && nextProducerId === producerId && producerEpoch === 0) return ERROR_CODE.CONCURRENT_TRANSACTIONS
  if (transaction.producerId !== producerId) return ERROR_CODE.INVALID_PRODUCER_ID_MAPPING
  if (transaction.producerEpoch !== producerEpoch) return ERROR_CODE.PRODUCER_FENCED
  return isEnding(state) ? ERROR_CODE.CONCURRENT_TRANSACTIONS : ERROR_CODE.NONE
}

function partitionsBytes(set: PartitionSet): number {
  let sizeBytes = 0
  for (const [topic, partitions] of set) sizeBytes += Buffer.byteLength(topic) + 16 + 4 * partitions.size
  return sizeBytes
}
