/** EndTxn 0 to 5. From 5 on the producer gets the epoch of its next transaction with the answer (KIP-890). */
import { ERROR_CODE } from '../../../protocol/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import type { ApiHandler } from '../../handler.ts'
import { fencedBefore } from './fenced.ts'

const FENCED_SINCE_VERSION = 2
const EPOCH_SINCE_VERSION = 5

export const endTxn: ApiHandler<'EndTxn'> = {
  name: 'EndTxn',
  async handle({ transactionalId, producerId, producerEpoch, committed }, { broker, version, allows }) {
    if (!allows('Write', 'TransactionalId', transactionalId))
      return { throttleTimeMs: 0, errorCode: ERROR_CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED }
    if (transactionalId === '') return { throttleTimeMs: 0, errorCode: ERROR_CODE.INVALID_REQUEST }
    try {
      const clientVersion = version >= EPOCH_SINCE_VERSION ? 2 : 0
      const asked = { producerId, producerEpoch, isCommit: committed, clientVersion } as const
      const reply = await broker.transactions.coordinator.endTransaction(transactionalId, asked)
      return { throttleTimeMs: 0, ...reply, errorCode: fencedBefore(version, FENCED_SINCE_VERSION, reply.errorCode) }
    } catch (error) {
      return { throttleTimeMs: 0, errorCode: errorCodeOf(error) }
    }
  },
}
