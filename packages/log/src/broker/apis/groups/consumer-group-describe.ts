/** ConsumerGroupDescribe 0 to 1 (KIP-848): groups of the consumer protocol, with what each member has and is to have. */
import { ERROR_CODE, type ApiResponseToSend } from '../../../protocol/index.ts'
import { answer } from '../../../coordinators/framework/index.ts'
import { describeConsumerGroup } from '../../../coordinators/groups/consumer/describe.ts'
import type { ConsumerGroupEnvironment } from '../../../coordinators/groups/consumer/environment.ts'
import { isConsumerGroup, type GroupOperation } from '../../../coordinators/groups/group-store.ts'
import { distinct } from '../distinct.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { authorizedGroupOperations } from './describe-groups.ts'
import { groupErrorCode } from './group-error.ts'

type Described = ApiResponseToSend<'ConsumerGroupDescribe'>['groups'][number]

export const consumerGroupDescribe: ApiHandler<'ConsumerGroupDescribe'> = {
  name: 'ConsumerGroupDescribe',
  async handle({ groupIds, includeAuthorizedOperations }, context) {
    const groups = await Promise.all(
      distinct(groupIds, (groupId) => groupId).map((groupId) => describe(groupId, includeAuthorizedOperations, context)),
    )
    return { throttleTimeMs: 0, groups }
  },
}

async function describe(groupId: string, withOperations: boolean, context: RequestContext): Promise<Described> {
  if (!context.allows('Describe', 'Group', groupId)) return failed(groupId, ERROR_CODE.GROUP_AUTHORIZATION_FAILED)
  if (groupId === '') return failed(groupId, ERROR_CODE.INVALID_GROUP_ID)
  const { coordinator, environment } = context.broker.groups
  try {
    const described = await coordinator.submit(groupId, look(groupId, environment))
    if (described.errorCode !== ERROR_CODE.NONE) return described
    if (hasHiddenTopic(described, context)) {
      return failed(groupId, ERROR_CODE.TOPIC_AUTHORIZATION_FAILED, 'The group has topics that the client may not describe.')
    }
    return withOperations ? { ...described, authorizedOperations: authorizedGroupOperations(groupId, context) } : described
  } catch (error) {
    return failed(groupId, groupErrorCode(error))
  }
}

function look(groupId: string, { topics, configOf }: ConsumerGroupEnvironment): GroupOperation<Described> {
  return ({ groups }, _, ticket) => {
    const group = groups.get(groupId)
    if (isConsumerGroup(group)) {
      return {
        answers: [answer(ticket, { errorCode: ERROR_CODE.NONE, ...describeConsumerGroup(group, configOf(groupId).assignors, topics) })],
      }
    }
    const problem = group === undefined ? `Group ${groupId} not found.` : `Group ${groupId} is not a consumer group.`
    return { answers: [answer(ticket, failed(groupId, ERROR_CODE.GROUP_ID_NOT_FOUND, problem))] }
  }
}

function hasHiddenTopic({ members }: Described, { allows }: RequestContext): boolean {
  const names = new Set<string>()
  for (const { assignment, targetAssignment } of members) {
    for (const { topicName } of [...assignment.topicPartitions, ...targetAssignment.topicPartitions]) names.add(topicName)
  }
  return [...names].some((name) => !allows('Describe', 'Topic', name))
}

function failed(groupId: string, errorCode: number, errorMessage: string | null = null): Described {
  return { errorCode, errorMessage, groupId, groupState: '', groupEpoch: 0, assignmentEpoch: 0, assignorName: '', members: [] }
}
