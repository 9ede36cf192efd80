/**
 * A classic group: frozen plain data; a change is a new value. Decisions are made on a `ClassicDraft`.
 *
 * 1. The leader is a member, and there is one whenever the group is beyond Empty.
 * 2. A protocol is chosen, and is one that every member supports, in CompletingRebalance and Stable.
 * 3. Who waits (tickets, pending members, pending syncs) is in memory alone. The rest is written as one record when the leader's assignment
 *    arrives, when the group becomes empty, and when a static member takes another id; a replay of it gives the group as it was then.
 */
import type { ApiResponseToSend } from '../../../protocol/index.ts'
import type { Ticket } from '../../framework/index.ts'
import type { ClassicGroupRecord } from './records.ts'

export type JoinResponse = ApiResponseToSend<'JoinGroup'>
export type SyncResponse = ApiResponseToSend<'SyncGroup'>

/** Kafka's names, as clients show them. */
export type ClassicState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

/**
 * The states that each may follow.
 *
 * - Empty: no members; offsets may still be there.
 * - PreparingRebalance: members are waited for, to join.
 * - CompletingRebalance: all have joined; the leader's assignment is waited for.
 * - Stable: every member has, or can fetch, its assignment.
 * - Dead: removed. A group of this state is in no store.
 */
export const VALID_PREVIOUS_STATES: { readonly [S in ClassicState]: readonly ClassicState[] } = {
  Empty: ['PreparingRebalance'],
  PreparingRebalance: ['Stable', 'CompletingRebalance', 'Empty'],
  CompletingRebalance: ['PreparingRebalance'],
  Stable: ['CompletingRebalance'],
  Dead: ['Stable', 'PreparingRebalance', 'CompletingRebalance', 'Empty', 'Dead'],
}

export interface ClassicProtocol {
  readonly name: string
  readonly metadata: Uint8Array
}

export interface ClassicMember {
  readonly memberId: string
  /** Null for a dynamic member. */
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeoutMs: number
  readonly sessionTimeoutMs: number
  /** In the member's order of preference. */
  readonly protocols: readonly ClassicProtocol[]
  readonly assignment: Uint8Array
  /** Whether it has not been in any generation yet: it can be given up while it waits. */
  readonly isNew: boolean
  /** Its JoinGroup that is not answered yet. */
  readonly joining: Ticket<JoinResponse> | undefined
  /** Its SyncGroup that is not answered yet. */
  readonly syncing: Ticket<SyncResponse> | undefined
}

export interface ClassicGroup {
  readonly groupId: string
  readonly state: ClassicState
  readonly previousState: ClassicState
  readonly generationId: number
  /** Null for a simple group: offsets without members. */
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leaderId: string | null
  /** When it came into its state, milliseconds since 1970; -1 where it is not known. */
  readonly stateTimestampMs: number
  readonly members: ReadonlyMap<string, ClassicMember>
  /** Member ids by instance id. */
  readonly staticMembers: ReadonlyMap<string, string>
  /** Ids that were given out and not yet joined with. */
  readonly pendingJoins: ReadonlySet<string>
  /** Members whose SyncGroup is waited for. */
  readonly pendingSyncs: ReadonlySet<string>
  /** Whether someone joined since the initial delay began. */
  readonly hasNewMember: boolean
}

export const NO_BYTES: Uint8Array = new Uint8Array(0)

/** The protocol type of consumers, whose metadata the broker can read. */
export const CONSUMER_PROTOCOL_TYPE = 'consumer'

export function emptyClassicGroup(groupId: string, nowMs: number): ClassicGroup {
  return {
    groupId,
    state: 'Empty',
    previousState: 'Dead',
    generationId: 0,
    protocolType: null,
    protocolName: null,
    leaderId: null,
    stateTimestampMs: nowMs,
    members: new Map(),
    staticMembers: new Map(),
    pendingJoins: new Set(),
    pendingSyncs: new Set(),
    hasNewMember: false,
  }
}

export function usesConsumerProtocol({ protocolType }: ClassicGroup): boolean {
  return protocolType === CONSUMER_PROTOCOL_TYPE
}

/** The longest any member may take to join again. */
export function rebalanceTimeoutMs({ members }: ClassicGroup): number {
  let longest = 0
  for (const member of members.values()) longest = Math.max(longest, member.rebalanceTimeoutMs)
  return longest
}

