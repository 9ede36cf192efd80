/**
 * Offsets and groups that nobody has used for longer than they are kept.
 *
 * 1. An offset of a topic that its group is subscribed to, or that an open transaction may change, does not expire.
 * 2. A group goes with its last offset, once it has no members and nobody is about to join.
 */
import type { Facts } from '../framework/index.ts'
import { hasNoMembers, retentionStart, subscriptionOf, tombstonesOf } from '../groups/group-questions.ts'
import {
  isClassicGroup,
  type Group,
  type GroupOperation,
  type GroupRecord,
  type GroupState,
  type GroupStateDecision,
} from '../groups/group-store.ts'
import { firstTombstones, offsetTombstone } from './offset-records.ts'
import type { OffsetSettings } from './settings.ts'

/** Tombstones of one decision: the rest goes with the next, at once. */
const TOMBSTONES_MAX = 1000
const TIMER = 'offset expiry'

/** Looks now, and again after each check interval. */
function expireOffsets(settings: OffsetSettings): GroupOperation<void> {
  const look: GroupOperation<void> = (state, facts) => {
    const records: GroupRecord[] = []
    for (const group of state.groups.values()) {
      records.push(...expired(state, group, settings, facts))
      if (records.length > TOMBSTONES_MAX) break
    }
    const first = firstTombstones(records, TOMBSTONES_MAX)
    const delayMs = first.length < records.length ? 0 : settings.retentionCheckIntervalMs
    return { records: first, timers: [{ key: TIMER, delayMs, operation: look }] }
  }
  return look
}

/** Arms the first look after a load. */
export function scheduleExpiry(settings: OffsetSettings): GroupStateDecision {
  return { timers: [{ key: TIMER, delayMs: settings.retentionCheckIntervalMs, operation: expireOffsets(settings) }] }
}

function expired({ offsets }: GroupState, group: Group, { retentionMs }: OffsetSettings, { nowMs }: Facts): GroupRecord[] {
  const { groupId } = group
  const start = retentionStart(group)
  const isSubscribed = subscriptionOf(group)
  const records: GroupRecord[] = []
  let isLeft = offsets.hasPending(groupId)
  for (const [topic, partitions] of offsets.ofGroup(groupId)) {
    for (const [partition, offset] of partitions) {
      const isOver =
        offset.expireTimestampMs === -1 ? start !== undefined && nowMs - start(offset) >= retentionMs : nowMs >= offset.expireTimestampMs
      const isKept = start === undefined || !isOver || isSubscribed(topic) || offsets.isPending(groupId, topic, partition)
      if (isKept) isLeft = true
      else records.push(offsetTombstone(groupId, topic, partition))
    }
  }
  const isUnused = hasNoMembers(group) && (!isClassicGroup(group) || group.pendingJoins.size === 0)
  return isLeft || !isUnused ? records : [...records, ...tombstonesOf(group)]
}
