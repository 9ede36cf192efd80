/** AddOffsetsToTxn 0 to 4: the partition that keeps a group's offsets takes part in the transaction. */
import { partitionSet } from '../../../coordinators/transactions/index.ts'
import { ERROR_CODE } from '../../../protocol/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import type { ApiHandler } from '../../handler.ts'
import { OFFSETS_TOPIC } from '../../topics/internal-topics.ts'
import { fencedBefore } from './fenced.ts'

const FENCED_SINCE_VERSION = 2

export const addOffsetsToTxn: ApiHandler<'AddOffsetsToTxn'> = {
  name: 'AddOffsetsToTxn',
  async handle({ transactionalId, producerId, producerEpoch, groupId }, { broker, version, allows }) {
    if (!allows('Write', 'TransactionalId', transactionalId))
      return { throttleTimeMs: 0, errorCode: ERROR_CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED }
    if (!allows('Read', 'Group', groupId)) return { throttleTimeMs: 0, errorCode: ERROR_CODE.GROUP_AUTHORIZATION_FAILED }
    if (transactionalId === '') return { throttleTimeMs: 0, errorCode: ERROR_CODE.INVALID_REQUEST }
    try {
      const partitions = partitionSet([[OFFSETS_TOPIC, [broker.groups.coordinator.partitionOf(groupId)]]])
      const asked = { producerId, producerEpoch, partitions, clientVersion: 0 } as const
      const { errorCode } = await broker.transactions.coordinator.addPartitions(transactionalId, asked)
      return { throttleTimeMs: 0, errorCode: fencedBefore(version, FENCED_SINCE_VERSION, errorCode) }
    } catch (error) {
      return { throttleTimeMs: 0, errorCode: errorCodeOf(error) }
    }
  },
}
