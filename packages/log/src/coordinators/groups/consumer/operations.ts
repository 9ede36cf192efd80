/** ConsumerGroupHeartbeat as an operation over the store of all groups. */
import type { ApiResponseToSend } from '../../../protocol/index.ts'
import { answer, type Facts, type Ticket } from '../../framework/index.ts'
import { isConsumerGroup, type Group, type GroupOperation, type GroupRecord, type GroupStateDecision } from '../group-store.ts'
import { assignmentToWire } from './assignment.ts'
import { ConsumerGroup } from './consumer-group.ts'
import { upgrade, type Upgrade } from './conversion.ts'
import { isRefusal, refusal, refusalCode, type GroupClient, type MemberTimer, type Refusal } from './decision.ts'
import { GroupDraft } from './draft.ts'
import { factsFor, newMemberId, type ConsumerGroupEnvironment } from './environment.ts'
import { heartbeat, leaveForAWhile, leavingMember, type Heartbeat, type HeartbeatReply } from './heartbeat.ts'
import { JOIN_EPOCH, LEAVE_EPOCH, STATIC_LEAVE_EPOCH } from './member.ts'
import { consequences, dismiss } from './membership.ts'

export type HeartbeatResponse = ApiResponseToSend<'ConsumerGroupHeartbeat'>

/** Decides a heartbeat that `heartbeatProblem` has found nothing wrong with. */
export function consumerGroupHeartbeat(
  request: Heartbeat,
  client: GroupClient,
  environment: ConsumerGroupEnvironment,
): GroupOperation<HeartbeatResponse> {
  return ({ groups }, facts, ticket) => {
    const known = groups.get(request.groupId)
    if (request.memberEpoch === LEAVE_EPOCH || request.memberEpoch === STATIC_LEAVE_EPOCH) {
      return leaveDecision(known, request, environment, facts, ticket)
    }
    return heartbeatDecision(known, request, client, environment, facts, ticket)
  }
}

export function refusedHeartbeat(problem: Refusal): HeartbeatResponse {
  return { ...EMPTY, errorCode: refusalCode(problem), errorMessage: problem.message }
}

const EMPTY = { throttleTimeMs: 0, errorCode: 0, memberEpoch: 0, heartbeatIntervalMs: 0 } as const

function heartbeatDecision(
  known: Group | undefined,
  request: Heartbeat,
  client: GroupClient,
  environment: ConsumerGroupEnvironment,
  facts: Facts,
  ticket: Ticket<HeartbeatResponse>,
): GroupStateDecision {
  const start = startOf(known, request, environment, facts)
  if (isRefusal(start)) return { answers: [answer(ticket, refusedHeartbeat(start))] }
  const { group } = start.draft
  // Of members that the group had as a classic one.
  const sessions = [...group.members.values()].flatMap(({ memberId, classic }): MemberTimer[] =>
    classic === null || isConsumerGroup(known) ? [] : [{ set: 'session', memberId, delayMs: classic.sessionTimeoutMs }],
  )
  const decided = heartbeat(start.draft, request, client, factsFor(environment, request.groupId, facts), newMemberId(facts))
  const { reply } = decided
  if (isRefusal(reply)) return { answers: [answer(ticket, refusedHeartbeat(reply))] }
  const records: readonly GroupRecord[] = [...start.before, ...decided.records]
  const { timers = [], ...rest } = consequences(group, [...sessions, ...decided.timers], environment)
  return { records, ...rest, timers: [...start.timers, ...timers], answers: [...start.answers, answer(ticket, responseOf(reply))] }
}

/** The consumer group as the heartbeat finds it: there already, new, or made of a classic one. */
function startOf(known: Group | undefined, request: Heartbeat, environment: ConsumerGroupEnvironment, facts: Facts): Upgrade | Refusal {
  const nothing = { before: [], answers: [], timers: [] }
  if (isConsumerGroup(known)) return { draft: new GroupDraft(known), ...nothing }
  if (request.memberEpoch !== JOIN_EPOCH) return noConsumerGroup(request.groupId)
  if (known === undefined) return { draft: new GroupDraft(new ConsumerGroup(request.groupId)), ...nothing }
  return upgrade(known, environment, facts)
}

function leaveDecision(
  group: Group | undefined,
  request: Heartbeat,
  environment: ConsumerGroupEnvironment,
  facts: Facts,
  ticket: Ticket<HeartbeatResponse>,
): GroupStateDecision {
  const member = isConsumerGroup(group) ? leavingMember(group, request) : noConsumerGroup(request.groupId)
  if (isRefusal(member) || !isConsumerGroup(group)) return { answers: [answer(ticket, refusedHeartbeat(member as Refusal))] }
  if (request.memberEpoch === STATIC_LEAVE_EPOCH) {
    const { records, timers, reply } = leaveForAWhile(group, member)
    return { records, ...consequences(group, timers, environment), answers: [answer(ticket, responseOf(reply))] }
  }
  const { memberId } = member
  const reply: HeartbeatResponse = { ...EMPTY, memberId, memberEpoch: LEAVE_EPOCH }
  const decision = dismiss(group, [memberId], environment, facts)
  return { ...decision, answers: [...(decision.answers ?? []), answer(ticket, reply)] }
}

function noConsumerGroup(groupId: string): Refusal {
  return refusal('GROUP_ID_NOT_FOUND', `There is no consumer group ${groupId}.`)
}

function responseOf({ memberId, memberEpoch, heartbeatIntervalMs, assignment }: HeartbeatReply): HeartbeatResponse {
  return {
    ...EMPTY,
    memberId,
    memberEpoch,
    heartbeatIntervalMs,
    assignment: assignment === undefined ? null : { topicPartitions: assignmentToWire(assignment) },
  }
}
