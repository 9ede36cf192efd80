/** CreatePartitions 0 to 3, one topic after the other. */
import { isTopicProblem } from '../../../controller/index.ts'
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import { countsOf, distinct } from '../distinct.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { topicProblemCode } from './topic-problem.ts'

type Wanted = ApiRequest<'CreatePartitions'>['topics'][number]
type Result = ApiResponseToSend<'CreatePartitions'>['results'][number]

export const createPartitions: ApiHandler<'CreatePartitions'> = {
  name: 'CreatePartitions',
  async handle({ topics, validateOnly }, context) {
    const counts = countsOf(topics, ({ name }) => name)
    const results: Result[] = []
    for (const wanted of distinct(topics, ({ name }) => name)) {
      if (counts.get(wanted.name)! > 1) results.push(refused(wanted.name, ERROR_CODE.INVALID_REQUEST, 'Duplicate topic name.'))
      else results.push(await create(wanted, context, validateOnly))
    }
    return { throttleTimeMs: 0, results }
  },
}

async function create({ name, count, assignments }: Wanted, context: RequestContext, validateOnly: boolean): Promise<Result> {
  const { controller } = context.broker.cluster
  if (!context.allows('Alter', 'Topic', name)) return refused(name, ERROR_CODE.TOPIC_AUTHORIZATION_FAILED, 'Authorization failed.')
  const topic = controller.topics.get(name)
  if (topic === undefined) return refused(name, ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION, `Topic '${name}' does not exist.`)
  const placements = assignments?.map(({ brokerIds }) => brokerIds)
  try {
    const planned = controller.planMorePartitions(topic, count, placements)
    if (isTopicProblem(planned)) return refused(name, topicProblemCode(planned.kind), planned.problem)
    if (!context.takeMutations(planned.length))
      return refused(name, ERROR_CODE.THROTTLING_QUOTA_EXCEEDED, 'The throttling quota has been exceeded.')
    if (validateOnly) return { name, errorCode: ERROR_CODE.NONE }
    const grown = await controller.createPartitions(name, count, placements)
    return isTopicProblem(grown) ? refused(name, topicProblemCode(grown.kind), grown.problem) : { name, errorCode: ERROR_CODE.NONE }
  } catch (error) {
    return refused(name, errorCodeOf(error), 'The partitions could not be stored')
  }
}

function refused(name: string, errorCode: number, errorMessage: string): Result {
  return { name, errorCode, errorMessage }
}
