/**
 * The records of consumer groups in `__consumer_offsets`, in Kafka's schemas. Source: KIP-848, Apache Kafka 4.1.
 *
 * A member leaves by tombstones of its current assignment, its target assignment and its metadata, in this order;
 * a group goes by those of all members, of its expressions, of its assignment epoch and, last, of itself.
 */
import type { RecordOf } from '../../framework/index.ts'
import { assignmentToWire, type Assignment } from './assignment.ts'
import type { ConsumerMember } from './member.ts'

const TOPIC_PARTITIONS = {
  topicId: 'uuid',
  partitions: { type: 'array', of: 'int32' },
} as const

const GROUP_KEY = { groupId: 'string' } as const
const MEMBER_KEY = { groupId: 'string', memberId: 'string' } as const
const VERSION = { versions: '0', flexible: '0+', writes: 0 } as const

export const CONSUMER_GROUP_RECORDS = {
  consumerGroupMetadata: {
    ...VERSION,
    type: 3,
    key: GROUP_KEY,
    value: {
      epoch: 'int32',
      // 64 bits of a hash that are only ever compared. As a double they lose nothing but the difference between NaNs, which `metadataHash` never makes;
      // as an integer those that Kafka wrote would not be safe ones.
      metadataHash: { type: 'float64', tag: 0, default: 0 },
    },
  },
  /** Written by Kafka up to 4.0: what the hash has replaced. Only its tombstone is written here. */
  consumerGroupPartitionMetadata: {
    ...VERSION,
    type: 4,
    key: GROUP_KEY,
    value: {
      topics: {
        type: 'array',
        of: {
          topicId: 'uuid',
          topicName: 'string',
          numPartitions: 'int32',
          partitionMetadata: { type: 'array', of: { partition: 'int32', racks: { type: 'array', of: 'string' } } },
        },
      },
    },
  },
  consumerGroupMemberMetadata: {
    ...VERSION,
    type: 5,
    key: MEMBER_KEY,
    value: {
      instanceId: { type: 'string', nullable: true },
      rackId: { type: 'string', nullable: true },
      clientId: 'string',
      clientHost: 'string',
      subscribedTopicNames: { type: 'array', of: 'string' },
      subscribedTopicRegex: { type: 'string', nullable: true },
      rebalanceTimeoutMs: { type: 'int32', default: -1 },
      serverAssignor: { type: 'string', nullable: true },
      // Its default is an empty structure, not null: Kafka writes the null of members that speak the consumer protocol.
      classicMemberMetadata: {
        type: 'struct',
        nullable: true,
        tag: 0,
        fields: {
          sessionTimeoutMs: 'int32',
          supportedProtocols: { type: 'array', of: { name: 'string', metadata: 'bytes' } },
        },
      },
    },
  },
  consumerGroupTargetAssignmentMetadata: { ...VERSION, type: 6, key: GROUP_KEY, value: { assignmentEpoch: 'int32' } },
  consumerGroupTargetAssignmentMember: {
    ...VERSION,
    type: 7,
    key: MEMBER_KEY,
    value: { topicPartitions: { type: 'array', of: TOPIC_PARTITIONS } },
  },
  consumerGroupCurrentMemberAssignment: {
    ...VERSION,
    type: 8,
    key: MEMBER_KEY,
    value: {
      memberEpoch: 'int32',
      previousMemberEpoch: 'int32',
      state: 'int8',
      assignedPartitions: { type: 'array', of: TOPIC_PARTITIONS },
      partitionsPendingRevocation: { type: 'array', of: TOPIC_PARTITIONS },
    },
  },
  consumerGroupRegularExpression: {
    ...VERSION,
    type: 16,
    key: { groupId: 'string', regularExpression: 'string' },
    value: { topics: { type: 'array', of: 'string' }, version: 'int64', timestamp: 'int64' },
  },
} as const

export type ConsumerGroupRecord = RecordOf<typeof CONSUMER_GROUP_RECORDS>

/** The topics that an expression stood for when it was last looked at. */
export interface ResolvedRegex {
  /** Ascending. */
  readonly topics: readonly string[]
  /** Of the topics, as `GroupTopics.version`. */
  readonly version: number
  /** Milliseconds since 1970. */
  readonly timestampMs: number
}

export function groupRecord(groupId: string, epoch: number, metadataHash: number): ConsumerGroupRecord {
  return { name: 'consumerGroupMetadata', key: { groupId }, value: { epoch, metadataHash } }
}

export function memberRecord(groupId: string, member: ConsumerMember): ConsumerGroupRecord {
  const { memberId, instanceId, rackId, clientId, clientHost, subscribedTopicNames, subscribedTopicRegex } = member
  const { rebalanceTimeoutMs, serverAssignor, classic } = member
  return {
    name: 'consumerGroupMemberMetadata',
    key: { groupId, memberId },
    value: {
      instanceId,
      rackId,
      clientId,
      clientHost,
      subscribedTopicNames,
      subscribedTopicRegex,
      rebalanceTimeoutMs,
      serverAssignor,
      classicMemberMetadata: classic,
    },
  }
}

export function targetEpochRecord(groupId: string, assignmentEpoch: number): ConsumerGroupRecord {
  return { name: 'consumerGroupTargetAssignmentMetadata', key: { groupId }, value: { assignmentEpoch } }
}

export function targetRecord(groupId: string, memberId: string, target: Assignment): ConsumerGroupRecord {
  const value = { topicPartitions: assignmentToWire(target) }
  return { name: 'consumerGroupTargetAssignmentMember', key: { groupId, memberId }, value }
}

export function currentRecord(groupId: string, member: ConsumerMember): ConsumerGroupRecord {
  const { memberId, memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation } = member
  return {
    name: 'consumerGroupCurrentMemberAssignment',
    key: { groupId, memberId },
    value: {
      memberEpoch,
      previousMemberEpoch,
      state,
      assignedPartitions: assignmentToWire(assigned),
      partitionsPendingRevocation: assignmentToWire(pendingRevocation),
    },
  }
}

export function regexRecord(groupId: string, regularExpression: string, resolved: ResolvedRegex): ConsumerGroupRecord {
  const { topics, version, timestampMs: timestamp } = resolved
  return { name: 'consumerGroupRegularExpression', key: { groupId, regularExpression }, value: { topics, version, timestamp } }
}

export function regexTombstone(groupId: string, regularExpression: string): ConsumerGroupRecord {
  return { name: 'consumerGroupRegularExpression', key: { groupId, regularExpression }, value: null }
}

export function partitionMetadataTombstone(groupId: string): ConsumerGroupRecord {
  return { name: 'consumerGroupPartitionMetadata', key: { groupId }, value: null }
}

/** What removes a member, in order. */
export function memberTombstones(groupId: string, memberId: string): ConsumerGroupRecord[] {
  const key = { groupId, memberId }
  return [
    { name: 'consumerGroupCurrentMemberAssignment', key, value: null },
    { name: 'consumerGroupTargetAssignmentMember', key, value: null },
    { name: 'consumerGroupMemberMetadata', key, value: null },
  ]
}

/** What removes the assignment epoch and the group itself, once its members are gone. */
export function groupTombstones(groupId: string): ConsumerGroupRecord[] {
  const key = { groupId }
  return [
    { name: 'consumerGroupTargetAssignmentMetadata', key, value: null },
    { name: 'consumerGroupPartitionMetadata', key, value: null },
    { name: 'consumerGroupMetadata', key, value: null },
  ]
}
