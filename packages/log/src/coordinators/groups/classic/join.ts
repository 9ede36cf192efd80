/** JoinGroup of a classic group: who may join, as whom, and whether that means a rebalance. */
import { ERROR_CODE, type ApiRequest } from '../../../protocol/index.ts'
import type { Ticket } from '../../framework/index.ts'
import { isClassicGroup, type Group, type GroupOperation, type GroupRecord } from '../group-store.ts'
import {
  emptyClassicGroup,
  groupRecord,
  sameProtocols,
  selectProtocol,
  supports,
  type ClassicGroup,
  type ClassicMember,
  type ClassicProtocol,
  type JoinResponse,
  NO_BYTES,
} from './classic-group.ts'
import { ClassicDraft, joinRefusal } from './draft.ts'
import { memberError } from './members.ts'
import { completeJoinIfAllJoined, extendSession, joinResponse, prepareRebalance, rebalanceOrCompleteJoin } from './rebalance.ts'
import { NEW_MEMBER_JOIN_TIMEOUT_MS, type ClassicGroupSettings } from './settings.ts'

export interface JoinRequest extends Pick<
  ApiRequest<'JoinGroup'>,
  'groupId' | 'memberId' | 'groupInstanceId' | 'protocolType' | 'sessionTimeoutMs'
> {
  readonly rebalanceTimeoutMs: number
  readonly protocols: readonly ClassicProtocol[]
  readonly clientId: string
  readonly clientHost: string
  /** From version 4 on a member without an id is first given one, and joins with it: nobody is left behind in the group by a lost answer (KIP-394). */
  readonly isMemberIdRequired: boolean
  /** From version 9 on a static member that comes back as leader can be told to assign nothing. */
  readonly canSkipAssignment: boolean
}

/** What one joins with, and where its answer goes. */
interface Joining {
  readonly request: JoinRequest
  readonly ticket: Ticket<JoinResponse>
}

/**
 * Joins, answered when the generation begins. Not for the members of consumer groups.
 *
 * @param replaced what of another group of this id has to be taken away first
 */
export function joinClassicGroup(
  request: JoinRequest,
  settings: ClassicGroupSettings,
  replaced: (group: Group | undefined) => readonly GroupRecord[] = () => [],
): GroupOperation<JoinResponse> {
  return ({ groups }, facts, ticket) => {
    const known = groups.get(request.groupId)
    const group = isClassicGroup(known) ? known : undefined
    const start = group ?? emptyClassicGroup(request.groupId, facts.nowMs)
    // A group is written as soon as there is one: what is listed is there after a restart.
    const draft = new ClassicDraft(start, settings, facts, group === undefined ? [...replaced(known), groupRecord(start)] : [])
    const joining = { request, ticket }
    const refusal = refusalOf(draft, group, request)
    if (refusal !== undefined) draft.answer(ticket, joinRefusal(refusal.memberId, refusal.errorCode))
    else if (request.memberId === '') joinAnew(draft, joining)
    else joinAgain(draft, joining)
    return draft.decision()
  }
}

function refusalOf(
  draft: ClassicDraft,
  group: ClassicGroup | undefined,
  { memberId, protocolType, protocols }: JoinRequest,
): { readonly memberId: string; readonly errorCode: number } | undefined {
  if (group === undefined && memberId !== '') return { memberId, errorCode: ERROR_CODE.UNKNOWN_MEMBER_ID }
  if (!hasRoom(draft, memberId)) {
    if (draft.member(memberId) !== undefined || draft.group.pendingJoins.has(memberId)) draft.removeMember(memberId)
    return { memberId: '', errorCode: ERROR_CODE.GROUP_MAX_SIZE_REACHED }
  }
  return supports(draft.group, protocolType, protocols) ? undefined : { memberId, errorCode: ERROR_CODE.INCONSISTENT_GROUP_PROTOCOL }
}

/** While a rebalance is prepared the places are those of the members that have joined: whoever comes late may find none left. */
function hasRoom({ group, settings }: ClassicDraft, memberId: string): boolean {
  const member = group.members.get(memberId)
  if (group.state === 'Empty') return true
  if (group.state !== 'PreparingRebalance') return member !== undefined || group.members.size < settings.maxSize
  let joined = 0
  for (const { joining } of group.members.values()) if (joining !== undefined) joined++
  return member?.joining !== undefined || joined < settings.maxSize
}

