/**
 * Members of a consumer group that speak the classic protocol, while the group is on its way from the one to the other (KIP-848).
 *
 * Their generation is their member epoch, and they are nobody's leader. A join is a step of reconciliation; a member is told by its heartbeats to
 * join again whenever there is a step to take.
 */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import { answer, type Facts, type Ticket } from '../../framework/index.ts'
import type { JoinResponse, SyncResponse } from '../classic/classic-group.ts'
import { joinRefusal, syncRefusal } from '../classic/draft.ts'
import type { JoinRequest } from '../classic/join.ts'
import type { GroupStateDecision } from '../group-store.ts'
import type { Assignment } from './assignment.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { decodeSubscription, CONSUMER_PROTOCOL_TYPE, type ConsumerSubscription } from './consumer-protocol.ts'
import { assignmentByNames, downgrade, encodedAssignment, isToDowngrade } from './conversion.ts'
import { isRefusal, refusal, refusalCode, type MemberTimer, type Refusal } from './decision.ts'
import { GroupDraft } from './draft.ts'
import { factsFor, newMemberId, type ConsumerGroupEnvironment } from './environment.ts'
import { fencedInstance, fullness, leavingMember, replaceMember } from './heartbeat.ts'
import { MEMBER_STATE, newMember, sameMetadata, sameNames, type ConsumerMember } from './member.ts'
import { consequences, dismiss, timersOfAll } from './membership.ts'
import { raiseEpoch, reconcileMember, updateTarget } from './rebalance.ts'
import { memberRecord } from './records.ts'

/** JoinGroup of a consumer group with members. */
export function joinConsumerGroup(
  group: ConsumerGroup,
  request: JoinRequest,
  environment: ConsumerGroupEnvironment,
  facts: Facts,
  ticket: Ticket<JoinResponse>,
): GroupStateDecision {
  const memberId = request.memberId === '' ? newMemberId(facts) : request.memberId
  const refuse = (problem: Refusal): GroupStateDecision => ({
    answers: [answer(ticket, joinRefusal(request.memberId, refusalCode(problem)))],
  })
  const about = factsFor(environment, group.groupId, facts)
  const full = fullness(group, memberId, request.groupInstanceId, about)
  if (full !== undefined) return refuse(full)
  const subscription = subscriptionOf(group, request)
  if (isRefusal(subscription)) return refuse(subscription)
  if (request.isMemberIdRequired && request.memberId === '' && request.groupInstanceId === null) {
    return { answers: [answer(ticket, joinRefusal(memberId, ERROR_CODE.MEMBER_ID_REQUIRED))] }
  }
  const draft = new GroupDraft(group)
  const timers: MemberTimer[] = []
  const replaced = request.groupInstanceId === null ? undefined : group.staticMember(request.groupInstanceId)
  const before = joiningMember(draft, memberId, request, timers)
  if (isRefusal(before)) return refuse(before)
  const after = updated(before, request, subscription)
  const isNew = !draft.group.members.has(memberId)
  if (isNew || !sameMetadata(before, after)) draft.add(memberRecord(group.groupId, after))
  const isChanged = !sameNames(before.subscribedTopicNames, after.subscribedTopicNames)
  if (replaced !== undefined && replaced.classic === null && isToDowngrade(draft.group, new Set(), environment)) {
    return joinByDowngrade(draft, { group, memberId, isChanged }, environment, facts, ticket)
  }
  raiseEpoch(draft, about, isChanged)
  updateTarget(draft, about)
  const reconciled = reconcileMember(draft, memberId, ownedOf(subscription, environment))
  if (isRefusal(reconciled)) return refuse(reconciled)
  timers.push(...reconciled, { cancel: 'join', memberId }, { set: 'session', memberId, delayMs: request.sessionTimeoutMs })
  timers.push({ set: 'sync', memberId, delayMs: request.rebalanceTimeoutMs })
  const reply = joined(draft.group.members.get(memberId)!)
  return { records: draft.records, answers: [answer(ticket, reply)], ...consequences(group, timers, environment) }
}

