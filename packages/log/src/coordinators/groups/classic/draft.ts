/**
 * A classic group while something is decided about it, and the decision that comes of it.
 *
 * 1. The group it begins with is not changed; the decision puts another in its place, and only where something changed.
 * 2. Whoever leaves the group, or is replaced, and still waits for an answer gets one.
 * 3. The group is written once, as it is at the end of the decision.
 */
import assert from 'node:assert'
import { ERROR_CODE } from '../../../protocol/index.ts'
import { answer, type Answer, type Facts, type Ticket, type TimerChange } from '../../framework/index.ts'
import type { GroupOperation, GroupRecord, GroupState, GroupStateDecision } from '../group-store.ts'
import {
  groupRecord,
  NO_BYTES,
  VALID_PREVIOUS_STATES,
  type ClassicGroup,
  type ClassicMember,
  type ClassicState,
  type JoinResponse,
  type SyncResponse,
} from './classic-group.ts'
import type { ClassicGroupSettings } from './settings.ts'

/** What a group waits for: everyone to join, everyone to sync; a member's session. */
type GroupTimer = 'join' | 'sync'

export class ClassicDraft {
  #group: ClassicGroup
  #isChanged = false
  #isToWrite = false
  readonly settings: ClassicGroupSettings
  readonly facts: Facts
  readonly #before: readonly GroupRecord[]
  readonly #answers: Answer[] = []
  readonly #timers: TimerChange<GroupState, GroupRecord>[] = []

  /** @param before records that go ahead of the group's own */
  constructor(group: ClassicGroup, settings: ClassicGroupSettings, facts: Facts, before: readonly GroupRecord[] = []) {
    this.#group = group
    this.settings = settings
    this.facts = facts
    this.#before = before
  }

  get group(): ClassicGroup {
    return this.#group
  }

