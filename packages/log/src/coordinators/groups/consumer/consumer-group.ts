/**
 * A consumer group (KIP-848): what the replay of its records says.
 *
 * 1. Only `apply` changes it, and `apply` knows nothing but records: a decision that was applied and a log that was read give the same group.
 * 2. What can be told from the rest (who owns a partition, who is a static member) is kept beside it, never decided upon separately.
 * 3. Records of a log whose older records are compacted away may come in any order of members; none of them is refused.
 */
import { assignmentFromWire, EMPTY_ASSIGNMENT, type Assignment } from './assignment.ts'
import {
  isReconciledTo,
  LEAVE_EPOCH,
  MEMBER_STATE,
  newMember,
  regexOf,
  sameNames,
  type ConsumerMember,
  type MemberState,
} from './member.ts'
import { PartitionOwners } from './owners.ts'
import type { ConsumerGroupRecord, ResolvedRegex } from './records.ts'
import { metadataHash, type GroupTopics } from './topics.ts'

/** Kafka's names, as clients show them. */
export type ConsumerGroupState = 'Empty' | 'Assigning' | 'Reconciling' | 'Stable'

interface Subscriptions {
  readonly names: ReadonlySet<string>
  readonly regexes: ReadonlyMap<string, number>
  hash: { readonly version: number; readonly value: number } | undefined
}

export class ConsumerGroup {
  readonly groupId: string
  /** Grows whenever the target assignment has to be computed anew. */
  groupEpoch = 0
  metadataHash = 0
  /** The group epoch that the target assignment was computed for; -1 when the group is going. */
  assignmentEpoch = 0
  /** Whether the log holds a record that Kafka before 4.1 wrote and this broker has replaced. */
  hasPartitionMetadata = false
  /** Members of the classic protocol that were told to join again and have not yet. In memory alone, as the timers that wait for them. */
  readonly awaitedJoins: Set<string>
  readonly #members: Map<string, ConsumerMember>
  readonly #targets: Map<string, Assignment>
  readonly #regexes: Map<string, ResolvedRegex>
  readonly #staticMembers: Map<string, string>
  readonly #owners: PartitionOwners
  /** What follows from the subscriptions: every heartbeat asks for it, few change it. */
  #subscriptions: Subscriptions | undefined

  constructor(groupId: string, copied?: ConsumerGroup) {
    this.groupId = groupId
    this.awaitedJoins = new Set(copied?.awaitedJoins)
    this.#members = new Map(copied?.members)
    this.#targets = new Map(copied?.targets)
    this.#regexes = new Map(copied?.regexes)
    this.#staticMembers = new Map(copied?.staticMembers)
    this.#owners = copied === undefined ? new PartitionOwners() : copied.#owners.copy()
    if (copied === undefined) return
    this.groupEpoch = copied.groupEpoch
    this.metadataHash = copied.metadataHash
    this.assignmentEpoch = copied.assignmentEpoch
    this.hasPartitionMetadata = copied.hasPartitionMetadata
    this.#subscriptions = copied.#subscriptions
  }

  copy(): ConsumerGroup {
    return new ConsumerGroup(this.groupId, this)
  }

  get members(): ReadonlyMap<string, ConsumerMember> {
    return this.#members
  }

  get targets(): ReadonlyMap<string, Assignment> {
    return this.#targets
  }

  get regexes(): ReadonlyMap<string, ResolvedRegex> {
    return this.#regexes
  }

  /** Member ids by instance id. */
  get staticMembers(): ReadonlyMap<string, string> {
    return this.#staticMembers
  }

  staticMember(instanceId: string): ConsumerMember | undefined {
    const memberId = this.#staticMembers.get(instanceId)
    return memberId === undefined ? undefined : this.#members.get(memberId)
  }

  targetOf(memberId: string): Assignment {
    return this.#targets.get(memberId) ?? EMPTY_ASSIGNMENT
  }

  /** The member that has the partition assigned, or is still to revoke it. */
  ownerOf(topicId: string, partition: number): string | undefined {
    return this.#owners.of(topicId, partition)
  }

