/** OffsetDelete, and the offsets of groups and topics that are gone. */
import { ERROR_CODE } from '../../protocol/index.ts'
import { answer } from '../framework/index.ts'
import { deleteError, offsetDeleteError, subscriptionOf, tombstonesOf } from '../groups/group-questions.ts'
import type { GroupOperation, GroupRecord, GroupState } from '../groups/group-store.ts'
import { firstTombstones, offsetTombstone } from './offset-records.ts'
import type { Offsets } from './offsets.ts'

export interface OffsetToDelete {
  readonly topic: string
  readonly partition: number
}

export interface DeletedOffsets {
  /** Of the group; no codes where it is not NONE. */
  readonly errorCode: number
  /** For each offset, in order. */
  readonly codes: readonly number[]
}

export function deleteOffsets(groupId: string, wanted: readonly OffsetToDelete[]): GroupOperation<DeletedOffsets> {
  return ({ groups, offsets }, _, ticket) => {
    const group = groups.get(groupId)
    const problem = group === undefined ? ERROR_CODE.GROUP_ID_NOT_FOUND : offsetDeleteError(group)
    if (problem !== undefined) return { answers: [answer(ticket, { errorCode: problem, codes: [] })] }
    const isSubscribed = subscriptionOf(group!)
    const codes = wanted.map(({ topic }) => (isSubscribed(topic) ? ERROR_CODE.GROUP_SUBSCRIBED_TO_TOPIC : ERROR_CODE.NONE))
    const records = wanted.flatMap(({ topic, partition }, index) =>
      codes[index] === ERROR_CODE.NONE && isKept(offsets, groupId, topic, partition) ? [offsetTombstone(groupId, topic, partition)] : [],
    )
    return { records, answers: [answer(ticket, { errorCode: ERROR_CODE.NONE, codes })] }
  }
}

/**
 * Deletes a group without members: first its offsets, at most `limit` at a time, and with the last of them the group. Replies an error code, or undefined as long as
 * there is more: whoever joins meanwhile keeps the group, without the offsets that are gone.
 */
export function deleteGroup(groupId: string, limit: number): GroupOperation<number | undefined> {
  return (state, _, ticket) => {
    const group = state.groups.get(groupId)
    const problem = group === undefined ? ERROR_CODE.GROUP_ID_NOT_FOUND : deleteError(group)
    if (problem !== undefined) return { answers: [answer(ticket, problem)] }
    const records = [...allOffsetTombstones(state, groupId), ...tombstonesOf(group!)]
    const first = firstTombstones(records, limit)
    return { records: first, answers: [answer(ticket, first.length === records.length ? ERROR_CODE.NONE : undefined)] }
  }
}

/** Tombstones of all that a group has committed, in open transactions too. */
function allOffsetTombstones({ offsets }: GroupState, groupId: string): GroupRecord[] {
  const committed = places(offsets.ofGroup(groupId))
  const onlyPending = places(offsets.pendingOf(groupId)).filter(
    ([topic, partition]) => offsets.get(groupId, topic, partition) === undefined,
  )
  return [...committed, ...onlyPending].map(([topic, partition]) => offsetTombstone(groupId, topic, partition))
}

/** Forgets what groups have committed for a topic that was deleted; no more than `limit` at a time. Replies whether that was all. */
export function deleteOffsetsOfTopic(topic: string, limit: number): GroupOperation<boolean> {
  return ({ offsets }, _, ticket) => {
    const records: GroupRecord[] = []
    for (const groupId of offsets.groupIds()) {
      const partitions = new Set([
        ...(offsets.ofGroup(groupId).get(topic)?.keys() ?? []),
        ...(offsets.pendingOf(groupId).get(topic)?.keys() ?? []),
      ])
      for (const partition of partitions) records.push(offsetTombstone(groupId, topic, partition))
    }
    const first = firstTombstones(records, limit)
    return { records: first, answers: [answer(ticket, first.length === records.length)] }
  }
}

function isKept(offsets: Offsets, groupId: string, topic: string, partition: number): boolean {
  return offsets.get(groupId, topic, partition) !== undefined || offsets.isPending(groupId, topic, partition)
}

function places(byTopic: ReadonlyMap<string, ReadonlyMap<number, unknown>>): [string, number][] {
  return [...byTopic].flatMap(([topic, partitions]) => [...partitions.keys()].map((partition): [string, number] => [topic, partition]))
}
