/** DeleteTopics 1 to 6: by name, from version 6 also by id. */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import { countsOf, distinct } from '../distinct.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'

type Wanted = ApiRequest<'DeleteTopics'>['topics'][number]
type Result = ApiResponseToSend<'DeleteTopics'>['responses'][number]

const NO_ID = new Uint8Array(16)
/** Before it a client does not know TOPIC_DELETION_DISABLED. */
const DISABLED_SINCE_VERSION = 3

export const deleteTopics: ApiHandler<'DeleteTopics'> = {
  name: 'DeleteTopics',
  async handle({ topics, topicNames }, context) {
    const { version, broker } = context
    const wanted = version >= 6 ? topics : topicNames.map((name) => ({ name, topicId: NO_ID }))
    if (!broker.config.get('delete.topic.enable')) {
      const errorCode = version >= DISABLED_SINCE_VERSION ? ERROR_CODE.TOPIC_DELETION_DISABLED : ERROR_CODE.INVALID_REQUEST
      return { responses: wanted.map(({ name, topicId }) => ({ name, topicId, errorCode })) }
    }
    const counts = countsOf(wanted, keyOf)
    const responses: Result[] = []
    for (const each of distinct(wanted, keyOf)) {
      if (counts.get(keyOf(each))! > 1) {
        responses.push({ ...each, errorCode: ERROR_CODE.INVALID_REQUEST, errorMessage: 'The topic is named more than once.' })
      } else responses.push(await remove(each, context))
    }
    return { responses }
  },
}

function keyOf({ name, topicId }: Wanted): string {
  return name ?? `/${Buffer.from(topicId).toString('hex')}`
}

async function remove({ name, topicId }: Wanted, { broker, allows, takeMutations }: RequestContext): Promise<Result> {
  const { topics, cluster } = broker
  const isById = topicId.some((byte) => byte !== 0)
  if (name !== null && isById) {
    return { name, topicId, errorCode: ERROR_CODE.INVALID_REQUEST, errorMessage: 'You may not specify both topic name and topic id.' }
  }
  if (name === null && !isById) {
    return { name, topicId, errorCode: ERROR_CODE.INVALID_REQUEST, errorMessage: 'Neither topic name nor id were specified.' }
  }
  const topic = name === null ? topics.withId(topicId) : topics.named(name)
  const shown = topic?.name ?? name
  if (shown !== null && !allows('Delete', 'Topic', shown)) {
    const isSeen = allows('Describe', 'Topic', shown)
    return { name: isById && !isSeen ? null : shown, topicId, errorCode: ERROR_CODE.TOPIC_AUTHORIZATION_FAILED }
  }
  const missing = isById ? ERROR_CODE.UNKNOWN_TOPIC_ID : ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION
  if (topic === undefined) return { name, topicId, errorCode: missing }
  const found = { name: topic.name, topicId: topic.id }
  if (!takeMutations(topic.partitionCount)) return { ...found, errorCode: ERROR_CODE.THROTTLING_QUOTA_EXCEEDED }
  try {
    return { ...found, errorCode: (await cluster.controller.delete(topic.idText)) ? ERROR_CODE.NONE : missing }
  } catch (error) {
    return { ...found, errorCode: errorCodeOf(error), errorMessage: 'The deletion could not be stored' }
  }
}
