/** AlterReplicaLogDirs 1 to 2: a broker has one log directory, in which every replica is already. */
import { resolve } from 'node:path'
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'

type Results = ApiResponseToSend<'AlterReplicaLogDirs'>['results']

export const alterReplicaLogDirs: ApiHandler<'AlterReplicaLogDirs'> = {
  name: 'AlterReplicaLogDirs',
  async handle({ dirs }, context) {
    const isAllowed = context.allows('Alter', 'Cluster', CLUSTER_NAME)
    const errorOf = (path: string, topic: string, partition: number): number =>
      isAllowed ? moveError(path, topic, partition, context) : ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED
    return { throttleTimeMs: 0, results: dirs.flatMap((dir) => resultsOf(dir, errorOf)) }
  },
}

function resultsOf(
  { path, topics }: ApiRequest<'AlterReplicaLogDirs'>['dirs'][number],
  errorOf: (path: string, topic: string, partition: number) => number,
): Results {
  return topics.map(({ name: topicName, partitions }) => ({
    topicName,
    partitions: partitions.map((partitionIndex) => ({ partitionIndex, errorCode: errorOf(path, topicName, partitionIndex) })),
  }))
}

/** In the order of Kafka's checks. Where it is there already nothing is to be done. */
function moveError(path: string, topic: string, partition: number, { broker }: RequestContext): number {
  const [directory = '.'] = broker.config.get('log.dirs') ?? []
  if (resolve(path) !== resolve(directory)) return ERROR_CODE.LOG_DIR_NOT_FOUND
  const isThere = broker.topics.named(topic)?.partitions[partition] !== undefined
  return isThere ? ERROR_CODE.NONE : ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION
}
