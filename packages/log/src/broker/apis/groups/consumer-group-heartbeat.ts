/** ConsumerGroupHeartbeat 0 to 1 (KIP-848): members of the consumer protocol join, stay and leave; what they may use is in the answers. */
import { ERROR_CODE, type ApiRequest } from '../../../protocol/index.ts'
import { assignmentFromWire } from '../../../coordinators/groups/consumer/assignment.ts'
import { heartbeatProblem, type Heartbeat } from '../../../coordinators/groups/consumer/heartbeat.ts'
import {
  consumerGroupHeartbeat as decide,
  refusedHeartbeat,
  type HeartbeatResponse,
} from '../../../coordinators/groups/consumer/operations.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { groupErrorCode } from './group-error.ts'
import { untilGone } from './until-gone.ts'

export const consumerGroupHeartbeat: ApiHandler<'ConsumerGroupHeartbeat'> = {
  name: 'ConsumerGroupHeartbeat',
  async handle(request, context) {
    const errorCode = permissionProblem(request, context)
    if (errorCode !== undefined) return failed(errorCode)
    const { coordinator, environment } = context.broker.groups
    const heartbeat = heartbeatOf(request)
    const problem = heartbeatProblem(heartbeat, context.version, environment.configOf(request.groupId).assignors)
    if (problem !== undefined) return refusedHeartbeat(problem)
    const { client, allows, signal } = context
    const member = { id: client.id ?? '', host: `/${client.host}`, mayDescribe: (topic: string) => allows('Describe', 'Topic', topic) }
    try {
      // What it matches is found beforehand: a decision does not wait.
      if (request.subscribedTopicRegex !== null) await environment.regexes.ready(request.subscribedTopicRegex)
      return await untilGone(coordinator.submit(request.groupId, decide(heartbeat, member, environment)), signal)
    } catch (error) {
      return failed(groupErrorCode(error))
    }
  },
}

function permissionProblem(
  { groupId, subscribedTopicNames }: ApiRequest<'ConsumerGroupHeartbeat'>,
  { allows, broker }: RequestContext,
): number | undefined {
  if (!broker.config.get('group.coordinator.rebalance.protocols').includes('consumer')) return ERROR_CODE.UNSUPPORTED_VERSION
  if (!allows('Read', 'Group', groupId)) return ERROR_CODE.GROUP_AUTHORIZATION_FAILED
  const isHidden = (topic: string): boolean => !allows('Describe', 'Topic', topic)
  return subscribedTopicNames?.some(isHidden) === true ? ERROR_CODE.TOPIC_AUTHORIZATION_FAILED : undefined
}

function heartbeatOf({ topicPartitions, ...request }: ApiRequest<'ConsumerGroupHeartbeat'>): Heartbeat {
  return { ...request, owned: topicPartitions === null ? null : assignmentFromWire(topicPartitions) }
}

function failed(errorCode: number): HeartbeatResponse {
  return { throttleTimeMs: 0, errorCode, memberEpoch: 0, heartbeatIntervalMs: 0 }
}
