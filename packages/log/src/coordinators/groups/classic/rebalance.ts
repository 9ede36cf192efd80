/**
 * How a classic group gets from one generation to the next.
 *
 * A rebalance is prepared when membership or metadata changes: every member is to join again, and has the longest of their rebalance timeouts to do so.
 * When all have, or the time is over, those that did not (but static ones) are out, a protocol is chosen, and the next generation begins: all joins are
 * answered, and the leader's assignment is waited for, as long again.
 */
import { ERROR_CODE } from '../../../protocol/index.ts'
import type { Facts } from '../../framework/index.ts'
import { isClassicGroup, type GroupOperation, type GroupStateDecision } from '../group-store.ts'
import {
  hasAllJoined,
  metadataFor,
  NO_BYTES,
  rebalanceTimeoutMs,
  selectProtocol,
  VALID_PREVIOUS_STATES,
  type ClassicGroup,
  type ClassicMember,
  type JoinResponse,
} from './classic-group.ts'
import { ClassicDraft, sessionKey, syncRefusal } from './draft.ts'
import type { ClassicGroupSettings } from './settings.ts'

/** An operation on a classic group; nothing where there is none of this id. */
function onClassicGroup(groupId: string, settings: ClassicGroupSettings, act: (draft: ClassicDraft) => void): GroupOperation<void> {
  return ({ groups }, facts) => {
    const group = groups.get(groupId)
    if (!isClassicGroup(group)) return {}
    const draft = new ClassicDraft(group, settings, facts)
    act(draft)
    return draft.decision()
  }
}

/** After a change of members or metadata: starts a rebalance, or goes on with the one under way. */
export function rebalanceOrCompleteJoin(draft: ClassicDraft): void {
  if (VALID_PREVIOUS_STATES.PreparingRebalance.includes(draft.group.state)) prepareRebalance(draft)
  else completeJoinIfAllJoined(draft)
}

export function prepareRebalance(draft: ClassicDraft): void {
  if (draft.isIn('CompletingRebalance')) {
    answerSyncs(draft, () => syncRefusal(ERROR_CODE.REBALANCE_IN_PROGRESS))
    draft.mapMembers((member) => ({ ...member, assignment: NO_BYTES }))
  }
  draft.set({ pendingSyncs: new Set() })
  draft.cancelTimer('sync')
  const isInitial = draft.isIn('Empty')
  draft.transition('PreparingRebalance')
  if (isInitial) delayFirstJoin(draft)
  else if (hasAllJoined(draft.group)) completeJoin(draft)
  else scheduleJoinEnd(draft)
}

/** While a rebalance is prepared that is not the first one of an empty group. */
export function completeJoinIfAllJoined(draft: ClassicDraft): void {
  const { state, previousState } = draft.group
  if (state === 'PreparingRebalance' && previousState !== 'Empty' && hasAllJoined(draft.group)) completeJoin(draft)
}

/** Ends the join phase with those that are there. */
function completeJoin(draft: ClassicDraft): void {
  draft.cancelTimer('join')
  for (const { memberId, instanceId, joining } of draft.group.members.values()) {
    if (joining === undefined && instanceId === null) draft.removeMember(memberId)
  }
  const { members } = draft.group
  if (members.size === 0) becomeEmpty(draft)
  else if (electJoinedLeader(draft)) beginGeneration(draft)
  else scheduleJoinEnd(draft)
}

/** Gives out the assignments of a generation, and every member's session begins anew. */
export function answerSyncs(draft: ClassicDraft, reply: (member: ClassicMember) => ReturnType<typeof syncRefusal>): void {
  for (const member of draft.group.members.values()) {
    if (member.syncing === undefined) continue
    draft.answer(member.syncing, reply(member))
    extendSession(draft, member)
  }
  draft.mapMembers((member) => (member.syncing === undefined ? member : { ...member, syncing: undefined }))
}

export function extendSession(draft: ClassicDraft, { memberId, sessionTimeoutMs }: ClassicMember, delayMs = sessionTimeoutMs): void {
  const { groupId } = draft.group
  draft.setSession(
    memberId,
    delayMs,
    onClassicGroup(groupId, draft.settings, (later) => endSession(later, memberId)),
  )
}

/** What a member is told of the generation; only the leader hears of the others. */
export function joinResponse(group: ClassicGroup, memberId: string, isLeader = group.leaderId === memberId): JoinResponse {
  const { members, generationId, protocolType, protocolName, leaderId } = group
  return {
    errorCode: ERROR_CODE.NONE,
    generationId,
    protocolType,
    protocolName,
    leader: leaderId ?? '',
    memberId,
    members: isLeader
      ? [...members.values()].map((member) => ({
          memberId: member.memberId,
          groupInstanceId: member.instanceId,
          metadata: metadataFor(member, protocolName),
        }))
      : [],
  }
}

function becomeEmpty(draft: ClassicDraft): void {
  draft.set({ generationId: draft.group.generationId + 1, protocolName: null, leaderId: null })
  draft.transition('Empty')
  draft.write()
}

