/** CreateTopics 2 to 7, one topic after the other; every replica is on this broker. */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../protocol/index.ts'
import { errorCodeOf } from '../error-code-of.ts'
import type { ApiHandler, BrokerFacts } from '../handler.ts'
import { describeTopicConfig } from '../topics/topic-config.ts'
import type { NewTopic, Topic, TopicProblem } from '../topics/topics.ts'

type Wanted = ApiRequest<'CreateTopics'>['topics'][number]
type Result = ApiResponseToSend<'CreateTopics'>['topics'][number]

const NO_ID = new Uint8Array(16)
/** Where a configuration comes from, as DescribeConfigs has it. */
const CONFIG_SOURCE = { topic: 1, default: 5 } as const

const problemCodes: { readonly [K in TopicProblem['kind']]: number } = {
  exists: ERROR_CODE.TOPIC_ALREADY_EXISTS,
  name: ERROR_CODE.INVALID_TOPIC_EXCEPTION,
  partitions: ERROR_CODE.INVALID_PARTITIONS,
  config: ERROR_CODE.INVALID_CONFIG,
}

export const createTopics: ApiHandler<'CreateTopics'> = {
  name: 'CreateTopics',
  async handle({ topics, validateOnly }, { broker }) {
    const results: Result[] = []
    for (const wanted of topics) {
      const isRepeated = topics.filter(({ name }) => name === wanted.name).length > 1
      if (!isRepeated) results.push(await create(wanted, broker, validateOnly))
      else if (!results.some(({ name }) => name === wanted.name)) {
        results.push(refused(wanted.name, ERROR_CODE.INVALID_REQUEST, 'The topic is named more than once'))
      }
    }
    return { topics: results }
  },
}

async function create(wanted: Wanted, broker: BrokerFacts, validateOnly: boolean): Promise<Result> {
  const { name } = wanted
  const placement = placementProblem(wanted, broker)
  if (placement !== undefined) return refused(name, placement.errorCode, placement.problem)
  const unset = wanted.configs.find(({ value }) => value === null)
  if (unset !== undefined) return refused(name, ERROR_CODE.INVALID_CONFIG, `The configuration ${unset.name} has no value`)
  const topic: NewTopic = {
    name,
    partitionCount: partitionCountOf(wanted, broker),
    configs: Object.fromEntries(wanted.configs.map((config) => [config.name, config.value!])),
  }
  try {
    const made = validateOnly ? broker.topics.problemOf(topic) : await broker.topics.create(topic)
    if (made === undefined) return accepted(topic, NO_ID)
    return isProblem(made) ? refused(name, problemCodes[made.kind], describe(made, name)) : accepted(topic, made.id)
  } catch (error) {
    return refused(name, errorCodeOf(error), 'The topic could not be stored')
  }
}

function isProblem(made: Topic | TopicProblem): made is TopicProblem {
  return 'kind' in made
}

function describe(problem: TopicProblem, name: string): string {
  return problem.kind === 'exists' ? `Topic '${name}' already exists.` : `The topic is refused: ${problem.problem}`
}

function partitionCountOf({ numPartitions, assignments }: Wanted, { config }: BrokerFacts): number {
  if (assignments.length > 0) return assignments.length
  return numPartitions === -1 ? config.get('num.partitions') : numPartitions
}

function placementProblem(
  { numPartitions, replicationFactor, assignments }: Wanted,
  { nodeId }: BrokerFacts,
): { readonly errorCode: number; readonly problem: string } | undefined {
  if (assignments.length === 0) {
    if (replicationFactor === -1 || replicationFactor === 1) return undefined
    const problem = `A replication factor of ${replicationFactor} is not possible with 1 broker`
    return { errorCode: ERROR_CODE.INVALID_REPLICATION_FACTOR, problem }
  }
  if (numPartitions !== -1 || replicationFactor !== -1) {
    const problem = 'An assignment leaves no choice of partitions and replication factor: both must be -1'
    return { errorCode: ERROR_CODE.INVALID_REQUEST, problem }
  }
  const indexes = new Set(assignments.map(({ partitionIndex }) => partitionIndex))
  const isConsecutive = indexes.size === assignments.length && assignments.every((_, index) => indexes.has(index))
  const isHere = assignments.every(({ brokerIds }) => brokerIds.length === 1 && brokerIds[0] === nodeId)
  if (isConsecutive && isHere) return undefined
  const problem = `Partitions are numbered from 0, and each has the one replica ${nodeId}`
  return { errorCode: ERROR_CODE.INVALID_REPLICA_ASSIGNMENT, problem }
}

function accepted({ name, partitionCount, configs }: NewTopic, topicId: Uint8Array): Result {
  const described = describeTopicConfig(configs).map(({ name: config, value, isDefault }) => ({
    name: config,
    value,
    readOnly: false,
    configSource: isDefault ? CONFIG_SOURCE.default : CONFIG_SOURCE.topic,
    isSensitive: false,
  }))
  const errorCode = ERROR_CODE.NONE
  return { name, topicId, errorCode, errorMessage: null, numPartitions: partitionCount, replicationFactor: 1, configs: described }
}

function refused(name: string, errorCode: number, errorMessage: string): Result {
  return { name, topicId: NO_ID, errorCode, errorMessage, configs: [] }
}