  get state(): ConsumerGroupState {
    if (this.#members.size === 0) return 'Empty'
    if (this.groupEpoch > this.assignmentEpoch) return 'Assigning'
    for (const member of this.#members.values()) if (!isReconciledTo(member, this.assignmentEpoch)) return 'Reconciling'
    return 'Stable'
  }

  /** The names of all topics that a member is subscribed to, by name or by expression, whether they exist or not. */
  get subscribedTopicNames(): ReadonlySet<string> {
    return this.#subscribed().names
  }

  /** How many members are subscribed by each expression. */
  get subscribedRegexes(): ReadonlyMap<string, number> {
    return this.#subscribed().regexes
  }

  /** What `metadataHash` would be by these topics. */
  metadataHashBy(topics: GroupTopics): number {
    const subscriptions = this.#subscribed()
    if (subscriptions.hash?.version !== topics.version) {
      subscriptions.hash = { version: topics.version, value: metadataHash(subscriptions.names, topics) }
    }
    return subscriptions.hash.value
  }

  #subscribed(): Subscriptions {
    if (this.#subscriptions !== undefined) return this.#subscriptions
    const names = new Set<string>()
    const regexes = new Map<string, number>()
    let last: readonly string[] | undefined
    for (const member of this.#members.values()) {
      if (member.subscribedTopicNames !== last) for (const name of member.subscribedTopicNames) names.add(name)
      last = member.subscribedTopicNames
      const regex = regexOf(member)
      if (regex !== undefined) regexes.set(regex, (regexes.get(regex) ?? 0) + 1)
    }
    for (const regex of regexes.keys()) for (const name of this.#regexes.get(regex)?.topics ?? []) names.add(name)
    this.#subscriptions = { names, regexes, hash: undefined }
    return this.#subscriptions
  }

  /** Applies one of this group's records. */
  apply(record: ConsumerGroupRecord): void {
    switch (record.name) {
      case 'consumerGroupMetadata':
        this.groupEpoch = record.value?.epoch ?? 0
        this.metadataHash = record.value?.metadataHash ?? 0
        return
      case 'consumerGroupPartitionMetadata':
        this.hasPartitionMetadata = record.value !== null
        return
      case 'consumerGroupTargetAssignmentMetadata':
        this.assignmentEpoch = record.value?.assignmentEpoch ?? -1
        return
      case 'consumerGroupTargetAssignmentMember':
        if (record.value === null) this.#targets.delete(record.key.memberId)
        else this.#targets.set(record.key.memberId, assignmentFromWire(record.value.topicPartitions))
        return
      case 'consumerGroupRegularExpression':
        this.#applyRegex(record)
        return
      case 'consumerGroupMemberMetadata':
        this.#applyMetadata(record)
        return
      case 'consumerGroupCurrentMemberAssignment':
        this.#applyProgress(record)
    }
  }

  #applyRegex({ key: { regularExpression }, value }: Extract<ConsumerGroupRecord, { name: 'consumerGroupRegularExpression' }>): void {
    this.#subscriptions = undefined
    if (value === null) this.#regexes.delete(regularExpression)
    else {
      const { topics, version, timestamp } = value
      this.#regexes.set(regularExpression, { topics: [...topics].sort(), version, timestampMs: timestamp })
    }
  }

  #applyMetadata({ key: { memberId }, value }: Extract<ConsumerGroupRecord, { name: 'consumerGroupMemberMetadata' }>): void {
    this.#subscriptions = undefined
    const before = this.#members.get(memberId)
    if (value === null) {
      if (before === undefined) return
      this.#owners.release(memberId, before.assigned)
      this.#owners.release(memberId, before.pendingRevocation)
      this.#forgetStatic(before)
      this.#members.delete(memberId)
      return
    }
    const { classicMemberMetadata: classic, subscribedTopicNames, ...metadata } = value
    if (before !== undefined) this.#forgetStatic(before)
    this.#members.set(memberId, {
      ...(before ?? newMember(memberId)),
      ...metadata,
      subscribedTopicNames: this.#shared([...new Set(subscribedTopicNames)].sort()),
      classic,
    })
    if (value.instanceId !== null) this.#staticMembers.set(value.instanceId, memberId)
  }

  /** Members of a group mostly want the same: then they have the very same list, which is looked at once. */
  #shared(names: readonly string[]): readonly string[] {
    for (const { subscribedTopicNames } of this.#members.values())
      return sameNames(subscribedTopicNames, names) ? subscribedTopicNames : names
    return names
  }

  #forgetStatic({ instanceId, memberId }: ConsumerMember): void {
    if (instanceId !== null && this.#staticMembers.get(instanceId) === memberId) this.#staticMembers.delete(instanceId)
  }

  #applyProgress({ key: { memberId }, value }: Extract<ConsumerGroupRecord, { name: 'consumerGroupCurrentMemberAssignment' }>): void {
    const before = this.#members.get(memberId)
    if (value === null && before === undefined) return
    if (before !== undefined) {
      this.#owners.release(memberId, before.assigned)
      this.#owners.release(memberId, before.pendingRevocation)
    }
    const progress =
      value === null
        ? { memberEpoch: LEAVE_EPOCH, previousMemberEpoch: LEAVE_EPOCH, assigned: EMPTY_ASSIGNMENT, pendingRevocation: EMPTY_ASSIGNMENT }
        : {
            memberEpoch: value.memberEpoch,
            previousMemberEpoch: value.previousMemberEpoch,
            state: memberState(value.state),
            assigned: assignmentFromWire(value.assignedPartitions),
            pendingRevocation: assignmentFromWire(value.partitionsPendingRevocation),
          }
    const after = { ...(before ?? newMember(memberId)), ...progress }
    this.#members.set(memberId, after)
    this.#owners.take(memberId, after.assigned)
    this.#owners.take(memberId, after.pendingRevocation)
  }
}

function memberState(value: number): MemberState {
  for (const state of Object.values(MEMBER_STATE)) if (state === value) return state
  return MEMBER_STATE.unknown
}
