/** What an exactly-once writer needs of a cluster: the log's client gives it, and so does a broker made up for simulation. */
import type { LogClient, ProducerRecord, TransactionalProducer, TransactionHandle } from '@millrace/log/client'

/** As the log client's `TransactionalProducer`, which see. */
export type TransactionProducer = Pick<
  TransactionalProducer,
  'transactionalId' | 'state' | 'init' | 'begin' | 'append' | 'ready' | 'flush' | 'sendOffsets' | 'prepare' | 'commit' | 'abort' | 'close'
>

export interface TransactionClient {
  /** A producer that has no identity yet. */
  producer(transactionalId: string): TransactionProducer
  /** @throws `CLIENT_FENCED`, `CLIENT_TRANSACTION_ENDED`: there is no such transaction (any more), whatever became of it */
  commit(handle: TransactionHandle): Promise<void>
  /** Aborts what is open under this id, for good. Answers the epoch: 0 for an id that never was. */
  fence(transactionalId: string): Promise<number>
  /** Ids with this prefix that have an open transaction; undefined where the brokers cannot say. */
  open(prefix: string): Promise<readonly string[] | undefined>
  /** The offset that a group has committed, transactions that are open left aside; undefined if none. */
  committedOffset(groupId: string, topic: string, partition: number): Promise<number | undefined>
  close(): void
}

export interface ProducerTuning {
  readonly lingerMs?: number
  readonly batchBytes?: number
  readonly maxRequestBytes?: number
  readonly deliveryTimeoutMs?: number
  readonly bufferBytes?: number
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  readonly compressionLevel?: number
}

/** The client of a real cluster. */
export function transactionClient(client: LogClient, tuning: ProducerTuning, transactionTimeoutMs: number): TransactionClient {
  return {
    producer: (transactionalId) => client.transactionalProducer({ ...tuning, transactionalId, transactionTimeoutMs }),
    commit: (handle) => client.transactions.commit(handle),
    fence: async (transactionalId) => (await client.transactions.fence(transactionalId, { transactionTimeoutMs })).producerEpoch,
    open: async (prefix) => {
      try {
        return (await client.transactions.list({ prefix, states: ['Ongoing'] })).map(({ transactionalId }) => transactionalId)
      } catch (error) {
        if ((error as { readonly code?: string }).code === 'CLIENT_UNSUPPORTED') return undefined
        throw error
      }
    },
    committedOffset: async (groupId, topic, partition) =>
      (await client.admin.groups.offsets(groupId, { partitions: [{ topic, partition }] }))[0]?.offset,
    close: () => client.close(),
  }
}

export type { ProducerRecord }