  isIn(...states: readonly ClassicState[]): boolean {
    return states.includes(this.#group.state)
  }

  set(change: Partial<ClassicGroup>): void {
    this.#group = { ...this.#group, ...change }
    this.#isChanged = true
  }

  transition(state: ClassicState): void {
    const { state: from } = this.#group
    assert.ok(VALID_PREVIOUS_STATES[state].includes(from), `a classic group does not go from ${from} to ${state}`)
    this.set({ state, previousState: from, stateTimestampMs: this.facts.nowMs })
  }

  /** Writes the group as it will be. */
  write(): void {
    this.#isToWrite = true
  }

  member(memberId: string): ClassicMember | undefined {
    return this.#group.members.get(memberId)
  }

  /** Adds the member, or puts it in the place it has; a request of it that waited for an answer is answered when another takes its place. */
  putMember(member: ClassicMember): void {
    const before = this.member(member.memberId)
    if (before?.joining !== undefined && member.joining !== undefined && before.joining !== member.joining) {
      this.answer(before.joining, joinRefusal(member.memberId, ERROR_CODE.REBALANCE_IN_PROGRESS))
    }
    if (before?.syncing !== undefined && member.syncing !== undefined && before.syncing !== member.syncing) {
      this.answer(before.syncing, syncRefusal(ERROR_CODE.REBALANCE_IN_PROGRESS))
    }
    const { members, staticMembers, pendingJoins, leaderId } = this.#group
    this.set({
      members: new Map(members).set(member.memberId, member),
      staticMembers: member.instanceId === null ? staticMembers : new Map(staticMembers).set(member.instanceId, member.memberId),
      pendingJoins: without(pendingJoins, member.memberId),
      leaderId: leaderId ?? member.memberId,
    })
  }

  /** Puts what `change` makes of each member in its place. */
  mapMembers(change: (member: ClassicMember) => ClassicMember): void {
    this.set({ members: new Map([...this.#group.members].map(([id, member]) => [id, change(member)])) })
  }

  /** Takes out a member, or an id that was waited for. Whatever it waits for is answered with the error. */
  removeMember(memberId: string, errorCode: number = ERROR_CODE.UNKNOWN_MEMBER_ID): void {
    const member = this.member(memberId)
    const { members, staticMembers, pendingJoins, pendingSyncs, leaderId } = this.#group
    this.cancelSession(memberId)
    if (member?.joining !== undefined) this.answer(member.joining, joinRefusal('', errorCode))
    if (member?.syncing !== undefined) this.answer(member.syncing, syncRefusal(errorCode))
    const left = new Map(members)
    left.delete(memberId)
    this.set({
      members: left,
      staticMembers: withoutKey(staticMembers, member?.instanceId),
      pendingJoins: without(pendingJoins, memberId),
      pendingSyncs: without(pendingSyncs, memberId),
      leaderId: leaderId === memberId ? (left.keys().next().value ?? null) : leaderId,
    })
  }

  /** Gives a member, in its place among the others, another id. */
  renameMember(oldId: string, newId: string): ClassicMember {
    const old = this.member(oldId)!
    const { members, staticMembers, leaderId, pendingSyncs } = this.#group
    this.cancelSession(oldId)
    if (old.joining !== undefined) this.answer(old.joining, joinRefusal(oldId, ERROR_CODE.FENCED_INSTANCE_ID))
    if (old.syncing !== undefined) this.answer(old.syncing, syncRefusal(ERROR_CODE.FENCED_INSTANCE_ID))
    const renamed: ClassicMember = { ...old, memberId: newId, joining: undefined, syncing: undefined }
    this.set({
      members: new Map([...members].map(([id, member]) => (id === oldId ? [newId, renamed] : [id, member]))),
      staticMembers: old.instanceId === null ? staticMembers : new Map(staticMembers).set(old.instanceId, newId),
      pendingSyncs: pendingSyncs.has(oldId) ? without(pendingSyncs, oldId).union(new Set([newId])) : pendingSyncs,
      leaderId: leaderId === oldId ? newId : leaderId,
    })
    return renamed
  }

  answer<T>(ticket: Ticket<T>, reply: T): void {
    this.#answers.push(answer(ticket, reply))
  }

  setTimer(timer: GroupTimer, delayMs: number, operation: GroupOperation<void>): void {
    this.#timers.push({ key: groupTimerKey(timer, this.#group.groupId), delayMs, operation })
  }

  cancelTimer(timer: GroupTimer): void {
    this.#timers.push({ key: groupTimerKey(timer, this.#group.groupId), delayMs: undefined })
  }

  setSession(memberId: string, delayMs: number, operation: GroupOperation<void>): void {
    this.#timers.push({ key: sessionKey(this.#group.groupId, memberId), delayMs, operation })
  }

  cancelSession(memberId: string): void {
    this.#timers.push({ key: sessionKey(this.#group.groupId, memberId), delayMs: undefined })
  }

  decision(): GroupStateDecision {
    const group = this.#group
    return {
      records: this.#isToWrite ? [...this.#before, groupRecord(group)] : this.#isChanged ? this.#before : [],
      ...(this.#isChanged ? { remember: (state: GroupState) => void state.groups.set(group.groupId, group) } : {}),
      answers: this.#answers,
      timers: this.#timers,
    }
  }
}

export function joinRefusal(memberId: string, errorCode: number): JoinResponse {
  return { errorCode, memberId, generationId: -1, protocolName: null, leader: '', members: [] }
}

export function syncRefusal(errorCode: number): SyncResponse {
  return { errorCode, assignment: NO_BYTES }
}

function groupTimerKey(timer: GroupTimer, groupId: string): string {
  return `classic ${timer} ${groupId}`
}

/** The length keeps two pairs of ids that read alike apart. */
export function sessionKey(groupId: string, memberId: string): string {
  return `classic session ${groupId.length} ${groupId} ${memberId}`
}

function without<T>(set: ReadonlySet<T>, value: T): ReadonlySet<T> {
  if (!set.has(value)) return set
  const rest = new Set(set)
  rest.delete(value)
  return rest
}

function withoutKey<K, V>(map: ReadonlyMap<K, V>, key: K | null | undefined): ReadonlyMap<K, V> {
  if (key === null || key === undefined) return map
  const rest = new Map(map)
  rest.delete(key)
  return rest
}
