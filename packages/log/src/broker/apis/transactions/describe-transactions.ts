/** DescribeTransactions 0. */
import type { Transaction } from '../../../coordinators/transactions/index.ts'
import { ERROR_CODE, type ApiResponseToSend } from '../../../protocol/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import { distinct } from '../distinct.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'

type Described = ApiResponseToSend<'DescribeTransactions'>['transactionStates'][number]

export const describeTransactions: ApiHandler<'DescribeTransactions'> = {
  name: 'DescribeTransactions',
  async handle({ transactionalIds }, context) {
    return {
      throttleTimeMs: 0,
      transactionStates: await Promise.all(distinct(transactionalIds, (id) => id).map((id) => describe(id, context))),
    }
  },
}

async function describe(transactionalId: string, { broker, allows }: RequestContext): Promise<Described> {
  if (!allows('Describe', 'TransactionalId', transactionalId)) {
    return problem(transactionalId, ERROR_CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
  }
  if (transactionalId === '') return problem(transactionalId, ERROR_CODE.INVALID_REQUEST)
  try {
    const transaction = await broker.transactions.coordinator.describe(transactionalId)
    if (transaction === undefined) return problem(transactionalId, ERROR_CODE.TRANSACTIONAL_ID_NOT_FOUND)
    return described(transaction, (topic) => allows('Describe', 'Topic', topic))
  } catch (error) {
    return problem(transactionalId, errorCodeOf(error))
  }
}

function described(transaction: Transaction, isVisible: (topic: string) => boolean): Described {
  const { transactionalId, state, timeoutMs, startedMs, producerId, producerEpoch, partitions } = transaction
  return {
    errorCode: ERROR_CODE.NONE,
    transactionalId,
    transactionState: state,
    transactionTimeoutMs: timeoutMs,
    transactionStartTimeMs: startedMs,
    producerId,
    producerEpoch,
    topics: [...partitions].filter(([topic]) => isVisible(topic)).map(([topic, indexes]) => ({ topic, partitions: [...indexes] })),
  }
}

function problem(transactionalId: string, errorCode: number): Described {
  return {
    errorCode,
    transactionalId,
    transactionState: '',
    transactionTimeoutMs: 0,
    transactionStartTimeMs: 0,
    producerId: 0,
    producerEpoch: 0,
    topics: [],
  }
}
