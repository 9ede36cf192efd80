/** LeaveGroup 0 to 5; several members at once from version 3 on. */
import { ERROR_CODE } from '../../../protocol/index.ts'
import type { ApiHandler } from '../../handler.ts'
import { groupErrorCode } from './group-error.ts'

const BATCHED_SINCE_VERSION = 3

export const leaveGroup: ApiHandler<'LeaveGroup'> = {
  name: 'LeaveGroup',
  async handle({ groupId, memberId, members }, { broker: { groups }, allows, version }) {
    if (!allows('Read', 'Group', groupId)) return { errorCode: ERROR_CODE.GROUP_AUTHORIZATION_FAILED }
    if (groupId === '') return { errorCode: ERROR_CODE.INVALID_GROUP_ID }
    const isBatched = version >= BATCHED_SINCE_VERSION
    const leavers = isBatched ? members : [{ memberId, groupInstanceId: null, reason: null }]
    try {
      const reply = await groups.coordinator.submit(groupId, groups.requests.leave(groupId, leavers))
      if (isBatched) return reply
      return { errorCode: reply.errorCode === ERROR_CODE.NONE ? (reply.members[0]?.errorCode ?? ERROR_CODE.NONE) : reply.errorCode }
    } catch (error) {
      return { errorCode: groupErrorCode(error) }
    }
  },
}
