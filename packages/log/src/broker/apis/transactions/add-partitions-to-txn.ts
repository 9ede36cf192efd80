/**
 * AddPartitionsToTxn 0 to 5. Up to 3 a client adds partitions to its transaction, all or none; from 4 on brokers ask, for many transactions at
 * a time, and may only want to know.
 */
import { partitionSet } from '../../../coordinators/transactions/index.ts'
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'
import { isInternalTopic } from '../../../controller/index.ts'
import { fencedBefore } from './fenced.ts'

type Asked = ApiRequest<'AddPartitionsToTxn'>['transactions'][number]
type TopicResult = NonNullable<ApiResponseToSend<'AddPartitionsToTxn'>['resultsByTopicV3AndBelow']>[number]
type CodeOf = (topic: string, partition: number) => number

const BATCHED_SINCE_VERSION = 4
const FENCED_SINCE_VERSION = 2

export const addPartitionsToTxn: ApiHandler<'AddPartitionsToTxn'> = {
  name: 'AddPartitionsToTxn',
  async handle(request, context) {
    if (context.version < BATCHED_SINCE_VERSION) {
      const asked: Asked = {
        transactionalId: request.v3AndBelowTransactionalId,
        producerId: request.v3AndBelowProducerId,
        producerEpoch: request.v3AndBelowProducerEpoch,
        verifyOnly: false,
        topics: request.v3AndBelowTopics,
      }
      return { throttleTimeMs: 0, resultsByTopicV3AndBelow: await addOrVerify(asked, context) }
    }
    if (!context.allows('ClusterAction', 'Cluster', CLUSTER_NAME))
      return { throttleTimeMs: 0, errorCode: ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED }
    const results = request.transactions.map(async (asked) => {
      return { transactionalId: asked.transactionalId, topicResults: await addOrVerify(asked, context) }
    })
    return { throttleTimeMs: 0, errorCode: ERROR_CODE.NONE, resultsByTransaction: await Promise.all(results) }
  },
}

async function addOrVerify(asked: Asked, context: RequestContext): Promise<TopicResult[]> {
  const { transactionalId } = asked
  if (context.version < BATCHED_SINCE_VERSION && !context.allows('Write', 'TransactionalId', transactionalId)) {
    return results(asked, () => ERROR_CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
  }
  const problems = problemsOf(asked, context)
  if (problems !== undefined) return results(asked, problems)
  if (transactionalId === '') return results(asked, () => ERROR_CODE.INVALID_REQUEST)
  try {
    return results(asked, await (asked.verifyOnly ? verify(asked, context) : add(asked, context)))
  } catch (error) {
    const errorCode = errorCodeOf(error)
    return results(asked, () => errorCode)
  }
}

/** What is wrong with the partitions, each with its code; undefined if nothing is. Where one is wrong none is added. */
function problemsOf({ topics }: Asked, { version, allows, broker }: RequestContext): CodeOf | undefined {
  const codeOf: CodeOf = (topic, partition) => {
    // From that version on it is brokers that ask; clients never add an internal topic themselves.
    const isAllowed = version >= BATCHED_SINCE_VERSION || (!isInternalTopic(topic) && allows('Write', 'Topic', topic))
    if (!isAllowed) return ERROR_CODE.TOPIC_AUTHORIZATION_FAILED
    return broker.topics.named(topic)?.partitions[partition] === undefined ? ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION : ERROR_CODE.NONE
  }
  const isSound = topics.every(({ name, partitions }) => partitions.every((partition) => codeOf(name, partition) === ERROR_CODE.NONE))
  if (isSound) return undefined
  return (topic, partition) => {
    const errorCode = codeOf(topic, partition)
    return errorCode === ERROR_CODE.NONE ? ERROR_CODE.OPERATION_NOT_ATTEMPTED : errorCode
  }
}

async function add({ transactionalId, producerId, producerEpoch, topics }: Asked, { broker, version }: RequestContext): Promise<CodeOf> {
  const partitions = partitionSet(topics.map(({ name, partitions: indexes }) => [name, indexes]))
  const clientVersion = version >= BATCHED_SINCE_VERSION ? 2 : 0
  const asked = { producerId, producerEpoch, partitions, clientVersion } as const
  const { errorCode } = await broker.transactions.coordinator.addPartitions(transactionalId, asked)
  const told = fencedBefore(version, FENCED_SINCE_VERSION, errorCode)
  return () => told
}

async function verify({ transactionalId, producerId, producerEpoch, topics }: Asked, { broker }: RequestContext): Promise<CodeOf> {
  const all = topics.flatMap(({ name, partitions }) =>
    partitions.map((partition) => ({ topic: name, partition, producerId, producerEpoch })),
  )
  const codes = await broker.transactions.coordinator.verifyPartitions(transactionalId, all)
  const byPartition = new Map(all.map(({ topic, partition }, index) => [`${topic}:${partition}`, codes[index]!]))
  return (topic, partition) => byPartition.get(`${topic}:${partition}`)!
}

function results({ topics }: Asked, codeOf: CodeOf): TopicResult[] {
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({ partitionIndex, partitionErrorCode: codeOf(name, partitionIndex) })),
  }))
}