export function hasAllJoined({ members, pendingJoins }: ClassicGroup): boolean {
  if (pendingJoins.size > 0) return false
  for (const { joining } of members.values()) if (joining === undefined) return false
  return true
}

export function metadataFor(member: ClassicMember, protocolName: string | null): Uint8Array {
  return member.protocols.find(({ name }) => name === protocolName)?.metadata ?? NO_BYTES
}

/** The protocols that all members support, as the first member orders them. */
function commonProtocols({ members }: Pick<ClassicGroup, 'members'>): string[] {
  const counts = new Map<string, number>()
  for (const { protocols } of members.values()) {
    for (const name of new Set(protocols.map((protocol) => protocol.name))) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].flatMap(([name, count]) => (count === members.size ? [name] : []))
}

/** Each member votes for the first of its protocols that all support; the most votes win, the earlier candidate at a tie. Null without a candidate. */
export function selectProtocol(group: Pick<ClassicGroup, 'members'>): string | null {
  const candidates = commonProtocols(group)
  const votes = new Map(candidates.map((name) => [name, 0]))
  for (const { protocols } of group.members.values()) {
    const choice = protocols.find(({ name }) => votes.has(name))
    if (choice !== undefined) votes.set(choice.name, votes.get(choice.name)! + 1)
  }
  let best: string | null = null
  for (const [name, count] of votes) if (best === null || count > votes.get(best)!) best = name
  return best
}

/** Whether a member of this protocol type and these protocols fits in. */
export function supports(group: ClassicGroup, protocolType: string, protocols: readonly ClassicProtocol[]): boolean {
  if (group.state === 'Empty') return protocolType !== '' && protocols.length > 0
  if (protocolType !== group.protocolType) return false
  const common = new Set(commonProtocols(group))
  return protocols.some(({ name }) => common.has(name))
}

export function sameProtocols(one: readonly ClassicProtocol[], other: readonly ClassicProtocol[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ name, metadata }, index) => name === other[index]!.name && Buffer.compare(metadata, other[index]!.metadata) === 0)
  )
}

/** The group as its record has it. */
export function groupRecord(group: ClassicGroup): ClassicGroupRecord {
  const { groupId, protocolType, generationId, protocolName, leaderId, stateTimestampMs, members } = group
  return {
    name: 'groupMetadata',
    key: { groupId },
    value: {
      protocolType: protocolType ?? '',
      generation: generationId,
      protocol: protocolName,
      leader: leaderId,
      currentStateTimestamp: stateTimestampMs,
      members: [...members.values()].map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.instanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeoutMs: member.rebalanceTimeoutMs,
        sessionTimeoutMs: member.sessionTimeoutMs,
        subscription: metadataFor(member, protocolName),
        assignment: member.assignment,
      })),
    },
  }
}

export function groupTombstone(groupId: string): ClassicGroupRecord {
  return { name: 'groupMetadata', key: { groupId }, value: null }
}

/** The group that a record tells of, with nobody waiting. */
export function groupOfRecord(groupId: string, value: NonNullable<ClassicGroupRecord['value']>): ClassicGroup {
  const members = value.members.map((member): ClassicMember => {
    const { memberId, groupInstanceId: instanceId, clientId, clientHost, sessionTimeoutMs, subscription, assignment } = member
    return {
      memberId,
      instanceId,
      clientId,
      clientHost,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs === -1 ? sessionTimeoutMs : member.rebalanceTimeoutMs,
      sessionTimeoutMs,
      protocols: value.protocol === null ? [] : [{ name: value.protocol, metadata: subscription }],
      assignment,
      isNew: false,
      joining: undefined,
      syncing: undefined,
    }
  })
  return {
    ...emptyClassicGroup(groupId, value.currentStateTimestamp),
    state: members.length === 0 ? 'Empty' : 'Stable',
    generationId: value.generation,
    protocolType: value.protocolType === '' ? null : value.protocolType,
    protocolName: value.protocol,
    leaderId: value.leader,
    members: new Map(members.map((member) => [member.memberId, member])),
    staticMembers: new Map(members.flatMap(({ instanceId, memberId }) => (instanceId === null ? [] : [[instanceId, memberId] as const]))),
  }
}