function joinAnew(draft: ClassicDraft, { request, ticket }: Joining): void {
  const { groupInstanceId, clientId, isMemberIdRequired, sessionTimeoutMs } = request
  const memberId = newMemberId(draft, groupInstanceId ?? clientId)
  const existing = groupInstanceId === null ? undefined : draft.group.staticMembers.get(groupInstanceId)
  if (existing !== undefined) return replaceStatic(draft, { request, ticket }, existing, memberId)
  if (groupInstanceId !== null || !isMemberIdRequired) return addMember(draft, { request, ticket }, memberId)
  draft.set({ pendingJoins: new Set(draft.group.pendingJoins).add(memberId) })
  extendSession(draft, memberOf(request, memberId, undefined), sessionTimeoutMs)
  draft.answer(ticket, joinRefusal(memberId, ERROR_CODE.MEMBER_ID_REQUIRED))
}

function joinAgain(draft: ClassicDraft, { request, ticket }: Joining): void {
  const { memberId, groupInstanceId } = request
  const { group } = draft
  if (group.pendingJoins.has(memberId) && groupInstanceId === null) return addMember(draft, { request, ticket }, memberId)
  const problem = memberError(group, memberId, groupInstanceId)
  if (problem !== undefined) return draft.answer(ticket, joinRefusal(memberId, problem))
  const member = group.members.get(memberId)!
  // A leader that joins again wants another assignment, for reasons of its own. For others it may only be that an answer was lost.
  const isUnchanged = sameProtocols(member.protocols, request.protocols)
  const isAnswered = draft.isIn('CompletingRebalance') ? isUnchanged : draft.isIn('Stable') && isUnchanged && group.leaderId !== memberId
  if (isAnswered) return draft.answer(ticket, joinResponse(group, memberId))
  draft.putMember(updated(member, request, ticket))
  rebalanceOrCompleteJoin(draft)
}

function addMember(draft: ClassicDraft, { request, ticket }: Joining, memberId: string): void {
  const member = memberOf(request, memberId, ticket)
  if (draft.group.members.size === 0) draft.set({ protocolType: request.protocolType })
  if (draft.isIn('PreparingRebalance') && draft.group.previousState === 'Empty') draft.set({ hasNewMember: true })
  draft.putMember(member)
  extendSession(draft, member, NEW_MEMBER_JOIN_TIMEOUT_MS)
  rebalanceOrCompleteJoin(draft)
}

/** A static member that comes back without its id takes the place it had (KIP-345), in a stable group without a rebalance. */
function replaceStatic(draft: ClassicDraft, { request, ticket }: Joining, oldId: string, newId: string): void {
  const { leaderId: leaderBefore } = draft.group
  const renamed = draft.renameMember(oldId, newId)
  const member = updated(renamed, request, ticket)
  draft.putMember(member)
  extendSession(draft, member)
  if (!draft.isIn('Stable')) {
    // The leader may have been told of the old id: its assignment would not meet the new one.
    if (draft.isIn('CompletingRebalance')) prepareRebalance(draft)
    else completeJoinIfAllJoined(draft)
    return
  }
  if (selectProtocol(draft.group) !== draft.group.protocolName) return prepareRebalance(draft)
  draft.putMember({ ...member, joining: undefined })
  draft.write()
  draft.answer(ticket, returnedResponse(draft.group, newId, leaderBefore, request.canSkipAssignment))
}

/** The generation goes on: a leader that comes back must not assign anew, and an older client would unless it is told of another leader. */
function returnedResponse(group: ClassicGroup, memberId: string, leaderBefore: string | null, canSkipAssignment: boolean): JoinResponse {
  if (!canSkipAssignment) return { ...joinResponse(group, memberId, false), leader: leaderBefore ?? '' }
  return { ...joinResponse(group, memberId), skipAssignment: group.leaderId === memberId }
}

function memberOf(request: JoinRequest, memberId: string, ticket: Ticket<JoinResponse> | undefined): ClassicMember {
  const { groupInstanceId: instanceId, clientId, clientHost, rebalanceTimeoutMs, sessionTimeoutMs, protocols } = request
  const facts = { memberId, instanceId, clientId, clientHost, rebalanceTimeoutMs, sessionTimeoutMs, protocols }
  return { ...facts, assignment: NO_BYTES, isNew: true, joining: ticket, syncing: undefined }
}

function updated(member: ClassicMember, request: JoinRequest, ticket: Ticket<JoinResponse>): ClassicMember {
  const { protocols, rebalanceTimeoutMs, sessionTimeoutMs } = request
  return { ...member, protocols, rebalanceTimeoutMs, sessionTimeoutMs, joining: ticket }
}

/** As Kafka's: the client's or the instance's id, and a random UUID. */
function newMemberId({ facts }: ClassicDraft, prefix: string): string {
  const bytes = facts.random.bytes(16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = Buffer.from(bytes).toString('hex')
  return `${prefix}-${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
