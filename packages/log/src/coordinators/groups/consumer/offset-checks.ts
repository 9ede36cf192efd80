/** Whether a consumer group's member may commit and fetch offsets: only at its present epoch, so that a former owner cannot overwrite the new one's. */
import type { ConsumerGroup } from './consumer-group.ts'
import { refusal, type Refusal } from './decision.ts'
import type { ConsumerMember } from './member.ts'

export interface CommitClaim {
  /** Empty where the client has none. */
  readonly memberId: string
  readonly instanceId: string | null
  /** The member's epoch, or generation; -1 of those who manage their partitions themselves. */
  readonly memberEpoch: number
  readonly isTransactional: boolean
  /** Of the OffsetCommit request. */
  readonly version: number
}

/** Members of the consumer protocol are known to OffsetCommit from this version on. */
const OFFSET_COMMIT_VERSION_MIN = 9

export function commitProblem(group: ConsumerGroup, claim: CommitClaim): Refusal | undefined {
  const { memberId, instanceId, memberEpoch, isTransactional, version } = claim
  if (memberEpoch < 0 && group.members.size === 0) return undefined
  // Producers older than KIP-447 do not tell whose offsets they commit.
  if (isTransactional && memberEpoch === -1 && memberId === '' && instanceId === null) return undefined
  const member = group.members.get(memberId)
  if (member === undefined) return unknownMember(group, memberId)
  if (!isTransactional && member.classic === null && version < OFFSET_COMMIT_VERSION_MIN) {
    return refusal('UNSUPPORTED_VERSION', `Members of the consumer protocol commit by OffsetCommit ${OFFSET_COMMIT_VERSION_MIN} or later.`)
  }
  return epochProblem(member, memberEpoch)
}

/** @param memberId null where the client has none, as admin clients */
export function fetchProblem(group: ConsumerGroup, memberId: string | null, memberEpoch: number): Refusal | undefined {
  if (memberId === null && memberEpoch < 0) return undefined
  const member = memberId === null ? undefined : group.members.get(memberId)
  return member === undefined ? unknownMember(group, memberId ?? '') : epochProblem(member, memberEpoch)
}

function epochProblem(member: ConsumerMember, memberEpoch: number): Refusal | undefined {
  if (member.memberEpoch === memberEpoch) return undefined
  const message = `The member is at epoch ${member.memberEpoch}, not ${memberEpoch}.`
  return refusal(member.classic === null ? 'STALE_MEMBER_EPOCH' : 'ILLEGAL_GENERATION', message)
}

function unknownMember({ groupId }: ConsumerGroup, memberId: string): Refusal {
  return refusal('UNKNOWN_MEMBER_ID', `The group ${groupId} has no member ${memberId}.`)
}
