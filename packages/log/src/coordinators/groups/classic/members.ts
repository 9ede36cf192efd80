/** Heartbeats, assignments and departures of a classic group's members. */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import { answer, type Facts } from '../../framework/index.ts'
import type { GroupOperation, GroupStateDecision } from '../group-store.ts'
import { NO_BYTES, type ClassicGroup, type ClassicMember, type SyncResponse } from './classic-group.ts'
import { ClassicDraft, syncRefusal } from './draft.ts'
import { afterLeaving, answerSyncs, extendSession } from './rebalance.ts'
import type { ClassicGroupSettings } from './settings.ts'

/** Why the ids do not name a member; undefined where they do. */
export function memberError({ members, staticMembers }: ClassicGroup, memberId: string, instanceId: string | null): number | undefined {
  if (instanceId !== null) {
    const current = staticMembers.get(instanceId)
    if (current === undefined) return ERROR_CODE.UNKNOWN_MEMBER_ID
    if (current !== memberId) return ERROR_CODE.FENCED_INSTANCE_ID
  }
  return members.has(memberId) ? undefined : ERROR_CODE.UNKNOWN_MEMBER_ID
}

/** The decision, and the error that the member is told. */
export function heartbeat(
  group: ClassicGroup,
  settings: ClassicGroupSettings,
  { memberId, groupInstanceId, generationId }: ApiRequest<'Heartbeat'>,
  facts: Facts,
): { readonly decision: GroupStateDecision; readonly errorCode: number } {
  const problem = memberError(group, memberId, groupInstanceId)
  if (problem !== undefined) return { decision: {}, errorCode: problem }
  if (generationId !== group.generationId) return { decision: {}, errorCode: ERROR_CODE.ILLEGAL_GENERATION }
  const draft = new ClassicDraft(group, settings, facts)
  extendSession(draft, group.members.get(memberId)!)
  const errorCode = group.state === 'PreparingRebalance' ? ERROR_CODE.REBALANCE_IN_PROGRESS : ERROR_CODE.NONE
  return { decision: draft.decision(), errorCode }
}

type SyncRequest = ApiRequest<'SyncGroup'>

/** Answered when the leader's assignment is written; the leader's own SyncGroup brings it. */
export function syncClassicGroup(group: ClassicGroup, settings: ClassicGroupSettings, request: SyncRequest): GroupOperation<SyncResponse> {
  return (_, facts, ticket) => {
    const problem = syncError(group, request)
    if (problem !== undefined) return { answers: [answer(ticket, syncRefusal(problem))] }
    const draft = new ClassicDraft(group, settings, facts)
    const member = group.members.get(request.memberId)!
    noteSynced(draft, member.memberId)
    if (group.state === 'Stable') draft.answer(ticket, assignmentFor(group, member))
    else {
      draft.putMember({ ...member, syncing: ticket })
      if (group.leaderId === member.memberId) becomeStable(draft, request.assignments)
    }
    return draft.decision()
  }
}

function syncError(group: ClassicGroup, request: SyncRequest): number | undefined {
  const problem = memberError(group, request.memberId, request.groupInstanceId)
  if (problem !== undefined) return problem
  if (request.generationId !== group.generationId) return ERROR_CODE.ILLEGAL_GENERATION
  const differs = (asked: string | null, chosen: string | null): boolean => asked !== null && chosen !== null && asked !== chosen
  if (differs(request.protocolType, group.protocolType) || differs(request.protocolName, group.protocolName)) {
    return ERROR_CODE.INCONSISTENT_GROUP_PROTOCOL
  }
  return group.state === 'PreparingRebalance' ? ERROR_CODE.REBALANCE_IN_PROGRESS : undefined
}

function noteSynced(draft: ClassicDraft, memberId: string): void {
  const pendingSyncs = new Set(draft.group.pendingSyncs)
  if (!pendingSyncs.delete(memberId)) return
  draft.set({ pendingSyncs })
  if (pendingSyncs.size === 0) draft.cancelTimer('sync')
}

function becomeStable(draft: ClassicDraft, assignments: SyncRequest['assignments']): void {
  const byMember = new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment]))
  draft.mapMembers((member) => ({ ...member, assignment: byMember.get(member.memberId) ?? NO_BYTES }))
  draft.transition('Stable')
  const { group } = draft
  answerSyncs(draft, (member) => assignmentFor(group, member))
  draft.write()
}

function assignmentFor({ protocolType, protocolName }: ClassicGroup, { assignment }: ClassicMember): SyncResponse {
  return { errorCode: ERROR_CODE.NONE, protocolType, protocolName, assignment }
}

type Leaver = ApiRequest<'LeaveGroup'>['members'][number]
type LeaveResults = NonNullable<ApiResponseToSend<'LeaveGroup'>['members']>

/** Takes members out; an administrator names static ones by their instance alone. */
export function leave(
  group: ClassicGroup,
  settings: ClassicGroupSettings,
  leavers: readonly Leaver[],
  facts: Facts,
): { readonly decision: GroupStateDecision; readonly results: LeaveResults } {
  const draft = new ClassicDraft(group, settings, facts)
  const results = leavers.map(({ memberId, groupInstanceId }) => ({
    memberId,
    groupInstanceId,
    errorCode: takeOut(draft, memberId, groupInstanceId),
  }))
  if (results.some(({ errorCode }) => errorCode === ERROR_CODE.NONE)) afterLeaving(draft)
  return { decision: draft.decision(), results }
}

function takeOut(draft: ClassicDraft, memberId: string, instanceId: string | null): number {
  const { staticMembers, pendingJoins } = draft.group
  const isNamedByInstance = memberId === ''
  const named = isNamedByInstance && instanceId !== null ? staticMembers.get(instanceId) : memberId
  if (named === undefined) return ERROR_CODE.UNKNOWN_MEMBER_ID
  const problem = isNamedByInstance || pendingJoins.has(named) ? undefined : memberError(draft.group, named, instanceId)
  if (problem !== undefined) return problem
  if (!draft.group.members.has(named) && !pendingJoins.has(named)) return ERROR_CODE.UNKNOWN_MEMBER_ID
  draft.removeMember(named)
  return ERROR_CODE.NONE
}
