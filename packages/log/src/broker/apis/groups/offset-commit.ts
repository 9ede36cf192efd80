/** OffsetCommit 2 to 10; by topic ids from version 10 on. */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import type { OffsetToCommit } from '../../../coordinators/offsets/commit.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { commitErrorCode } from './group-error.ts'

type Request = ApiRequest<'OffsetCommit'>
type WantedTopic = Request['topics'][number]
type Result = ApiResponseToSend<'OffsetCommit'>['topics'][number]

const TOPIC_ID_SINCE_VERSION = 10
const NO_ID = new Uint8Array(16)

export const offsetCommit: ApiHandler<'OffsetCommit'> = {
  name: 'OffsetCommit',
  async handle(request, context) {
    if (!context.allows('Read', 'Group', request.groupId)) return refused(request, ERROR_CODE.GROUP_AUTHORIZATION_FAILED)
    const topics = request.topics.map((wanted) => ({ wanted, found: find(wanted, context) }))
    const offsets = topics.flatMap(({ wanted, found }) =>
      wanted.partitions.flatMap((partition) =>
        found.errorOf(partition.partitionIndex) === ERROR_CODE.NONE ? [toCommit(found, partition)] : [],
      ),
    )
    const codes = await commit(request, offsets, context)
    let next = 0
    const codeOf = (found: Found, partition: number): number => {
      const errorCode = found.errorOf(partition)
      return errorCode === ERROR_CODE.NONE ? codes[next++]! : errorCode
    }
    return { topics: topics.map(({ wanted, found }) => result(wanted, (partition) => codeOf(found, partition))) }
  },
}

interface Found {
  readonly name: string
  readonly topicId: Uint8Array
  errorOf(partition: number): number
}

function find({ name, topicId }: WantedTopic, { broker: { topics }, allows, version }: RequestContext): Found {
  const byId = version >= TOPIC_ID_SINCE_VERSION
  const topic = byId ? topics.withId(topicId) : topics.named(name)
  const known = topic?.name ?? name
  const refused = (errorCode: number): Found => ({ name: known, topicId, errorOf: () => errorCode })
  if (byId && topic === undefined) return refused(ERROR_CODE.UNKNOWN_TOPIC_ID)
  if (!allows('Read', 'Topic', known)) return refused(ERROR_CODE.TOPIC_AUTHORIZATION_FAILED)
  const count = topic?.partitionCount ?? 0
  const isThere = (partition: number): boolean => partition >= 0 && partition < count
  return {
    name: known,
    // As Kafka: a client that does not know the id cannot mean it.
    topicId: byId ? topicId : NO_ID,
    errorOf: (partition) => (isThere(partition) ? ERROR_CODE.NONE : ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION),
  }
}

function toCommit({ name: topic, topicId }: Found, partition: WantedTopic['partitions'][number]): OffsetToCommit {
  const { partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata } = partition
  return {
    topic,
    topicId,
    partition: partitionIndex,
    offset: committedOffset,
    leaderEpoch: committedLeaderEpoch,
    metadata: committedMetadata,
  }
}

async function commit(
  { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch, retentionTimeMs }: Request,
  offsets: readonly OffsetToCommit[],
  { broker, version }: RequestContext,
): Promise<readonly number[]> {
  if (offsets.length === 0) return []
  const who = { memberId, instanceId: groupInstanceId, generationOrEpoch: generationIdOrMemberEpoch }
  try {
    return await broker.groups.coordinator.commit({ groupId, ...who, retentionTimeMs, version, offsets })
  } catch (error) {
    const errorCode = commitErrorCode(error)
    return offsets.map(() => errorCode)
  }
}

function refused({ topics }: Request, errorCode: number): { topics: Result[] } {
  return { topics: topics.map((wanted) => result(wanted, () => errorCode)) }
}

function result({ name, topicId, partitions }: WantedTopic, codeOf: (partition: number) => number): Result {
  return { name, topicId, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: codeOf(partitionIndex) })) }
}