function beginGeneration(draft: ClassicDraft): void {
  draft.set({ generationId: draft.group.generationId + 1, protocolName: selectProtocol(draft.group) })
  draft.transition('CompletingRebalance')
  const { group } = draft
  for (const member of group.members.values()) {
    if (member.joining !== undefined) draft.answer(member.joining, joinResponse(group, member.memberId))
    extendSession(draft, member)
  }
  draft.mapMembers((member) => ({ ...member, joining: undefined, isNew: false }))
  draft.set({ pendingSyncs: new Set(group.members.keys()) })
  const { groupId, generationId } = group
  draft.setTimer(
    'sync',
    rebalanceTimeoutMs(group),
    onClassicGroup(groupId, draft.settings, (later) => endSync(later, generationId)),
  )
}

/** Makes sure that the leader is one that has joined. False where nobody has. */
function electJoinedLeader(draft: ClassicDraft): boolean {
  const { members, leaderId } = draft.group
  if (leaderId !== null && members.get(leaderId)?.joining !== undefined) return true
  for (const { memberId, joining } of members.values()) {
    if (joining === undefined) continue
    draft.set({ leaderId: memberId })
    return true
  }
  return false
}

function scheduleJoinEnd(draft: ClassicDraft): void {
  const { groupId } = draft.group
  draft.setTimer('join', rebalanceTimeoutMs(draft.group), onClassicGroup(groupId, draft.settings, endJoin))
}

function endJoin(draft: ClassicDraft): void {
  if (draft.isIn('PreparingRebalance')) completeJoin(draft)
}

/** An empty group waits for more members than its first, again and again as long as they come, at most for their rebalance timeout. */
function delayFirstJoin(draft: ClassicDraft): void {
  const { initialRebalanceDelayMs } = draft.settings
  const leftMs = Math.max(rebalanceTimeoutMs(draft.group) - initialRebalanceDelayMs, 0)
  draft.set({ hasNewMember: false })
  scheduleFirstJoin(draft, initialRebalanceDelayMs, leftMs)
}

function scheduleFirstJoin(draft: ClassicDraft, delayMs: number, leftMs: number): void {
  const { groupId } = draft.group
  const end = (later: ClassicDraft): void => {
    if (!later.isIn('PreparingRebalance')) return
    if (!later.group.hasNewMember || leftMs === 0) return completeJoin(later)
    later.set({ hasNewMember: false })
    scheduleFirstJoin(later, Math.min(later.settings.initialRebalanceDelayMs, leftMs), Math.max(leftMs - delayMs, 0))
  }
  draft.setTimer('join', delayMs, onClassicGroup(groupId, draft.settings, end))
}

/** Members that did not fetch their assignment in time are out. */
function endSync(draft: ClassicDraft, generationId: number): void {
  const { group } = draft
  if (group.generationId !== generationId || !draft.isIn('CompletingRebalance', 'Stable') || group.pendingSyncs.size === 0) return
  for (const memberId of group.pendingSyncs) draft.removeMember(memberId)
  prepareRebalance(draft)
}

/** A member was not heard of for too long. One that waits for an answer is alive, unless it has waited for its first generation all that time. */
function endSession(draft: ClassicDraft, memberId: string): void {
  const member = draft.member(memberId)
  if (member === undefined) {
    if (!draft.group.pendingJoins.has(memberId)) return
    draft.removeMember(memberId)
    completeJoinIfAllJoined(draft)
    return
  }
  if (!member.isNew && (member.joining !== undefined || member.syncing !== undefined)) return
  draft.removeMember(memberId)
  afterLeaving(draft)
}

/** After members have been taken out. */
export function afterLeaving(draft: ClassicDraft): void {
  if (draft.isIn('Stable', 'CompletingRebalance')) prepareRebalance(draft)
  else completeJoinIfAllJoined(draft)
}

/** The timers of a member that was heard of in another way than by its heartbeat. */
export function sessionExtension(
  group: ClassicGroup,
  memberId: string,
  settings: ClassicGroupSettings,
): NonNullable<GroupStateDecision['timers']> {
  const member = group.members.get(memberId)
  const isWatched = group.state === 'Stable' || group.state === 'PreparingRebalance'
  if (member === undefined || !isWatched) return []
  const operation = onClassicGroup(group.groupId, settings, (later) => endSession(later, memberId))
  return [{ key: sessionKey(group.groupId, memberId), delayMs: member.sessionTimeoutMs, operation }]
}

/** What a group begins with after a load: every member's session, and a rebalance where it has more members than are allowed by now. */
export function loadedClassicGroup(group: ClassicGroup, settings: ClassicGroupSettings, facts: Facts): GroupStateDecision {
  const draft = new ClassicDraft(group, settings, facts)
  for (const member of group.members.values()) extendSession(draft, member)
  if (group.members.size > settings.maxSize) prepareRebalance(draft)
  return draft.decision()
}
