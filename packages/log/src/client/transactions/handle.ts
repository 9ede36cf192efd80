import { clientError } from '../errors.ts'

/**
 * A transaction that was prepared: all that is needed to commit or abort it from anywhere, exactly this one and no other. Plain data: store it as JSON.
 *
 * With transaction version 2 (KIP-890) the epoch names one transaction, as it moves with each. Before, it names one only because a producer here takes a new
 * epoch before each transaction.
 */
export interface TransactionHandle {
  readonly clusterId: string
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  /** 2 with KIP-890, else 1: how the transaction is ended. */
  readonly transactionVersion: 1 | 2
}

/** A handle from plain data, checked. @throws `CLIENT_OPTION` */
export function parseTransactionHandle(given: unknown): TransactionHandle {
  const { clusterId, transactionalId, producerId, producerEpoch, transactionVersion } = (given ?? {}) as Partial<TransactionHandle>
  const isSound =
    typeof clusterId === 'string' &&
    typeof transactionalId === 'string' &&
    Number.isSafeInteger(producerId) &&
    Number.isSafeInteger(producerEpoch) &&
    (transactionVersion === 1 || transactionVersion === 2)
  if (!isSound)
    throw clientError('CLIENT_OPTION', {
      option: 'handle',
      expected: 'be a handle of a transaction',
      value: JSON.stringify(given)?.slice(0, 200),
    })
  return { clusterId, transactionalId, producerId: producerId!, producerEpoch: producerEpoch!, transactionVersion }
}
