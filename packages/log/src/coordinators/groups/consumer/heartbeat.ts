/** ConsumerGroupHeartbeat: joining, staying and leaving by the consumer protocol (KIP-848). */
import { isSubset, sameAssignment, EMPTY_ASSIGNMENT, type Assignment } from './assignment.ts'
import { ASSIGNORS } from './assignors/index.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import {
  cancelAllTimers,
  isRefusal,
  refusal,
  refused,
  type ConsumerGroupFacts,
  type GroupClient,
  type GroupDecision,
  type MemberTimer,
  type Refusal,
} from './decision.ts'
import type { GroupDraft } from './draft.ts'
import { JOIN_EPOCH, LEAVE_EPOCH, newMember, sameMetadata, sameNames, STATIC_LEAVE_EPOCH, type ConsumerMember } from './member.ts'
import { raiseEpoch, reconcileMember, refreshRegexes, updateTarget } from './rebalance.ts'
import { currentRecord, memberRecord, memberTombstones, targetRecord } from './records.ts'

/** A heartbeat as it was sent; null leaves a field of the member as it is. */
export interface Heartbeat {
  readonly groupId: string
  /** Empty: the broker gives one; only before version 1. */
  readonly memberId: string
  readonly memberEpoch: number
  readonly instanceId: string | null
  readonly rackId: string | null
  /** -1: as before. */
  readonly rebalanceTimeoutMs: number
  readonly subscribedTopicNames: readonly string[] | null
  readonly subscribedTopicRegex: string | null
  readonly serverAssignor: string | null
  readonly owned: Assignment | null
}

export interface HeartbeatReply {
  readonly memberId: string
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  /** What the member may use; undefined where that has not changed. */
  readonly assignment: Assignment | undefined
}

/** What is wrong with the request itself, whatever the group. */
export function heartbeatProblem(request: Heartbeat, version: number, assignors: readonly string[]): Refusal | undefined {
  const { memberEpoch, instanceId, rackId, memberId, serverAssignor } = request
  const invalid = (message: string): Refusal => refusal('INVALID_REQUEST', message)
  const needsId = version >= 1 || memberEpoch > 0 || memberEpoch === LEAVE_EPOCH
  if (needsId && isBlank(memberId)) return invalid('The member id is empty.')
  if (isBlank(request.groupId)) return invalid('The group id is empty.')
  if (instanceId !== null && isBlank(instanceId)) return invalid('The instance id is empty.')
  if (rackId !== null && isBlank(rackId)) return invalid('The rack id is empty.')
  if (memberEpoch < STATIC_LEAVE_EPOCH) return invalid('The member epoch is below -2.')
  if (memberEpoch === STATIC_LEAVE_EPOCH && instanceId === null) return invalid('Only a static member leaves with epoch -2.')
  if (memberEpoch === JOIN_EPOCH) {
    if (request.rebalanceTimeoutMs === -1) return invalid('A member joins with its rebalance timeout.')
    if (request.owned === null || request.owned.size > 0) return invalid('A member joins without partitions.')
    if (request.subscribedTopicNames === null && request.subscribedTopicRegex === null) {
      return invalid('A member joins with its subscription, by names or by a regular expression.')
    }
  }
  if (serverAssignor === null || (assignors.includes(serverAssignor) && ASSIGNORS.has(serverAssignor))) return undefined
  return refusal('UNSUPPORTED_ASSIGNOR', `The assignor ${serverAssignor} is not one of: ${assignors.join(', ')}.`)
}

function isBlank(text: string): boolean {
  return text.trim() === ''
}

/**
 * Decides a heartbeat that is not a leave.
 * @param draft of the group, with records that made it a consumer group if it was none before
 * @param newMemberId for a member that comes without one
 */
