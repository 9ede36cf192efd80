/** CreateTopics 2 to 7, one topic after the other. */
import { isTopicProblem, PARTITIONS_MAX, type Assignments, type NewTopic, type TopicProblem } from '../../../controller/index.ts'
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import {
  CONFIG_SOURCE,
  topicConfigNames,
  topicConfigProblem,
  topicConfigSynonyms,
  topicConfigText,
  type ConfigTexts,
} from '../../config/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'
import { topicProblemCode } from './topic-problem.ts'

type Wanted = ApiRequest<'CreateTopics'>['topics'][number]
type Result = ApiResponseToSend<'CreateTopics'>['topics'][number]

const NO_ID = new Uint8Array(16)

export const createTopics: ApiHandler<'CreateTopics'> = {
  name: 'CreateTopics',
  async handle({ topics, validateOnly }, context) {
    const counts = new Map<string, number>()
    for (const { name } of topics) counts.set(name, (counts.get(name) ?? 0) + 1)
    if (partitionCountOf(topics, context) > PARTITIONS_MAX) {
      return { topics: Array.from(counts.keys(), (name) => refused(name, ERROR_CODE.POLICY_VIOLATION, TOO_MANY)) }
    }
    const results: Result[] = []
    for (const wanted of topics) {
      const count = counts.get(wanted.name)
      if (count === undefined) continue
      if (count === 1) results.push(await create(wanted, context, validateOnly))
      else results.push(refused(wanted.name, ERROR_CODE.INVALID_REQUEST, 'Duplicate topic name.'))
      counts.delete(wanted.name)
    }
    return { topics: results }
  },
}

const TOO_MANY = `A request makes ${PARTITIONS_MAX} partitions at most.`

function partitionCountOf(topics: readonly Wanted[], { broker }: RequestContext): number {
  const counts = topics.map(({ assignments, numPartitions }) => {
    if (assignments.length > 0) return assignments.length
    return numPartitions === -1 ? broker.config.get('num.partitions') : Math.max(0, numPartitions)
  })
  return counts.reduce((sum, count) => sum + count, 0)
}

async function create(wanted: Wanted, context: RequestContext, validateOnly: boolean): Promise<Result> {
  const { allows, broker } = context
  const { name } = wanted
  if (!allows('Create', 'Cluster', CLUSTER_NAME) && !allows('Create', 'Topic', name)) {
    return refused(name, ERROR_CODE.TOPIC_AUTHORIZATION_FAILED, 'Authorization failed.')
  }
  const topic = newTopicOf(wanted, context)
  if (isTopicProblem(topic)) return refused(name, topicProblemCode(topic.kind), topic.problem)
  const { controller } = broker.cluster
  try {
    const planned = controller.plan(topic)
    if (isTopicProblem(planned)) return refused(name, topicProblemCode(planned.kind), planned.problem)
    const configProblem = topicConfigProblem(topic.configs ?? {}, broker.config)
    if (configProblem !== undefined) return refused(name, ERROR_CODE.INVALID_CONFIG, configProblem)
    if (!context.takeMutations(planned.length)) {
      return refused(name, ERROR_CODE.THROTTLING_QUOTA_EXCEEDED, 'The throttling quota has been exceeded.')
    }
    if (validateOnly) return accepted(topic, planned, NO_ID, context)
    const made = await controller.create(topic)
    if (isTopicProblem(made)) return refused(name, topicProblemCode(made.kind), made.problem)
    return accepted(
      topic,
      made.partitions.map(({ replicas }) => replicas),
      Buffer.from(made.id, 'base64url'),
      context,
    )
  } catch (error) {
    return refused(name, errorCodeOf(error), 'The topic could not be stored')
  }
}

/** What is asked for, with the defaults of the broker; or what no broker would make of it. */
function newTopicOf(wanted: Wanted, { broker }: RequestContext): NewTopic | TopicProblem {
  const { name, numPartitions, replicationFactor, assignments } = wanted
  const unset = wanted.configs.find(({ value }) => value === null)
  if (unset !== undefined) return { kind: 'config', problem: `Null value not supported for topic configs: ${unset.name}` }
  const configs: ConfigTexts = Object.fromEntries(wanted.configs.map((config) => [config.name, config.value!]))
  if (assignments.length > 0) {
    const placed = assignmentsOf(wanted)
    return isTopicProblem(placed) ? placed : { name, configs, assignments: placed }
  }
  if (replicationFactor === 0 || replicationFactor < -1) {
    return { kind: 'replication', problem: 'Replication factor must be larger than 0, or -1 to use the default value.' }
  }
  if (numPartitions === 0 || numPartitions < -1) {
    return { kind: 'partitions', problem: 'Number of partitions was set to an invalid non-positive value.' }
  }
  return {
    name,
    configs,
    partitionCount: numPartitions === -1 ? broker.config.get('num.partitions') : numPartitions,
    replicationFactor: replicationFactor === -1 ? broker.config.get('default.replication.factor') : replicationFactor,
  }
}

function assignmentsOf({ numPartitions, replicationFactor, assignments }: Wanted): Assignments | TopicProblem {
  if (replicationFactor !== -1) {
    return { kind: 'request', problem: 'A manual partition assignment was specified, but replication factor was not set to -1.' }
  }
  if (numPartitions !== -1) {
    return { kind: 'request', problem: 'A manual partition assignment was specified, but numPartitions was not set to -1.' }
  }
  const byPartition = new Map(assignments.map(({ partitionIndex, brokerIds }) => [partitionIndex, brokerIds]))
  if (byPartition.size < assignments.length)
    return { kind: 'assignment', problem: 'Found multiple manual partition assignments for one partition.' }
  const placed = Array.from({ length: assignments.length }, (_, partition) => byPartition.get(partition))
  if (placed.every((brokers) => brokers !== undefined)) return placed
  return { kind: 'assignment', problem: 'partitions should be a consecutive 0-based integer sequence' }
}

function accepted({ name, configs = {} }: NewTopic, placed: Assignments, topicId: Uint8Array, context: RequestContext): Result {
  const made = { name, topicId, errorCode: ERROR_CODE.NONE, errorMessage: null }
  if (!context.allows('DescribeConfigs', 'Topic', name)) {
    return { ...made, topicConfigErrorCode: ERROR_CODE.TOPIC_AUTHORIZATION_FAILED, configs: null }
  }
  return { ...made, numPartitions: placed.length, replicationFactor: placed[0]!.length, configs: described(configs, context) }
}

function described(configs: ConfigTexts, { broker }: RequestContext): NonNullable<Result['configs']> {
  return topicConfigNames.map((name) => ({
    name,
    value: topicConfigText(configs, broker.config, name),
    readOnly: false,
    configSource: topicConfigSynonyms(configs, broker.config, name)[0]?.source ?? CONFIG_SOURCE.default,
    isSensitive: false,
  }))
}

function refused(name: string, errorCode: number, errorMessage: string): Result {
  return { name, topicId: NO_ID, errorCode, errorMessage, configs: [] }
}
