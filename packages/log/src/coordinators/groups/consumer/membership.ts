/** How decisions about a consumer group become those of the store that all groups are in: timers of members, and members that are out. */
import type { Facts, TimerChange } from '../../framework/index.ts'
import { isConsumerGroup, type GroupOperation, type GroupRecord, type GroupState, type GroupStateDecision } from '../group-store.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { downgrade, isToDowngrade } from './conversion.ts'
import { cancelAllTimers, type MemberTimer, type MemberTimerKind } from './decision.ts'
import { GroupDraft } from './draft.ts'
import { factsFor, type ConsumerGroupEnvironment } from './environment.ts'
import { MEMBER_STATE, type ConsumerMember } from './member.ts'
import { removeMembers } from './rebalance.ts'
import { memberTombstones } from './records.ts'

type Timer = TimerChange<GroupState, GroupRecord>

/** What a decision about one group changes beside its records. */
export function consequences(
  group: ConsumerGroup,
  timers: readonly MemberTimer[],
  environment: ConsumerGroupEnvironment,
): Pick<GroupStateDecision, 'timers' | 'remember'> {
  const { groupId } = group
  const joins = timers.filter((timer) => ('set' in timer ? timer.set : timer.cancel) === 'join')
  return {
    timers: timers.flatMap((timer) => timerChange(group, timer, environment)),
    ...(joins.length === 0 ? {} : { remember: (state: GroupState) => rememberJoins(state, groupId, joins) }),
  }
}

function rememberJoins({ groups }: GroupState, groupId: string, joins: readonly MemberTimer[]): void {
  const group = groups.get(groupId)
  if (!isConsumerGroup(group)) return
  for (const timer of joins) {
    if ('set' in timer) group.awaitedJoins.add(timer.memberId)
    else group.awaitedJoins.delete(timer.memberId)
  }
}

function timerChange(group: ConsumerGroup, timer: MemberTimer, environment: ConsumerGroupEnvironment): Timer[] {
  const { groupId } = group
  const { memberId } = timer
  if ('cancel' in timer) return [{ key: timerKey(timer.cancel, groupId, memberId), delayMs: undefined }]
  // It counts from the first time that the member was told.
  if (timer.set === 'join' && group.awaitedJoins.has(memberId)) return []
  const isStill = timer.set === 'rebalance' ? revokesSince(timer.memberEpoch) : () => true
  const operation = expire(groupId, memberId, isStill, environment)
  return [{ key: timerKey(timer.set, groupId, memberId), delayMs: timer.delayMs, operation }]
}

/** The length keeps two pairs of ids that read alike apart. */
function timerKey(kind: MemberTimerKind, groupId: string, memberId: string): string {
  return `consumer ${kind} ${groupId.length} ${groupId} ${memberId}`
}

function revokesSince(memberEpoch: number): (member: ConsumerMember) => boolean {
  return (member) => member.memberEpoch === memberEpoch && member.state === MEMBER_STATE.unrevoked
}

function expire(
  groupId: string,
  memberId: string,
  isStill: (member: ConsumerMember) => boolean,
  environment: ConsumerGroupEnvironment,
): GroupOperation<void> {
  return ({ groups }, facts) => {
    const group = groups.get(groupId)
    const member = isConsumerGroup(group) ? group.members.get(memberId) : undefined
    if (!isConsumerGroup(group) || member === undefined || !isStill(member)) return {}
    return dismiss(group, [memberId], environment, facts)
  }
}

/** Takes members out of the group, which becomes a classic one where only such members are left. */
export function dismiss(
  group: ConsumerGroup,
  memberIds: readonly string[],
  environment: ConsumerGroupEnvironment,
  facts: Facts,
): GroupStateDecision {
  if (memberIds.length === 0) return {}
  const draft = new GroupDraft(group)
  if (!isToDowngrade(group, new Set(memberIds), environment)) {
    const timers = removeMembers(draft, memberIds, factsFor(environment, group.groupId, facts))
    return { records: draft.records, ...consequences(group, timers, environment) }
  }
  for (const memberId of memberIds) draft.add(...memberTombstones(group.groupId, memberId))
  const decision = downgrade({ group: draft.group, before: draft.records, rebalances: true }, environment, facts)
  const { timers = [] } = decision
  return { ...decision, timers: [...timersOfAll(group, environment), ...timers] }
}

/** What ends all timers of a group that is one no longer. */
export function timersOfAll(group: ConsumerGroup, environment: ConsumerGroupEnvironment): Timer[] {
  return [...group.members.keys()].flatMap(cancelAllTimers).flatMap((timer) => timerChange(group, timer, environment))
}

/** The timers that a group read from the log starts with: as if every member had been heard of just now. */
export function timersAfterLoad(group: ConsumerGroup, environment: ConsumerGroupEnvironment): Timer[] {
  const { sessionTimeoutMs } = environment.configOf(group.groupId)
  return [...group.members.values()].flatMap((member) => {
    const { memberId, memberEpoch, classic, state, rebalanceTimeoutMs } = member
    const timers: MemberTimer[] = [{ set: 'session', memberId, delayMs: classic?.sessionTimeoutMs ?? sessionTimeoutMs }]
    if (classic === null && state === MEMBER_STATE.unrevoked)
      timers.push({ set: 'rebalance', memberId, memberEpoch, delayMs: rebalanceTimeoutMs })
    return timers.flatMap((timer) => timerChange(group, timer, environment))
  })
}