/** A static member comes back by the classic protocol, and was the last of the consumer protocol. */
function joinByDowngrade(
  draft: GroupDraft,
  { group, memberId, isChanged }: { readonly group: ConsumerGroup; readonly memberId: string; readonly isChanged: boolean },
  environment: ConsumerGroupEnvironment,
  facts: Facts,
  ticket: Ticket<JoinResponse>,
): GroupStateDecision {
  const decision = downgrade({ group: draft.group, before: draft.records, rebalances: isChanged }, environment, facts)
  // Its epoch is the new group's generation: of the classic group it is a member like the others.
  const reply = { ...joined(draft.group.members.get(memberId)!), generationId: draft.group.groupEpoch }
  const { timers = [], answers = [] } = decision
  return { ...decision, timers: [...timersOfAll(group, environment), ...timers], answers: [...answers, answer(ticket, reply)] }
}

function subscriptionOf(group: ConsumerGroup, { protocolType, protocols }: JoinRequest): ConsumerSubscription | Refusal {
  const classic = [...group.members.values()].flatMap((member) => (member.classic === null ? [] : [member.classic]))
  const isShared = (name: string): boolean =>
    classic.every(({ supportedProtocols }) => supportedProtocols.some((other) => other.name === name))
  if (protocolType !== CONSUMER_PROTOCOL_TYPE || !protocols.some(({ name }) => isShared(name))) {
    return refusal('INCONSISTENT_GROUP_PROTOCOL', 'None of the protocols is one that all classic members support.')
  }
  try {
    // Every protocol of a consumer carries the same subscription.
    return decodeSubscription(protocols[0]!.metadata)
  } catch {
    return refusal('INCONSISTENT_GROUP_PROTOCOL', 'The metadata is no subscription of a consumer.')
  }
}

function ownedOf({ ownedPartitions }: ConsumerSubscription, { topics }: ConsumerGroupEnvironment): Assignment {
  return assignmentByNames(ownedPartitions, topics)
}

function joiningMember(draft: GroupDraft, memberId: string, request: JoinRequest, timers: MemberTimer[]): ConsumerMember | Refusal {
  const { group } = draft
  const instanceId = request.groupInstanceId
  if (instanceId === null) return group.members.get(memberId) ?? newMember(memberId)
  const known = group.staticMember(instanceId)
  if (request.memberId === '') return known === undefined ? newMember(memberId) : replaceMember(draft, known, memberId, timers)
  if (known === undefined) return refusal('UNKNOWN_MEMBER_ID', `There is no static member ${instanceId}.`)
  return known.memberId === memberId ? known : fencedInstance(known, memberId)
}

function updated(member: ConsumerMember, request: JoinRequest, { topics, rackId }: ConsumerSubscription): ConsumerMember {
  const { groupInstanceId, rebalanceTimeoutMs, sessionTimeoutMs, protocols, clientId, clientHost } = request
  return {
    ...member,
    instanceId: groupInstanceId ?? member.instanceId,
    rackId: rackId === null || rackId === '' ? member.rackId : rackId,
    rebalanceTimeoutMs,
    subscribedTopicNames: [...new Set(topics)].sort(),
    // Members of the classic protocol resolve their expressions themselves.
    subscribedTopicRegex: '',
    clientId,
    clientHost,
    classic: { sessionTimeoutMs, supportedProtocols: protocols },
  }
}

function joined({ memberId, memberEpoch, classic }: ConsumerMember): JoinResponse {
  return {
    errorCode: ERROR_CODE.NONE,
    memberId,
    generationId: memberEpoch,
    protocolType: CONSUMER_PROTOCOL_TYPE,
    protocolName: classic!.supportedProtocols[0]!.name,
    leader: '',
    members: [],
  }
}

