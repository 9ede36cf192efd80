/** Heartbeat 0 to 4. While the group is being loaded every member is well: it will be found there with its session begun anew. */
import { ERROR_CODE } from '../../../protocol/index.ts'
import type { ApiHandler } from '../../handler.ts'
import { groupErrorCode } from './group-error.ts'

export const heartbeat: ApiHandler<'Heartbeat'> = {
  name: 'Heartbeat',
  async handle(request, { broker: { groups }, allows }) {
    const { groupId } = request
    if (!allows('Read', 'Group', groupId)) return { errorCode: ERROR_CODE.GROUP_AUTHORIZATION_FAILED }
    if (groupId === '') return { errorCode: ERROR_CODE.INVALID_GROUP_ID }
    try {
      return { errorCode: await groups.coordinator.submit(groupId, groups.requests.heartbeat(request)) }
    } catch (error) {
      const errorCode = groupErrorCode(error)
      return { errorCode: errorCode === ERROR_CODE.COORDINATOR_LOAD_IN_PROGRESS ? ERROR_CODE.NONE : errorCode }
    }
  },
}
