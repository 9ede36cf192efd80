/** OffsetDelete 0: offsets of topics that the group is not subscribed to. */
import { ERROR_CODE, type ApiRequest } from '../../../protocol/index.ts'
import { deleteOffsets, type DeletedOffsets } from '../../../coordinators/offsets/delete.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { groupErrorCode } from './group-error.ts'

type WantedTopic = ApiRequest<'OffsetDelete'>['topics'][number]

export const offsetDelete: ApiHandler<'OffsetDelete'> = {
  name: 'OffsetDelete',
  async handle({ groupId, topics }, context) {
    if (!context.allows('Delete', 'Group', groupId)) return { errorCode: ERROR_CODE.GROUP_AUTHORIZATION_FAILED, topics: [] }
    if (groupId === '') return { errorCode: ERROR_CODE.INVALID_GROUP_ID, topics: [] }
    const found = topics.map((topic) => ({ topic, problem: problemOf(topic, context) }))
    const allowed = found.filter(({ problem }) => problem === undefined)
    const { errorCode, codes } = await remove(
      groupId,
      allowed.map(({ topic }) => topic),
      context,
    )
    if (errorCode !== ERROR_CODE.NONE) return { errorCode, topics: [] }
    let next = 0
    return {
      errorCode,
      topics: found.map(({ topic: { name, partitions }, problem }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: problem ?? codes[next++]! })),
      })),
    }
  },
}

function problemOf({ name }: WantedTopic, { broker, allows }: RequestContext): number | undefined {
  if (!allows('Read', 'Topic', name)) return ERROR_CODE.TOPIC_AUTHORIZATION_FAILED
  return broker.topics.named(name) === undefined ? ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION : undefined
}

async function remove(groupId: string, topics: readonly WantedTopic[], { broker }: RequestContext): Promise<DeletedOffsets> {
  const wanted = topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex })),
  )
  try {
    return await broker.groups.coordinator.submit(groupId, deleteOffsets(groupId, wanted))
  } catch (error) {
    return { errorCode: groupErrorCode(error), codes: [] }
  }
}
