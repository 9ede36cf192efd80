/** Metadata 0 to 13: the brokers as the listener's clients reach them, and topics. Makes topics that are missing, where both sides allow it. */
import { isInternalTopic, topicNameProblem } from '../../../controller/index.ts'
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'
import type { Topic } from '../../topics/topic.ts'
import { distinct } from '../distinct.ts'
import { describedPartition } from './described-partition.ts'
import { clusterOperations, OPERATIONS_NOT_ASKED, topicOperations } from './authorized-operations.ts'
import { brokersFor } from './brokers.ts'
import { topicProblemCode } from './topic-problem.ts'

type Request = ApiRequest<'Metadata'>
type Wanted = NonNullable<Request['topics']>[number]
type Result = ApiResponseToSend<'Metadata'>['topics'][number]

const NO_ID = new Uint8Array(16)
const BY_ID_SINCE_VERSION = 12

export const metadata: ApiHandler<'Metadata'> = {
  name: 'Metadata',
  async handle(request, context) {
    const { broker, allows } = context
    const topics = await described(request, context)
    const operations = !request.includeClusterAuthorizedOperations
      ? OPERATIONS_NOT_ASKED
      : allows('Describe', 'Cluster', CLUSTER_NAME)
        ? clusterOperations(context)
        : 0
    return {
      brokers: brokersFor(context),
      clusterId: broker.clusterId,
      controllerId: broker.nodeId,
      topics,
      clusterAuthorizedOperations: operations,
    }
  },
}

async function described(request: Request, context: RequestContext): Promise<Result[]> {
  const { topics } = request
  const { broker, version, allows } = context
  if (topics === null || (version === 0 && topics.length === 0)) {
    return [...broker.topics.all()].filter(({ name }) => allows('Describe', 'Topic', name)).map((topic) => found(topic, request, context))
  }
  if (version < BY_ID_SINCE_VERSION && topics.some(({ name, topicId }) => name === null || isId(topicId))) {
    return topics.map(({ name, topicId }) => missing(name ?? '', topicId, ERROR_CODE.INVALID_REQUEST))
  }
  const results: Result[] = []
  for (const wanted of distinct(topics, keyOf)) results.push(await find(wanted, request, context))
  return results
}

function keyOf({ name, topicId }: Wanted): string {
  return name === null || isId(topicId) ? `id ${Buffer.from(topicId).toString('hex')}` : `name ${name}`
}

function isId(topicId: Uint8Array): boolean {
  return topicId.some((byte) => byte !== 0)
}

async function find({ name, topicId }: Wanted, request: Request, context: RequestContext): Promise<Result> {
  const { broker, allows } = context
  if (name === null || isId(topicId)) {
    const topic = broker.topics.withId(topicId)
    if (topic === undefined) return missing(null, topicId, ERROR_CODE.UNKNOWN_TOPIC_ID)
    if (!allows('Describe', 'Topic', topic.name)) return missing(null, topicId, ERROR_CODE.TOPIC_AUTHORIZATION_FAILED)
    return found(topic, request, context)
  }
  if (!allows('Describe', 'Topic', name)) return missing(name, NO_ID, ERROR_CODE.TOPIC_AUTHORIZATION_FAILED)
  const topic = broker.topics.named(name)
  if (topic !== undefined) return found(topic, request, context)
  if (topicNameProblem(name) !== undefined) return missing(name, NO_ID, ERROR_CODE.INVALID_TOPIC_EXCEPTION)
  if (!request.allowAutoTopicCreation || !broker.config.get('auto.create.topics.enable')) {
    return missing(name, NO_ID, ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION)
  }
  if (!allows('Create', 'Cluster', CLUSTER_NAME) && !allows('Create', 'Topic', name)) {
    return missing(name, NO_ID, ERROR_CODE.TOPIC_AUTHORIZATION_FAILED)
  }
  return await create(name, request, context)
}

async function create(name: string, request: Request, context: RequestContext): Promise<Result> {
  try {
    const made = await context.broker.cluster.ensureTopic(name)
    return 'problem' in made ? missing(name, NO_ID, topicProblemCode(made.kind)) : found(made, request, context)
  } catch (error) {
    return missing(name, NO_ID, errorCodeOf(error))
  }
}

function missing(name: string | null, topicId: Uint8Array, errorCode: number): Result {
  return { errorCode, name, topicId, partitions: [] }
}

function found(
  { name, id, registration, partitions }: Topic,
  { includeTopicAuthorizedOperations }: Request,
  context: RequestContext,
): Result {
  return {
    errorCode: ERROR_CODE.NONE,
    name,
    topicId: id,
    isInternal: isInternalTopic(name),
    partitions: registration.partitions.map((partition, index) => describedPartition(partition, index, partitions[index])),
    topicAuthorizedOperations: includeTopicAuthorizedOperations ? topicOperations(context, name) : OPERATIONS_NOT_ASKED,
  }
}
