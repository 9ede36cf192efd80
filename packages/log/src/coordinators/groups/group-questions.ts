/** What offsets and administrators ask of a group, whichever protocol its members speak. Errors are codes of the protocol; undefined is none. */
import { ERROR_CODE } from '../../protocol/index.ts'
import type { CommittedOffset } from '../offsets/offsets.ts'
import { groupTombstone, metadataFor, usesConsumerProtocol, type ClassicGroup } from './classic/classic-group.ts'
import { memberError } from './classic/members.ts'
import { subscribedTopics } from './classic/subscription.ts'
import type { ConsumerGroup } from './consumer/consumer-group.ts'
import { consumerGroupTombstones } from './consumer/conversion.ts'
import { refusalCode } from './consumer/decision.ts'
import { commitProblem, fetchProblem } from './consumer/offset-checks.ts'
import { isConsumerGroup, type Group, type GroupRecord } from './group-store.ts'

/** Who commits or fetches offsets. */
export interface OffsetClient {
  /** Empty where the client is no member, or does not say. */
  readonly memberId: string
  readonly instanceId: string | null
  /** The classic generation or the member's epoch; -1 where the client is no member, or does not say. */
  readonly generationOrEpoch: number
}

/** As administrators see it: Kafka's names. */
export function stateOf(group: Group): string {
  return group.state
}

export function protocolTypeOf(group: Group): string {
  return isConsumerGroup(group) ? 'consumer' : (group.protocolType ?? '')
}

export function hasNoMembers(group: Group): boolean {
  return isConsumerGroup(group) ? group.members.size === 0 : group.state === 'Empty'
}

/** Why the client may not commit. @param version OffsetCommit's; undefined for an offset in a transaction */
export function commitError(group: Group, client: OffsetClient, version: number | undefined): number | undefined {
  if (client.generationOrEpoch < 0 && hasNoMembers(group)) return undefined
  // The first versions of TxnOffsetCommit had no place for a member.
  if (version === undefined && isNobody(client)) return undefined
  return isConsumerGroup(group) ? consumerCommitError(group, client, version) : classicCommitError(group, client, version)
}

function consumerCommitError(group: ConsumerGroup, client: OffsetClient, version: number | undefined): number | undefined {
  const { memberId, instanceId, generationOrEpoch: memberEpoch } = client
  const isTransactional = version === undefined
  const problem = commitProblem(group, { memberId, instanceId, memberEpoch, isTransactional, version: version ?? 0 })
  // TxnOffsetCommit has no word for an epoch.
  return problem?.refused === 'STALE_MEMBER_EPOCH' && isTransactional ? ERROR_CODE.ILLEGAL_GENERATION : problem && refusalCode(problem)
}

function isNobody({ memberId, instanceId, generationOrEpoch }: OffsetClient): boolean {
  return generationOrEpoch < 0 && memberId === '' && instanceId === null
}

function classicCommitError(group: ClassicGroup, client: OffsetClient, version: number | undefined): number | undefined {
  if (isNobody(client)) return ERROR_CODE.UNKNOWN_MEMBER_ID
  const problem = memberError(group, client.memberId, client.instanceId)
  if (problem !== undefined) return problem
  if (client.generationOrEpoch !== group.generationId) return ERROR_CODE.ILLEGAL_GENERATION
  // It knows the generation, and has not got its assignment yet: it has no business to commit, and learns that it is to join again.
  return version !== undefined && group.state === 'CompletingRebalance' ? ERROR_CODE.REBALANCE_IN_PROGRESS : undefined
}

/** Why the client may not fetch offsets: only members of consumer groups can be told that they are not up to date. */
export function fetchError(group: Group, memberId: string | null, memberEpoch: number): number | undefined {
  const problem = isConsumerGroup(group) ? fetchProblem(group, memberId, memberEpoch) : undefined
  return problem && refusalCode(problem)
}

/** Why offsets of the group may not be deleted, those of subscribed topics aside. */
export function offsetDeleteError(group: Group): number | undefined {
  if (isConsumerGroup(group) || group.state === 'Empty' || usesConsumerProtocol(group)) return undefined
  return ERROR_CODE.NON_EMPTY_GROUP
}

/** Whether a member is subscribed to the topic. Where that cannot be read, a consumer group is taken to be subscribed to everything. */
export function subscriptionOf(group: Group): (topic: string) => boolean {
  if (isConsumerGroup(group)) {
    const names = group.subscribedTopicNames
    return (topic) => names.has(topic)
  }
  if (!usesConsumerProtocol(group)) return () => false
  const topics = knownSubscription(group)
  return (topic) => topics?.has(topic) ?? true
}

/** The topics of all members; undefined where they are not known. */
function knownSubscription(group: ClassicGroup): Set<string> | undefined {
  const all = new Set<string>()
  if (group.members.size === 0) return all
  if (group.protocolName === null) return undefined
  for (const member of group.members.values()) {
    const topics = subscribedTopics(metadataFor(member, group.protocolName))
    if (topics === undefined) return undefined
    for (const topic of topics) all.add(topic)
  }
  return all
}

/** Why the group may not be deleted. */
export function deleteError(group: Group): number | undefined {
  return hasNoMembers(group) ? undefined : ERROR_CODE.NON_EMPTY_GROUP
}

/** What removes the group, but for its offsets. */
export function tombstonesOf(group: Group): GroupRecord[] {
  return isConsumerGroup(group) ? consumerGroupTombstones(group) : [groupTombstone(group.groupId)]
}

/**
 * From when on the retention of an offset runs, milliseconds since 1970; undefined where the group's offsets do not expire now.
 *
 * A group with members keeps the offsets of what it is subscribed to; one that became empty keeps all for the retention from then on;
 * offsets without a group run from their commit.
 */
export function retentionStart(group: Group): ((offset: CommittedOffset) => number) | undefined {
  const fromCommit = (offset: CommittedOffset): number => offset.commitTimestampMs
  if (isConsumerGroup(group) || group.protocolType === null) return fromCommit
  if (group.state === 'Empty') {
    const { stateTimestampMs } = group
    return stateTimestampMs === -1 ? fromCommit : () => stateTimestampMs
  }
  return group.state === 'Stable' && usesConsumerProtocol(group) && knownSubscription(group) !== undefined ? fromCommit : undefined
}
