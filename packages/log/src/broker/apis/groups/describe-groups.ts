/** DescribeGroups 0 to 6: classic groups. Others are told as dead, as those that do not exist; from version 6 on with an error. */
import { ERROR_CODE, type ApiResponseToSend } from '../../../protocol/index.ts'
import { answer } from '../../../coordinators/framework/index.ts'
import { metadataFor, NO_BYTES, type ClassicGroup } from '../../../coordinators/groups/classic/classic-group.ts'
import { isConsumerGroup, type GroupOperation } from '../../../coordinators/groups/group-store.ts'
import type { AclOperation } from '../../security/authorizer.ts'
import { distinct } from '../distinct.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { groupErrorCode } from './group-error.ts'

type Described = ApiResponseToSend<'DescribeGroups'>['groups'][number]

const NOT_FOUND_SINCE_VERSION = 6

export const describeGroups: ApiHandler<'DescribeGroups'> = {
  name: 'DescribeGroups',
  async handle({ groups, includeAuthorizedOperations }, context) {
    return {
      groups: await Promise.all(
        distinct(groups, (groupId) => groupId).map((groupId) => describe(groupId, includeAuthorizedOperations, context)),
      ),
    }
  },
}

async function describe(groupId: string, withOperations: boolean, context: RequestContext): Promise<Described> {
  if (!context.allows('Describe', 'Group', groupId)) return refused(groupId, '', ERROR_CODE.GROUP_AUTHORIZATION_FAILED)
  try {
    const described = await context.broker.groups.coordinator.submit(groupId, look(groupId, context.version))
    return withOperations && described.errorCode === ERROR_CODE.NONE
      ? { ...described, authorizedOperations: authorizedGroupOperations(groupId, context) }
      : described
  } catch (error) {
    return refused(groupId, '', groupErrorCode(error))
  }
}

function look(groupId: string, version: number): GroupOperation<Described> {
  return ({ groups }, _, ticket) => {
    const group = groups.get(groupId)
    if (group !== undefined && !isConsumerGroup(group)) return { answers: [answer(ticket, described(group))] }
    const errorCode = version >= NOT_FOUND_SINCE_VERSION ? ERROR_CODE.GROUP_ID_NOT_FOUND : ERROR_CODE.NONE
    const problem = group === undefined ? `Group ${groupId} not found.` : `Group ${groupId} is not a classic group.`
    return { answers: [answer(ticket, { ...refused(groupId, 'Dead', errorCode), ...(errorCode === 0 ? {} : { errorMessage: problem }) })] }
  }
}

/** What a member brought is shown only of a group at rest, in the protocol that was chosen. */
function described(group: ClassicGroup): Described {
  const isStable = group.state === 'Stable'
  return {
    errorCode: ERROR_CODE.NONE,
    groupId: group.groupId,
    groupState: group.state,
    protocolType: group.protocolType ?? '',
    protocolData: isStable ? (group.protocolName ?? '') : '',
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: isStable ? metadataFor(member, group.protocolName) : NO_BYTES,
      memberAssignment: member.assignment,
    })),
  }
}

function refused(groupId: string, groupState: string, errorCode: number): Described {
  return { errorCode, groupId, groupState, protocolType: '', protocolData: '', members: [] }
}

/** What can be done to a group, by the numbers that access control has for it. */
const GROUP_OPERATIONS: readonly (readonly [AclOperation, number])[] = [
  ['Read', 3],
  ['Delete', 6],
  ['Describe', 8],
  ['DescribeConfigs', 10],
  ['AlterConfigs', 11],
]

/** What the client may do to the group, as bits. */
export function authorizedGroupOperations(groupId: string, { allows }: RequestContext): number {
  return GROUP_OPERATIONS.reduce((bits, [operation, number]) => (allows(operation, 'Group', groupId) ? bits | (1 << number) : bits), 0)
}
