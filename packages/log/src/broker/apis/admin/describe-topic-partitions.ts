/** DescribeTopicPartitions 0: topics in the order of their names, so many partitions at a time, from where the cursor says. */
import { isInternalTopic } from '../../../controller/index.ts'
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import type { Topic } from '../../topics/topic.ts'
import { describedPartition } from './described-partition.ts'
import { topicOperations } from './authorized-operations.ts'

type Request = ApiRequest<'DescribeTopicPartitions'>
type Response = ApiResponseToSend<'DescribeTopicPartitions'>
type Result = Response['topics'][number]

const NO_ID = new Uint8Array(16)

export const describeTopicPartitions: ApiHandler<'DescribeTopicPartitions'> = {
  name: 'DescribeTopicPartitions',
  handle(request, context) {
    const { cursor } = request
    if (cursor !== null && cursor.partitionIndex < 0) {
      return { topics: request.topics.map(({ name }) => missing(name, ERROR_CODE.INVALID_REQUEST)), nextCursor: null }
    }
    return describe(namesOf(request, context), request, context)
  },
}

function namesOf({ topics, cursor }: Request, { broker, allows }: RequestContext): string[] {
  const names =
    topics.length > 0
      ? [...new Set(topics.map(({ name }) => name))]
      : Array.from(broker.topics.all(), ({ name }) => name).filter((name) => allows('Describe', 'Topic', name))
  return names.filter((name) => cursor === null || name >= cursor.topicName).toSorted()
}

function describe(names: readonly string[], { responsePartitionLimit, cursor }: Request, context: RequestContext): Response {
  const { broker, allows } = context
  let remaining = Math.max(1, Math.min(responsePartitionLimit, broker.config.get('max.request.partition.size.limit')))
  const results: Result[] = []
  for (const name of names) {
    if (remaining === 0) return { topics: results, nextCursor: { topicName: name, partitionIndex: 0 } }
    const topic = broker.topics.named(name)
    if (!allows('Describe', 'Topic', name)) results.push(missing(name, ERROR_CODE.TOPIC_AUTHORIZATION_FAILED))
    else if (topic === undefined) results.push(missing(name, ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION))
    else {
      const from = cursor?.topicName === name ? cursor.partitionIndex : 0
      const to = Math.min(topic.partitionCount, from + remaining)
      results.push(found(topic, from, to, context))
      remaining -= Math.max(0, to - from)
      if (to < topic.partitionCount) return { topics: results, nextCursor: { topicName: name, partitionIndex: to } }
    }
  }
  return { topics: results, nextCursor: null }
}

function found({ name, id, registration, partitions: own }: Topic, from: number, to: number, context: RequestContext): Result {
  const partitions = registration.partitions.slice(from, to).map((partition, index) => ({
    ...describedPartition(partition, from + index, own[from + index]),
    eligibleLeaderReplicas: [],
    lastKnownElr: [],
  }))
  const topicAuthorizedOperations = topicOperations(context, name)
  return { errorCode: ERROR_CODE.NONE, name, topicId: id, isInternal: isInternalTopic(name), partitions, topicAuthorizedOperations }
}

function missing(name: string, errorCode: number): Result {
  return { errorCode, name, topicId: NO_ID, partitions: [] }
}
