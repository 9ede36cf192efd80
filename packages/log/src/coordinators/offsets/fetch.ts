/** OffsetFetch of one group. */
import { ERROR_CODE } from '../../protocol/index.ts'
import { answer } from '../framework/index.ts'
import { fetchError } from '../groups/group-questions.ts'
import type { GroupOperation } from '../groups/group-store.ts'
import { topicIdText, type CommittedOffset, type Offsets } from './offsets.ts'

export interface OffsetsToFetch {
  readonly groupId: string
  readonly memberId: string | null
  readonly memberEpoch: number
  /** Null for all that the group has. */
  readonly topics: readonly { readonly topic: string; readonly topicId: Uint8Array; readonly partitions: readonly number[] }[] | null
  /** Whether an offset that an open transaction may change is told as unstable. */
  readonly requireStable: boolean
}

export interface FetchedPartition {
  readonly partitionIndex: number
  readonly committedOffset: number
  readonly committedLeaderEpoch: number
  readonly metadata: string
  readonly errorCode: number
}

export interface FetchedOffsets {
  /** Of the group; no topics where it is not NONE. */
  readonly errorCode: number
  /** In the order of the request. */
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly FetchedPartition[] }[]
}

/** A group that does not exist has no offsets. */
export function fetchOffsets(request: OffsetsToFetch): GroupOperation<FetchedOffsets> {
  return ({ groups, offsets }, _, ticket) => {
    const { groupId, memberId, memberEpoch } = request
    const group = groups.get(groupId)
    const problem = group && fetchError(group, memberId, memberEpoch)
    const reply =
      problem === undefined ? { errorCode: ERROR_CODE.NONE, topics: found(offsets, request) } : { errorCode: problem, topics: [] }
    return { answers: [answer(ticket, reply)] }
  }
}

function found(offsets: Offsets, { groupId, topics, requireStable }: OffsetsToFetch): FetchedOffsets['topics'] {
  const all = offsets.ofGroup(groupId)
  const pending = requireStable ? offsets.pendingOf(groupId) : undefined
  const tell = (topic: string, partition: number, topicId: string): FetchedPartition => {
    if (pending?.get(topic)?.has(partition)) return missing(partition, ERROR_CODE.UNSTABLE_OFFSET_COMMIT)
    const offset = all.get(topic)?.get(partition)
    return offset === undefined || isOfOtherTopic(offset, topicId) ? missing(partition, ERROR_CODE.NONE) : told(partition, offset)
  }
  if (topics === null) {
    return [...all].map(([topic, partitions]) => ({
      topic,
      partitions: [...partitions.keys()].map((partition) => tell(topic, partition, '')),
    }))
  }
  return topics.map(({ topic, topicId, partitions }) => ({
    topic,
    partitions: partitions.map((partition) => tell(topic, partition, topicIdText(topicId))),
  }))
}

/** Whether it was committed for a topic of the same name that has been deleted since. */
function isOfOtherTopic({ topicId }: CommittedOffset, wanted: string): boolean {
  return topicId !== '' && wanted !== '' && topicId !== wanted
}

function told(partitionIndex: number, { offset, leaderEpoch, metadata }: CommittedOffset): FetchedPartition {
  return { partitionIndex, committedOffset: offset, committedLeaderEpoch: leaderEpoch, metadata, errorCode: ERROR_CODE.NONE }
}

function missing(partitionIndex: number, errorCode: number): FetchedPartition {
  return { partitionIndex, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode }
}
