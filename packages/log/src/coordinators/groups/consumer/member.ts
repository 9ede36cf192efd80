/** A member of a consumer group: frozen plain data; a change is a new value. */
import { EMPTY_ASSIGNMENT, sameAssignment, type Assignment } from './assignment.ts'

/**
 * Where a member is on its way to its target assignment. The values are those of Kafka's records.
 *
 * - stable: at its epoch it has all it shall have.
 * - unrevoked: it still has to give up what it is asked to revoke, and stays at its epoch until then.
 * - unreleased: it waits for partitions that others have not given up yet.
 * - unknown: written by a newer coordinator; it has to join anew.
 */
export const MEMBER_STATE = { stable: 0, unrevoked: 1, unreleased: 2, unknown: 127 } as const

export type MemberState = (typeof MEMBER_STATE)[keyof typeof MEMBER_STATE]

/** Epochs that a client sends: it joins; it leaves; it leaves as a static member that means to come back. */
export const JOIN_EPOCH = 0
export const LEAVE_EPOCH = -1
export const STATIC_LEAVE_EPOCH = -2

/** How a member that still speaks the classic protocol joined. */
export interface ClassicMembership {
  readonly sessionTimeoutMs: number
  /** In the member's order of preference. The metadata is the consumer protocol's subscription. */
  readonly supportedProtocols: readonly { readonly name: string; readonly metadata: Uint8Array }[]
}

export interface ConsumerMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly rackId: string | null
  /** How long it may take to revoke; -1 while it is not known. */
  readonly rebalanceTimeoutMs: number
  readonly clientId: string
  readonly clientHost: string
  /** Ascending. */
  readonly subscribedTopicNames: readonly string[]
  /** Null or empty: none. */
  readonly subscribedTopicRegex: string | null
  readonly serverAssignor: string | null
  /** Null: it speaks the consumer protocol. */
  readonly classic: ClassicMembership | null
  readonly memberEpoch: number
  /** The epoch it had before: a member that never saw the answer that raised its epoch comes back with it. */
  readonly previousMemberEpoch: number
  readonly state: MemberState
  readonly assigned: Assignment
  /** What it was asked to revoke and may still be using. */
  readonly pendingRevocation: Assignment
}

export function newMember(memberId: string): ConsumerMember {
  return {
    memberId,
    instanceId: null,
    rackId: null,
    rebalanceTimeoutMs: -1,
    clientId: '',
    clientHost: '',
    subscribedTopicNames: [],
    subscribedTopicRegex: '',
    serverAssignor: null,
    classic: null,
    memberEpoch: 0,
    previousMemberEpoch: 0,
    state: MEMBER_STATE.stable,
    assigned: EMPTY_ASSIGNMENT,
    pendingRevocation: EMPTY_ASSIGNMENT,
  }
}

/** Its regular expression, if it has one. */
export function regexOf(member: ConsumerMember): string | undefined {
  return member.subscribedTopicRegex === null || member.subscribedTopicRegex === '' ? undefined : member.subscribedTopicRegex
}

export function isReconciledTo(member: ConsumerMember, assignmentEpoch: number): boolean {
  return member.state === MEMBER_STATE.stable && member.memberEpoch === assignmentEpoch
}

/** Whether all that the member tells of itself is the same: what its metadata record holds. */
export function sameMetadata(one: ConsumerMember, other: ConsumerMember): boolean {
  return (
    one.instanceId === other.instanceId &&
    one.rackId === other.rackId &&
    one.rebalanceTimeoutMs === other.rebalanceTimeoutMs &&
    one.clientId === other.clientId &&
    one.clientHost === other.clientHost &&
    one.serverAssignor === other.serverAssignor &&
    one.subscribedTopicRegex === other.subscribedTopicRegex &&
    sameNames(one.subscribedTopicNames, other.subscribedTopicNames) &&
    sameClassic(one.classic, other.classic)
  )
}

/** Whether it stands at the same point of its reconciliation: what its current assignment record holds. */
export function sameProgress(one: ConsumerMember, other: ConsumerMember): boolean {
  return (
    one.memberEpoch === other.memberEpoch &&
    one.previousMemberEpoch === other.previousMemberEpoch &&
    one.state === other.state &&
    sameAssignment(one.assigned, other.assigned) &&
    sameAssignment(one.pendingRevocation, other.pendingRevocation)
  )
}

export function sameNames(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, index) => name === other[index])
}

function sameClassic(one: ClassicMembership | null, other: ClassicMembership | null): boolean {
  if (one === null || other === null) return one === other
  if (one.sessionTimeoutMs !== other.sessionTimeoutMs || one.supportedProtocols.length !== other.supportedProtocols.length) return false
  return one.supportedProtocols.every(({ name, metadata }, index) => {
    const protocol = other.supportedProtocols[index]!
    return name === protocol.name && Buffer.compare(metadata, protocol.metadata) === 0
  })
}
