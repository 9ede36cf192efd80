/** InitProducerId 0 to 5: ids for idempotent producers. Transactions have no coordinator here: a transactional id is refused. */
import { ERROR_CODE } from '../../protocol/index.ts'
import { errorCodeOf } from '../error-code-of.ts'
import type { ApiHandler } from '../handler.ts'

export const initProducerId: ApiHandler<'InitProducerId'> = {
  name: 'InitProducerId',
  async handle({ transactionalId, producerId, producerEpoch }, { broker }) {
    if (transactionalId !== null) return { errorCode: ERROR_CODE.UNSUPPORTED_VERSION, producerEpoch: -1 }
    if (producerId < 0 !== producerEpoch < 0) return { errorCode: ERROR_CODE.INVALID_REQUEST, producerEpoch: -1 }
    try {
      return { errorCode: ERROR_CODE.NONE, producerId: await broker.producerIds.take(), producerEpoch: 0 }
    } catch (error) {
      return { errorCode: errorCodeOf(error), producerEpoch: -1 }
    }
  },
}
