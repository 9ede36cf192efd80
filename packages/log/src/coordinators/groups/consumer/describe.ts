/** A consumer group as ConsumerGroupDescribe shows it. */
import type { Assignment } from './assignment.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { topicIdBytes } from './assignment.ts'
import type { ConsumerMember } from './member.ts'
import { preferredAssignor } from './rebalance.ts'
import type { GroupTopics } from './topics.ts'

export interface DescribedTopicPartitions {
  readonly topicId: Uint8Array
  readonly topicName: string
  readonly partitions: readonly number[]
}

export interface DescribedMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly memberEpoch: number
  readonly clientId: string
  readonly clientHost: string
  readonly subscribedTopicNames: readonly string[]
  readonly subscribedTopicRegex: string | null
  readonly assignment: { readonly topicPartitions: readonly DescribedTopicPartitions[] }
  readonly targetAssignment: { readonly topicPartitions: readonly DescribedTopicPartitions[] }
  /** 0: it speaks the classic protocol. 1: the consumer protocol. */
  readonly memberType: number
}

export interface DescribedConsumerGroup {
  readonly groupId: string
  readonly groupState: string
  readonly groupEpoch: number
  readonly assignmentEpoch: number
  readonly assignorName: string
  readonly members: readonly DescribedMember[]
}

/** Topics that are gone meanwhile are left out: they have no name any more. */
export function describeConsumerGroup(group: ConsumerGroup, assignors: readonly string[], topics: GroupTopics): DescribedConsumerGroup {
  const { groupId, state, groupEpoch, assignmentEpoch } = group
  return {
    groupId,
    groupState: state,
    groupEpoch,
    assignmentEpoch,
    assignorName: preferredAssignor(group, assignors),
    members: [...group.members.values()].map((member) => describedMember(member, group.targetOf(member.memberId), topics)),
  }
}

function describedMember(member: ConsumerMember, target: Assignment, topics: GroupTopics): DescribedMember {
  const { memberId, instanceId, rackId, memberEpoch, clientId, clientHost, subscribedTopicNames, subscribedTopicRegex } = member
  return {
    memberId,
    instanceId,
    rackId,
    memberEpoch,
    clientId,
    clientHost,
    subscribedTopicNames,
    subscribedTopicRegex,
    assignment: { topicPartitions: named(member.assigned, topics) },
    targetAssignment: { topicPartitions: named(target, topics) },
    memberType: member.classic === null ? 1 : 0,
  }
}

function named(assignment: Assignment, topics: GroupTopics): DescribedTopicPartitions[] {
  return [...assignment].flatMap(([topicId, partitions]) => {
    const topic = topics.withId(topicId)
    return topic === undefined ? [] : [{ topicId: topicIdBytes(topicId), topicName: topic.name, partitions }]
  })
}
