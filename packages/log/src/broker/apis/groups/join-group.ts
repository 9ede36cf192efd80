/** JoinGroup 0 to 9. Waits until the group's next generation begins; the connection answers nothing else meanwhile, as Kafka's. */
import { ERROR_CODE, type ApiRequest } from '../../../protocol/index.ts'
import type { JoinResponse } from '../../../coordinators/groups/classic/classic-group.ts'
import { joinRefusal } from '../../../coordinators/groups/classic/draft.ts'
import type { JoinRequest } from '../../../coordinators/groups/classic/join.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { groupErrorCode } from './group-error.ts'
import { untilGone } from './until-gone.ts'

const MEMBER_ID_REQUIRED_SINCE_VERSION = 4
const NULL_PROTOCOL_SINCE_VERSION = 7
const SKIP_ASSIGNMENT_SINCE_VERSION = 9

export const joinGroup: ApiHandler<'JoinGroup'> = {
  name: 'JoinGroup',
  async handle(request, context) {
    const response = await join(request, context)
    if (response === 'close' || context.version >= NULL_PROTOCOL_SINCE_VERSION) return response
    return { ...response, protocolName: response.protocolName ?? '' }
  },
}

async function join(request: ApiRequest<'JoinGroup'>, context: RequestContext): Promise<JoinResponse | 'close'> {
  const { groupId, memberId } = request
  const { groups } = context.broker
  const problem = problemOf(request, context)
  if (problem !== undefined) return joinRefusal(memberId, problem)
  try {
    const operation = groups.requests.join(joinRequest(request, context))
    return await untilGone(groups.coordinator.submit(groupId, operation), context.signal)
  } catch (error) {
    return joinRefusal(memberId, groupErrorCode(error))
  }
}

function problemOf({ groupId, sessionTimeoutMs }: ApiRequest<'JoinGroup'>, context: RequestContext): number | undefined {
  if (!context.allows('Read', 'Group', groupId)) return ERROR_CODE.GROUP_AUTHORIZATION_FAILED
  if (groupId === '') return ERROR_CODE.INVALID_GROUP_ID
  const { minSessionTimeoutMs, maxSessionTimeoutMs } = context.broker.groups.coordinator.settings
  return sessionTimeoutMs < minSessionTimeoutMs || sessionTimeoutMs > maxSessionTimeoutMs ? ERROR_CODE.INVALID_SESSION_TIMEOUT : undefined
}

/** Nothing of it is part of the frame it came in: a member's metadata stays for as long as the member. */
function joinRequest(request: ApiRequest<'JoinGroup'>, { client, version }: RequestContext): JoinRequest {
  const { groupId, memberId, groupInstanceId, protocolType, sessionTimeoutMs, rebalanceTimeoutMs, protocols } = request
  return {
    groupId,
    memberId,
    groupInstanceId,
    protocolType,
    sessionTimeoutMs,
    rebalanceTimeoutMs: rebalanceTimeoutMs < 0 ? sessionTimeoutMs : rebalanceTimeoutMs,
    protocols: protocols.map(({ name, metadata }) => ({ name, metadata: Uint8Array.from(metadata) })),
    clientId: client.id ?? '',
    clientHost: `/${client.host}`,
    isMemberIdRequired: version >= MEMBER_ID_REQUIRED_SINCE_VERSION,
    canSkipAssignment: version >= SKIP_ASSIGNMENT_SINCE_VERSION,
  }
}
