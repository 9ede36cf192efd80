/** The records of `__transaction_state`, exactly as Kafka writes them. A tombstone forgets the transactional id. */
import { logError } from '../../errors.ts'
import { recordFormat, type RecordFormat, type RecordOf } from '../framework/index.ts'
import { stateId, stateOfId } from './transaction-state.ts'
import {
  NO_PARTITIONS,
  NO_PRODUCER_EPOCH,
  partitionSet,
  type PartitionSet,
  type Transaction,
  type TransactionVersion,
} from './transaction.ts'

export const TRANSACTION_STATE_TOPIC = '__transaction_state'

const TABLE = {
  TransactionLog: {
    type: 0,
    key: { transactionalId: 'string' },
    value: {
      producerId: 'int64',
      previousProducerId: { type: 'int64', versions: '1+', tag: 0, default: -1, ignorable: true },
      nextProducerId: { type: 'int64', versions: '1+', tag: 1, default: -1, ignorable: true },
      producerEpoch: 'int16',
      transactionTimeoutMs: 'int32',
      transactionStatus: 'int8',
      transactionPartitions: {
        type: 'array',
        nullable: true,
        of: { topic: 'string', partitionIds: { type: 'array', of: 'int32' } },
      },
      transactionLastUpdateTimestampMs: 'int64',
      transactionStartTimestampMs: 'int64',
      clientTransactionVersion: { type: 'int16', versions: '1+', tag: 2, default: 0, ignorable: true },
    },
    versions: '0-1',
    flexible: '1+',
    writes: 1,
  },
} as const

export type TransactionRecord = RecordOf<typeof TABLE>

export const transactionFormat: RecordFormat<TransactionRecord> = recordFormat(TABLE)

export function recordOf(transaction: Transaction): TransactionRecord {
  return {
    name: 'TransactionLog',
    key: { transactionalId: transaction.transactionalId },
    value: {
      producerId: transaction.producerId,
      previousProducerId: transaction.previousProducerId,
      nextProducerId: transaction.nextProducerId,
      producerEpoch: transaction.producerEpoch,
      transactionTimeoutMs: transaction.timeoutMs,
      transactionStatus: stateId(transaction.state),
      transactionPartitions: transaction.state === 'Empty' ? null : partitionList(transaction.partitions),
      transactionLastUpdateTimestampMs: transaction.updatedMs,
      transactionStartTimestampMs: transaction.startedMs,
      clientTransactionVersion: transaction.clientVersion,
    },
  }
}

export function tombstoneOf(transactionalId: string): TransactionRecord {
  return { name: 'TransactionLog', key: { transactionalId }, value: null }
}

/** The transaction that a record tells of; undefined for a tombstone. @throws `COORDINATOR_RECORD_CORRUPT` for a state that is not known */
export function transactionOf({ key, value }: TransactionRecord): Transaction | undefined {
  if (value === null) return undefined
  const state = stateOfId(value.transactionStatus)
  if (state === undefined) throw logError('COORDINATOR_RECORD_CORRUPT', { type: `TransactionLog in state ${value.transactionStatus}` })
  const topics = value.transactionPartitions
  return {
    transactionalId: key.transactionalId,
    producerId: value.producerId,
    producerEpoch: value.producerEpoch,
    previousProducerId: value.previousProducerId,
    nextProducerId: value.nextProducerId,
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    timeoutMs: value.transactionTimeoutMs,
    state,
    partitions: topics === null ? NO_PARTITIONS : partitionSet(topics.map(({ topic, partitionIds }) => [topic, partitionIds])),
    startedMs: value.transactionStartTimestampMs,
    updatedMs: value.transactionLastUpdateTimestampMs,
    clientVersion: knownVersion(value.clientTransactionVersion),
  }
}

function partitionList(partitions: PartitionSet): { topic: string; partitionIds: number[] }[] {
  return [...partitions].map(([topic, ids]) => ({ topic, partitionIds: [...ids] }))
}

function knownVersion(version: number): TransactionVersion {
  return version >= 2 ? 2 : version === 1 ? 1 : 0
}
