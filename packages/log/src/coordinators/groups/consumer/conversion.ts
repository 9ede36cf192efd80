/**
 * A group changes its protocol (KIP-848): the tombstones of what it was and the records of what it becomes are one batch.
 *
 * 1. A classic group of consumers becomes a consumer group whose target is the assignment it has: nothing moves by the conversion itself.
 * 2. A consumer group of which only classic members are left becomes a classic group in a stable generation with the target as its assignment.
 */
import { ERROR_CODE } from '../../../protocol/index.ts'
import type { Answer, Facts, TimerChange } from '../../framework/index.ts'
import {
  usesConsumerProtocol,
  metadataFor,
  selectProtocol,
  groupTombstone,
  type ClassicGroup,
  type ClassicMember,
} from '../classic/classic-group.ts'
import { ClassicDraft, joinRefusal, syncRefusal } from '../classic/draft.ts'
import { extendSession, prepareRebalance } from '../classic/rebalance.ts'
import type { GroupRecord, GroupState, GroupStateDecision } from '../group-store.ts'
import { assignmentOf, EMPTY_ASSIGNMENT, type Assignment } from './assignment.ts'
import { ConsumerGroup } from './consumer-group.ts'
import {
  consumerProtocolVersion,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  CONSUMER_PROTOCOL_TYPE,
  type TopicPartitionList,
} from './consumer-protocol.ts'
import { isRefusal, refusal, type Refusal } from './decision.ts'
import { GroupDraft } from './draft.ts'
import type { ConsumerGroupEnvironment } from './environment.ts'
import { newMember, type ConsumerMember } from './member.ts'
import {
  currentRecord,
  groupRecord,
  groupTombstones,
  memberRecord,
  memberTombstones,
  regexTombstone,
  targetEpochRecord,
  targetRecord,
  type ConsumerGroupRecord,
} from './records.ts'
import { metadataHash, type GroupTopics } from './topics.ts'

/** A consumer group under way from a classic one. */
export interface Upgrade {
  readonly draft: GroupDraft
  /** What goes ahead of the draft's records. */
  readonly before: readonly GroupRecord[]
  /** To those who waited in the classic group, and its timers. */
  readonly answers: readonly Answer[]
  readonly timers: readonly TimerChange<GroupState, GroupRecord>[]
}

/** What a member of the consumer protocol finds in place of the classic group it wants to join. */
export function upgrade(group: ClassicGroup, environment: ConsumerGroupEnvironment, facts: Facts): Upgrade | Refusal {
  const { groupId } = group
  const { answers = [], timers = [] } = dismissed(group, environment, facts)
  const draft = new GroupDraft(new ConsumerGroup(groupId))
  // One that holds offsets alone has no record.
  const before = group.protocolType === null && group.members.size === 0 ? [] : [groupTombstone(groupId)]
  if (group.members.size === 0) return { draft, before, answers, timers }
  const problem = upgradeProblem(group, environment)
  if (problem !== undefined) return problem
  const members = consumerMembersOf(group, environment.topics)
  if (isRefusal(members)) return members
  draft.add(...members.map((member) => memberRecord(groupId, member)))
  const hash = metadataHash(draft.group.subscribedTopicNames, environment.topics)
  draft.add(groupRecord(groupId, group.generationId, hash))
  draft.add(...members.map(({ memberId, assigned }) => targetRecord(groupId, memberId, assigned)))
  draft.add(targetEpochRecord(groupId, group.generationId))
  draft.add(...members.map((member) => currentRecord(groupId, member)))
  return { draft, before, answers, timers }
}

function upgradeProblem(group: ClassicGroup, { migration, configOf }: ConsumerGroupEnvironment): Refusal | undefined {
  const { groupId, members } = group
  if (!migration().upgrades) return cannotUpgrade(group, 'upgrades are disabled')
  if (!usesConsumerProtocol(group)) return cannotUpgrade(group, 'its members are no consumers')
  if (members.size > configOf(groupId).maxSize) return cannotUpgrade(group, 'it has more members than a consumer group may have')
  return undefined
}

function cannotUpgrade({ groupId }: ClassicGroup, why: string): Refusal {
  return refusal('GROUP_ID_NOT_FOUND', `The classic group ${groupId} cannot become a consumer group: ${why}.`)
}

/** Whoever waits in the classic group is told to join again, which will be the consumer group. */
function dismissed(group: ClassicGroup, { classicSettings }: ConsumerGroupEnvironment, facts: Facts): GroupStateDecision {
  const draft = new ClassicDraft(group, classicSettings(), facts)
  draft.cancelTimer('join')
  draft.cancelTimer('sync')
  for (const memberId of group.pendingJoins) draft.cancelSession(memberId)
  for (const { memberId, joining, syncing } of group.members.values()) {
    draft.cancelSession(memberId)
    if (joining !== undefined) draft.answer(joining, joinRefusal(memberId, ERROR_CODE.REBALANCE_IN_PROGRESS))
    if (syncing !== undefined) draft.answer(syncing, syncRefusal(ERROR_CODE.REBALANCE_IN_PROGRESS))
  }
  return draft.decision()
}

function consumerMembersOf(group: ClassicGroup, topics: GroupTopics): ConsumerMember[] | Refusal {
  const members: ConsumerMember[] = []
  const taken = new Set<string>()
  for (const classic of group.members.values()) {
    const member = consumerMemberOf(group, classic, topics)
    if (isRefusal(member)) return member
    for (const [topicId, partitions] of member.assigned) {
      for (const partition of partitions) {
        const key = `${topicId} ${partition}`
        if (taken.has(key)) return cannotUpgrade(group, 'its assignor gives a partition to more than one member')
        taken.add(key)
      }
    }
    members.push(member)
  }
  return members
}