export function heartbeat(
  draft: GroupDraft,
  request: Heartbeat,
  client: GroupClient,
  facts: ConsumerGroupFacts,
  newMemberId: string,
): GroupDecision<HeartbeatReply | Refusal> {
  const memberId = request.memberId === '' ? newMemberId : request.memberId
  const full = fullness(draft.group, memberId, request.instanceId, facts)
  if (full !== undefined) return refused(full)
  const timers: MemberTimer[] = []
  const before =
    request.instanceId === null ? dynamicMember(draft.group, memberId, request) : staticMember(draft, memberId, request, timers)
  if (isRefusal(before)) return refused(before)
  const after = updated(before, request, client)
  const { subscribedTopicRegex } = after
  if (subscribedTopicRegex !== before.subscribedTopicRegex && subscribedTopicRegex && !facts.regexes.isValid(subscribedTopicRegex)) {
    return refused(refusal('INVALID_REGULAR_EXPRESSION', `The expression ${subscribedTopicRegex} is not valid for RE2.`))
  }
  let isChanged = draft.group.groupEpoch === 0
  if (!draft.group.members.has(memberId) || !sameMetadata(before, after)) {
    draft.add(memberRecord(request.groupId, after))
    isChanged ||= !sameNames(before.subscribedTopicNames, after.subscribedTopicNames)
    isChanged ||= (before.subscribedTopicRegex ?? '') !== (after.subscribedTopicRegex ?? '')
  }
  isChanged = refreshRegexes(draft, facts, client) || isChanged
  raiseEpoch(draft, facts, isChanged)
  updateTarget(draft, facts)
  const reconciled = reconcileMember(draft, memberId, request.owned ?? undefined)
  if (isRefusal(reconciled)) return refused(reconciled)
  timers.push(...reconciled, { set: 'session', memberId, delayMs: facts.config.sessionTimeoutMs })
  return { records: draft.records, timers, reply: replyTo(request, before, draft.group.members.get(memberId)!, facts) }
}

function replyTo(request: Heartbeat, before: ConsumerMember, member: ConsumerMember, { config }: ConsumerGroupFacts): HeartbeatReply {
  const { memberId, memberEpoch, assigned } = member
  // What only a member that joins, or that lost an answer, sends together.
  const isFull =
    request.rebalanceTimeoutMs !== -1 &&
    (request.subscribedTopicNames !== null || request.subscribedTopicRegex !== null) &&
    request.owned !== null
  const tells = isFull || request.memberEpoch === JOIN_EPOCH || !sameAssignment(before.assigned, assigned)
  return { memberId, memberEpoch, heartbeatIntervalMs: config.heartbeatIntervalMs, assignment: tells ? assigned : undefined }
}

function updated(member: ConsumerMember, request: Heartbeat, client: GroupClient): ConsumerMember {
  const names = request.subscribedTopicNames
  return {
    ...member,
    instanceId: request.instanceId ?? member.instanceId,
    rackId: request.rackId ?? member.rackId,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : request.rebalanceTimeoutMs,
    serverAssignor: request.serverAssignor ?? member.serverAssignor,
    subscribedTopicNames: names === null ? member.subscribedTopicNames : [...new Set(names)].sort(),
    subscribedTopicRegex: request.subscribedTopicRegex ?? member.subscribedTopicRegex,
    clientId: client.id,
    clientHost: client.host,
    classic: null,
  }
}

/** Why nobody can join any more; those who are in the group, or take the place of one who is, can. */
export function fullness(
  { members, staticMembers }: ConsumerGroup,
  memberId: string,
  instanceId: string | null,
  { config }: ConsumerGroupFacts,
): Refusal | undefined {
  if (members.size < config.maxSize || members.has(memberId) || (instanceId !== null && staticMembers.has(instanceId))) return undefined
  return refusal('GROUP_MAX_SIZE_REACHED', `The group has ${members.size} members, and can have no more.`)
}

function dynamicMember(group: ConsumerGroup, memberId: string, { memberEpoch, owned }: Heartbeat): ConsumerMember | Refusal {
  const known = group.members.get(memberId)
  if (known !== undefined) return epochProblem(known, memberEpoch, owned) ?? known
  return memberEpoch === JOIN_EPOCH ? newMember(memberId) : unknownMember(group, memberId)
}

