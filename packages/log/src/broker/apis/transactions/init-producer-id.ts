/** InitProducerId 0 to 5: ids for idempotent producers, and the coordinator's for those with a transactional id. */
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID, type ProducerReply } from '../../../coordinators/transactions/index.ts'
import { ERROR_CODE, type ApiRequest } from '../../../protocol/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import type { ApiHandler, BrokerFacts, RequestContext } from '../../handler.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'
import { fencedBefore } from './fenced.ts'

const FENCED_SINCE_VERSION = 4

export const initProducerId: ApiHandler<'InitProducerId'> = {
  name: 'InitProducerId',
  async handle(request, context) {
    const { transactionalId, producerId, producerEpoch } = request
    const refusal = refusalOf(transactionalId, context)
    if (refusal !== ERROR_CODE.NONE) return failure(refusal)
    if (producerId < 0 !== producerEpoch < 0) return failure(ERROR_CODE.INVALID_REQUEST)
    try {
      const reply = await (transactionalId === null ? idempotent(context.broker) : transactional(transactionalId, request, context.broker))
      return { ...reply, errorCode: fencedBefore(context.version, FENCED_SINCE_VERSION, reply.errorCode) }
    } catch (error) {
      return failure(errorCodeOf(error))
    }
  },
}

function refusalOf(transactionalId: string | null, { allows, allowsSome }: RequestContext): number {
  if (transactionalId !== null) {
    return allows('Write', 'TransactionalId', transactionalId) ? ERROR_CODE.NONE : ERROR_CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
  }
  const isAllowed = allows('IdempotentWrite', 'Cluster', CLUSTER_NAME) || allowsSome('Write', 'Topic')
  return isAllowed ? ERROR_CODE.NONE : ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED
}

async function idempotent({ producerIds }: BrokerFacts): Promise<ProducerReply> {
  return { errorCode: ERROR_CODE.NONE, producerId: await producerIds.take(), producerEpoch: 0 }
}

async function transactional(
  transactionalId: string,
  { transactionTimeoutMs, producerId, producerEpoch }: ApiRequest<'InitProducerId'>,
  { transactions }: BrokerFacts,
): Promise<ProducerReply> {
  if (!(await transactions.ready(transactionalId))) return failure(ERROR_CODE.COORDINATOR_NOT_AVAILABLE)
  const expected = producerId < 0 ? undefined : { producerId, producerEpoch }
  return await transactions.coordinator.initProducerId({ transactionalId, timeoutMs: transactionTimeoutMs, expected })
}

function failure(errorCode: number): ProducerReply {
  return { errorCode, producerId: NO_PRODUCER_ID, producerEpoch: NO_PRODUCER_EPOCH }
}
