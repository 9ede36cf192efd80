/** Metadata 0 to 13: this broker alone, leader of everything. Makes topics that are missing, where both sides allow it. */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../protocol/index.ts'
import { errorCodeOf } from '../error-code-of.ts'
import type { ApiHandler, BrokerFacts } from '../handler.ts'
import { isInternalTopic } from '../topics/topic-name.ts'
import type { Topic } from '../topics/topics.ts'

type Wanted = NonNullable<ApiRequest<'Metadata'>['topics']>[number]
type Result = ApiResponseToSend<'Metadata'>['topics'][number]

const NO_ID = new Uint8Array(16)

export const metadata: ApiHandler<'Metadata'> = {
  name: 'Metadata',
  async handle({ topics, allowAutoTopicCreation }, { broker, version, advertised }) {
    const { nodeId, clusterId } = broker
    const wantsAll = topics === null || (version === 0 && topics.length === 0)
    const results: Result[] = []
    if (wantsAll) for (const topic of broker.topics.all()) results.push(described(topic, nodeId))
    else for (const wanted of topics) results.push(await find(wanted, broker, allowAutoTopicCreation))
    return { brokers: [{ nodeId, ...advertised }], clusterId, controllerId: nodeId, topics: results }
  },
}

async function find({ name, topicId }: Wanted, broker: BrokerFacts, allowsCreation: boolean): Promise<Result> {
  const { topics, nodeId } = broker
  if (name === null) {
    const topic = topics.withId(topicId)
    return topic === undefined ? missing(null, topicId, ERROR_CODE.UNKNOWN_TOPIC_ID) : described(topic, nodeId)
  }
  const topic = topics.named(name)
  if (topic !== undefined) return described(topic, nodeId)
  if (!broker.config.get('auto.create.topics.enable') || !allowsCreation || isInternalTopic(name)) {
    return missing(name, NO_ID, ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION)
  }
  return await create(name, broker)
}

async function create(name: string, { topics, nodeId, config }: BrokerFacts): Promise<Result> {
  try {
    const made = await topics.create({ name, partitionCount: config.get('num.partitions'), configs: {} })
    if (!('kind' in made)) return described(made, nodeId)
    // Another request may have made it meanwhile.
    const topic = topics.named(name)
    return topic === undefined ? missing(name, NO_ID, ERROR_CODE.INVALID_TOPIC_EXCEPTION) : described(topic, nodeId)
  } catch (error) {
    return missing(name, NO_ID, errorCodeOf(error))
  }
}

function missing(name: string | null, topicId: Uint8Array, errorCode: number): Result {
  return { errorCode, name, topicId, partitions: [] }
}

function described({ name, id, partitions }: Topic, nodeId: number): Result {
  return {
    errorCode: ERROR_CODE.NONE,
    name,
    topicId: id,
    isInternal: isInternalTopic(name),
    partitions: partitions.map(({ index, leaderEpoch }) => ({
      errorCode: ERROR_CODE.NONE,
      partitionIndex: index,
      leaderId: nodeId,
      leaderEpoch,
      replicaNodes: [nodeId],
      isrNodes: [nodeId],
    })),
  }
}