function staticMember(draft: GroupDraft, memberId: string, request: Heartbeat, timers: MemberTimer[]): ConsumerMember | Refusal {
  const { group } = draft
  const instanceId = request.instanceId!
  const known = group.staticMember(instanceId)
  if (request.memberEpoch !== JOIN_EPOCH) {
    if (known === undefined) return refusal('UNKNOWN_MEMBER_ID', `There is no static member ${instanceId}.`)
    if (known.memberId !== memberId) return fencedInstance(known, memberId)
    return epochProblem(known, request.memberEpoch, request.owned) ?? known
  }
  if (known === undefined) return group.members.get(memberId) ?? newMember(memberId)
  // The same client, which lost the answer to its first heartbeat.
  if (known.memberId === memberId && epochProblem(known, JOIN_EPOCH, request.owned) === undefined) return known
  if (known.classic === null && known.memberEpoch !== STATIC_LEAVE_EPOCH) {
    return refusal('UNRELEASED_INSTANCE_ID', `The static member ${instanceId} is in the group as ${known.memberId} and has not left.`)
  }
  return replaceMember(draft, known, memberId, timers)
}

/** A static member comes back under another id: it takes over what it had before. */
export function replaceMember(draft: GroupDraft, known: ConsumerMember, memberId: string, timers: MemberTimer[]): ConsumerMember {
  const { groupId } = draft.group
  const replacement: ConsumerMember = { ...known, memberId, memberEpoch: JOIN_EPOCH, previousMemberEpoch: JOIN_EPOCH }
  const target = draft.group.targetOf(known.memberId)
  draft.add(...memberTombstones(groupId, known.memberId))
  draft.add(memberRecord(groupId, replacement), targetRecord(groupId, memberId, target), currentRecord(groupId, replacement))
  if (known.memberId !== memberId) timers.push(...cancelAllTimers(known.memberId))
  return replacement
}

/** Why the epoch is not the member's. One that lost the last answer is let through, as long as it uses nothing but what it has. */
function epochProblem(member: ConsumerMember, epoch: number, owned: Assignment | null): Refusal | undefined {
  if (epoch === member.memberEpoch) return undefined
  const lostTheAnswer =
    epoch < member.memberEpoch && epoch === member.previousMemberEpoch && owned !== null && isSubset(owned, member.assigned)
  if (lostTheAnswer) return undefined
  const message = `The member is at epoch ${member.memberEpoch}, not ${epoch}: it has to give up all partitions and join again.`
  return refusal('FENCED_MEMBER_EPOCH', message)
}

function unknownMember({ groupId }: ConsumerGroup, memberId: string): Refusal {
  return refusal('UNKNOWN_MEMBER_ID', `The group ${groupId} has no member ${memberId}.`)
}

export function fencedInstance({ instanceId, memberId }: ConsumerMember, claimant: string): Refusal {
  return refusal('FENCED_INSTANCE_ID', `The static member ${instanceId} is in the group as ${memberId}, no longer as ${claimant}.`)
}

/** The member that a leave is about. */
export function leavingMember(
  group: ConsumerGroup,
  { memberId, instanceId }: Pick<Heartbeat, 'memberId' | 'instanceId'>,
): ConsumerMember | Refusal {
  if (instanceId === null) return group.members.get(memberId) ?? unknownMember(group, memberId)
  const known = group.staticMember(instanceId)
  if (known === undefined) return refusal('UNKNOWN_MEMBER_ID', `There is no static member ${instanceId}.`)
  return known.memberId === memberId ? known : fencedInstance(known, memberId)
}

/** A static member leaves for a while: it keeps its partitions until its session ends, or it is back. */
export function leaveForAWhile(group: ConsumerGroup, member: ConsumerMember): GroupDecision<HeartbeatReply> {
  const gone = { ...member, memberEpoch: STATIC_LEAVE_EPOCH, pendingRevocation: EMPTY_ASSIGNMENT }
  return {
    records: [currentRecord(group.groupId, gone)],
    timers: [{ cancel: 'rebalance', memberId: member.memberId }],
    reply: { memberId: member.memberId, memberEpoch: STATIC_LEAVE_EPOCH, heartbeatIntervalMs: 0, assignment: undefined },
  }
}
