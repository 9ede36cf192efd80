/** SyncGroup 0 to 5. Waits for the leader's assignment. */
import { ERROR_CODE, type ApiRequest } from '../../../protocol/index.ts'
import { syncRefusal } from '../../../coordinators/groups/classic/draft.ts'
import type { ApiHandler } from '../../handler.ts'
import { groupErrorCode } from './group-error.ts'
import { untilGone } from './until-gone.ts'

const PROTOCOL_SINCE_VERSION = 5

export const syncGroup: ApiHandler<'SyncGroup'> = {
  name: 'SyncGroup',
  async handle(request, { broker: { groups }, allows, signal, version }) {
    const { groupId } = request
    if (!allows('Read', 'Group', groupId)) return syncRefusal(ERROR_CODE.GROUP_AUTHORIZATION_FAILED)
    if (groupId === '') return syncRefusal(ERROR_CODE.INVALID_GROUP_ID)
    // From this version on the protocol is to be named (KIP-559).
    if (version >= PROTOCOL_SINCE_VERSION && (request.protocolType === null || request.protocolName === null)) {
      return syncRefusal(ERROR_CODE.INCONSISTENT_GROUP_PROTOCOL)
    }
    try {
      return await untilGone(groups.coordinator.submit(groupId, groups.requests.sync(owned(request))), signal)
    } catch (error) {
      return syncRefusal(groupErrorCode(error))
    }
  },
}

/** Assignments outlive the frame they came in. */
function owned(request: ApiRequest<'SyncGroup'>): ApiRequest<'SyncGroup'> {
  const assignments = request.assignments.map(({ memberId, assignment }) => ({ memberId, assignment: Uint8Array.from(assignment) }))
  return { ...request, assignments }
}
