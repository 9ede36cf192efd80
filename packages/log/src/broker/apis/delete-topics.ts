/** DeleteTopics 1 to 6: by name, from version 6 also by id. */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../protocol/index.ts'
import { errorCodeOf } from '../error-code-of.ts'
import type { ApiHandler, BrokerFacts } from '../handler.ts'

type Wanted = ApiRequest<'DeleteTopics'>['topics'][number]
type Result = ApiResponseToSend<'DeleteTopics'>['responses'][number]

const NO_ID = new Uint8Array(16)

export const deleteTopics: ApiHandler<'DeleteTopics'> = {
  name: 'DeleteTopics',
  async handle({ topics, topicNames }, { broker, version }) {
    const wanted = version >= 6 ? topics : topicNames.map((name) => ({ name, topicId: NO_ID }))
    const responses: Result[] = []
    for (const each of wanted) responses.push(await remove(each, broker))
    return { responses }
  },
}

async function remove({ name, topicId }: Wanted, { topics }: BrokerFacts): Promise<Result> {
  if (name !== null && topicId.some((byte) => byte !== 0)) {
    return { name, topicId, errorCode: ERROR_CODE.INVALID_REQUEST, errorMessage: 'A topic is named either by its name or by its id' }
  }
  const missing = name === null ? ERROR_CODE.UNKNOWN_TOPIC_ID : ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION
  const topic = name === null ? topics.withId(topicId) : topics.named(name)
  if (topic === undefined) return { name, topicId, errorCode: missing }
  const found = { name: topic.name, topicId: topic.id }
  try {
    return { ...found, errorCode: (await topics.delete(topic)) ? ERROR_CODE.NONE : missing }
  } catch (error) {
    return { ...found, errorCode: errorCodeOf(error), errorMessage: 'The deletion could not be stored' }
  }
}