function consumerMemberOf(group: ClassicGroup, member: ClassicMember, topics: GroupTopics): ConsumerMember | Refusal {
  try {
    const protocolName = group.protocolName ?? selectProtocol(group)
    const subscription = decodeSubscription(metadataFor(member, protocolName))
    const { assignedPartitions, userData } =
      member.assignment.length === 0 ? { assignedPartitions: [], userData: null } : decodeAssignment(member.assignment)
    if (userData !== null && userData.length > 0) return cannotUpgrade(group, 'its assignor keeps data of its own')
    return {
      ...newMember(member.memberId),
      instanceId: member.instanceId,
      rackId: subscription.rackId === null || subscription.rackId === '' ? null : subscription.rackId,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      clientId: member.clientId,
      clientHost: member.clientHost,
      subscribedTopicNames: [...new Set(subscription.topics)].sort(),
      classic: { sessionTimeoutMs: member.sessionTimeoutMs, supportedProtocols: member.protocols },
      memberEpoch: group.generationId,
      previousMemberEpoch: group.generationId,
      assigned: assignmentByNames(assignedPartitions, topics),
    }
  } catch {
    return cannotUpgrade(group, 'what its members say of themselves is malformed')
  }
}

/** Topics that do not exist are left out. */
export function assignmentByNames(partitions: readonly TopicPartitionList[], topics: GroupTopics): Assignment {
  return assignmentOf(
    partitions.flatMap(({ topic: name, partitions: numbers }) => {
      const topic = topics.named(name)
      return topic === undefined ? [] : [[topic.id, numbers] as const]
    }),
  )
}

/** As SyncGroup gives it, in the version that the member has shown to know. */
export function encodedAssignment(assignment: Assignment, metadata: Uint8Array, topics: GroupTopics): Uint8Array {
  const assignedPartitions = [...assignment].flatMap(([topicId, partitions]) => {
    const topic = topics.withId(topicId)
    return topic === undefined ? [] : [{ topic: topic.name, partitions }]
  })
  return encodeAssignment({ assignedPartitions }, consumerProtocolVersion(metadata) ?? 0)
}

/** What removes a consumer group as it is. */
export function consumerGroupTombstones(group: ConsumerGroup): ConsumerGroupRecord[] {
  const { groupId } = group
  return [
    ...[...group.members.keys()].flatMap((memberId) => memberTombstones(groupId, memberId)),
    ...[...group.regexes.keys()].map((regex) => regexTombstone(groupId, regex)),
    ...groupTombstones(groupId),
  ]
}

/** Whether the group becomes a classic one when these members are gone. */
export function isToDowngrade(
  group: ConsumerGroup,
  leaving: ReadonlySet<string>,
  { migration, classicSettings }: ConsumerGroupEnvironment,
): boolean {
  const left = [...group.members.values()].filter(({ memberId }) => !leaving.has(memberId))
  if (left.length === 0 || left.some(({ classic }) => classic === null)) return false
  return migration().downgrades && left.length <= classicSettings().maxSize
}

export interface Downgrade {
  /** The group with nobody who is not a classic member, as its records so far say. */
  readonly group: ConsumerGroup
  /** Ahead of the group's own tombstones. */
  readonly before: readonly ConsumerGroupRecord[]
  /** Whether members have to join again at once. */
  readonly rebalances: boolean
}

/** The classic group that takes the consumer group's place. */
export function downgrade(
  { group, before, rebalances }: Downgrade,
  environment: ConsumerGroupEnvironment,
  facts: Facts,
): GroupStateDecision {
  const { topics, classicSettings } = environment
  const tombstones = consumerGroupTombstones(group)
  const classicMembers = [...group.members.values()].map((member) => classicMemberOf(member, group.targetOf(member.memberId), topics))
  const members = new Map(classicMembers.map((member) => [member.memberId, member]))
  const classic: ClassicGroup = {
    groupId: group.groupId,
    state: 'Stable',
    previousState: 'CompletingRebalance',
    generationId: group.groupEpoch,
    protocolType: CONSUMER_PROTOCOL_TYPE,
    protocolName: selectProtocol({ members }),
    leaderId: classicMembers[0]?.memberId ?? null,
    stateTimestampMs: facts.nowMs,
    members,
    staticMembers: new Map(
      classicMembers.flatMap(({ instanceId, memberId }) => (instanceId === null ? [] : [[instanceId, memberId] as const])),
    ),
    pendingJoins: new Set(),
    pendingSyncs: new Set(),
    hasNewMember: false,
  }
  const draft = new ClassicDraft(classic, classicSettings(), facts, [...before, ...tombstones])
  draft.set({})
  draft.write()
  for (const member of classicMembers) extendSession(draft, member)
  if (rebalances) prepareRebalance(draft)
  return draft.decision()
}

function classicMemberOf(member: ConsumerMember, target: Assignment, topics: GroupTopics): ClassicMember {
  const { memberId, instanceId, clientId, clientHost, rebalanceTimeoutMs } = member
  const { sessionTimeoutMs, supportedProtocols } = member.classic!
  const assignment = target.size === 0 ? EMPTY_ASSIGNMENT : target
  return {
    memberId,
    instanceId,
    clientId,
    clientHost,
    rebalanceTimeoutMs,
    sessionTimeoutMs,
    protocols: supportedProtocols,
    assignment: encodedAssignment(assignment, supportedProtocols[0]!.metadata, topics),
    isNew: false,
    joining: undefined,
    syncing: undefined,
  }
}
