/**
 * All groups of one partition of `__consumer_offsets`, and their offsets.
 *
 * One id is one group, classic or consumer (KIP-848), never both: what is converted is written as the tombstones of the one and the records of the
 * other in one batch. Whatever is decided about a group is an operation over this state, see `coordinators/framework`.
 *
 * 1. Classic groups are values: to change one is to put another in its place (`remember`, or its record). Consumer groups change by their records alone.
 * 2. An offset makes its group: one without members is a classic group without a protocol type, until it has some.
 */
import { recordFormat, type Decision, type Operation, type RecordFormat, type RecordOf, type RecordOrigin } from '../framework/index.ts'
import { OFFSET_RECORDS, offsetValueVersion } from '../offsets/offset-records.ts'
import { Offsets } from '../offsets/offsets.ts'
import { emptyClassicGroup, groupOfRecord, type ClassicGroup } from './classic/classic-group.ts'
import { CLASSIC_GROUP_RECORDS } from './classic/records.ts'
import { ConsumerGroup } from './consumer/consumer-group.ts'
import { CONSUMER_GROUP_RECORDS, type ConsumerGroupRecord } from './consumer/records.ts'

export type Group = ClassicGroup | ConsumerGroup

export interface GroupState {
  readonly groups: Map<string, Group>
  readonly offsets: Offsets
}

const GROUP_RECORDS = { ...OFFSET_RECORDS, ...CLASSIC_GROUP_RECORDS, ...CONSUMER_GROUP_RECORDS } as const

export type GroupRecord = RecordOf<typeof GROUP_RECORDS>

/** A decision about groups, and what makes one. */
export type GroupStateDecision = Decision<GroupState, GroupRecord>
export type GroupOperation<T> = Operation<GroupState, GroupRecord, T>

export const groupRecordFormat: RecordFormat<GroupRecord> = recordFormat(GROUP_RECORDS, {
  versionOf: { offsetCommit: offsetValueVersion },
})

export function isConsumerGroup(group: Group | undefined): group is ConsumerGroup {
  return group instanceof ConsumerGroup
}

export function isClassicGroup(group: Group | undefined): group is ClassicGroup {
  return group !== undefined && !isConsumerGroup(group)
}

export function newGroupState(): GroupState {
  return { groups: new Map(), offsets: new Offsets() }
}

export function applyGroupRecord(state: GroupState, record: GroupRecord, origin: RecordOrigin): void {
  const { groups, offsets } = state
  const { groupId } = record.key
  if (record.name === 'offsetCommit' || record.name === 'legacyOffsetCommit') {
    if (record.value !== null && !groups.has(groupId)) groups.set(groupId, emptyClassicGroup(groupId, origin.timestampMs))
    offsets.apply(record, origin)
  } else if (record.name === 'groupMetadata') {
    if (record.value !== null) groups.set(groupId, groupOfRecord(groupId, record.value))
    else if (isClassicGroup(groups.get(groupId))) groups.delete(groupId)
  } else applyConsumerRecord(state, record)
}

/** A record that says something makes its group, where a tombstone was compacted away or comes later; the group's own tombstone ends it. */
function applyConsumerRecord({ groups }: GroupState, record: ConsumerGroupRecord): void {
  const { groupId } = record.key
  const known = groups.get(groupId)
  const group = isConsumerGroup(known) ? known : record.value === null ? undefined : new ConsumerGroup(groupId)
  if (group === undefined) return
  groups.set(groupId, group)
  group.apply(record)
  if (record.name === 'consumerGroupMetadata' && record.value === null) groups.delete(groupId)
}