/** SyncGroup: the member fetches what it may use. */
export function syncConsumerGroup(
  group: ConsumerGroup,
  request: ApiRequest<'SyncGroup'>,
  environment: ConsumerGroupEnvironment,
  ticket: Ticket<SyncResponse>,
): GroupStateDecision {
  const { memberId, groupInstanceId: instanceId, generationId, protocolType, protocolName } = request
  const refuse = (errorCode: number): GroupStateDecision => ({ answers: [answer(ticket, syncRefusal(errorCode))] })
  const member = classicMember(group, memberId, instanceId, generationId)
  if (isRefusal(member)) return refuse(refusalCode(member))
  const { sessionTimeoutMs, supportedProtocols } = member.classic!
  const { name, metadata } = supportedProtocols[0]!
  const differs = (protocolType !== null && protocolType !== CONSUMER_PROTOCOL_TYPE) || (protocolName !== null && protocolName !== name)
  if (differs) return refuse(ERROR_CODE.INCONSISTENT_GROUP_PROTOCOL)
  // One that is revoking has joined already, and will join again by itself.
  if (group.groupEpoch > member.memberEpoch && member.state !== MEMBER_STATE.unrevoked) {
    const timers: MemberTimer[] = [{ set: 'join', memberId, delayMs: member.rebalanceTimeoutMs }]
    return { ...refuse(ERROR_CODE.REBALANCE_IN_PROGRESS), ...consequences(group, timers, environment) }
  }
  const assignment = encodedAssignment(member.assigned, metadata, environment.topics)
  const reply: SyncResponse = { errorCode: ERROR_CODE.NONE, protocolType: CONSUMER_PROTOCOL_TYPE, protocolName: name, assignment }
  const timers: MemberTimer[] = [
    { cancel: 'sync', memberId },
    { set: 'session', memberId, delayMs: sessionTimeoutMs },
  ]
  return { answers: [answer(ticket, reply)], ...consequences(group, timers, environment) }
}

/** Heartbeat: gives the error that the member is told. */
export function heartbeatConsumerGroup(
  group: ConsumerGroup,
  { memberId, groupInstanceId, generationId }: ApiRequest<'Heartbeat'>,
  environment: ConsumerGroupEnvironment,
): { readonly decision: GroupStateDecision; readonly errorCode: number } {
  const member = classicMember(group, memberId, groupInstanceId, generationId)
  if (isRefusal(member)) return { decision: {}, errorCode: refusalCode(member) }
  const timers: MemberTimer[] = [{ set: 'session', memberId, delayMs: member.classic!.sessionTimeoutMs }]
  const isToJoin =
    member.memberEpoch < group.groupEpoch ||
    member.state === MEMBER_STATE.unrevoked ||
    (member.state === MEMBER_STATE.unreleased && !waitsForOthers(group, member))
  if (isToJoin) timers.push({ set: 'join', memberId, delayMs: member.rebalanceTimeoutMs })
  const errorCode = isToJoin ? ERROR_CODE.REBALANCE_IN_PROGRESS : ERROR_CODE.NONE
  return { decision: consequences(group, timers, environment), errorCode }
}

/** Whether another member still has part of the member's target. */
function waitsForOthers(group: ConsumerGroup, { memberId }: ConsumerMember): boolean {
  for (const [topicId, partitions] of group.targetOf(memberId)) {
    for (const partition of partitions) {
      const owner = group.ownerOf(topicId, partition)
      if (owner !== undefined && owner !== memberId) return true
    }
  }
  return false
}

function classicMember(group: ConsumerGroup, memberId: string, instanceId: string | null, generationId: number): ConsumerMember | Refusal {
  const member = leavingMember(group, { memberId, instanceId })
  if (isRefusal(member)) return member
  if (member.classic === null) return refusal('UNKNOWN_MEMBER_ID', `The member ${memberId} speaks the consumer protocol.`)
  return member.memberEpoch === generationId
    ? member
    : refusal('ILLEGAL_GENERATION', `The member is at ${member.memberEpoch}, not ${generationId}.`)
}

type Leaver = ApiRequest<'LeaveGroup'>['members'][number]
type LeaveResults = NonNullable<ApiResponseToSend<'LeaveGroup'>['members']>

/** LeaveGroup, of classic members and by administrators, who name static ones by their instance alone. */
export function leaveConsumerGroup(
  group: ConsumerGroup,
  leavers: readonly Leaver[],
  environment: ConsumerGroupEnvironment,
  facts: Facts,
): { readonly decision: GroupStateDecision; readonly results: LeaveResults } {
  const leaving = new Set<string>()
  const results = leavers.map(({ memberId, groupInstanceId }) => {
    const isNamedByInstance = memberId === '' && groupInstanceId !== null
    const known = isNamedByInstance ? group.staticMember(groupInstanceId) : leavingMember(group, { memberId, instanceId: groupInstanceId })
    if (known === undefined) return { memberId, groupInstanceId, errorCode: ERROR_CODE.UNKNOWN_MEMBER_ID }
    if (isRefusal(known)) return { memberId, groupInstanceId, errorCode: refusalCode(known) }
    leaving.add(known.memberId)
    return { memberId, groupInstanceId, errorCode: ERROR_CODE.NONE }
  })
  return { decision: dismiss(group, [...leaving], environment, facts), results }
}
