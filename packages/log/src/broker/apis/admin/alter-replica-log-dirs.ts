/** AlterReplicaLogDirs 1 to 2: begins to move logs from one log directory to another. What moves is told by DescribeLogDirs. */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import type { ApiHandler } from '../../handler.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'

type Topic = ApiRequest<'AlterReplicaLogDirs'>['dirs'][number]['topics'][number]
type Result = ApiResponseToSend<'AlterReplicaLogDirs'>['results'][number]

export const alterReplicaLogDirs: ApiHandler<'AlterReplicaLogDirs'> = {
  name: 'AlterReplicaLogDirs',
  async handle({ dirs }, { broker, allows }) {
    const isAllowed = allows('Alter', 'Cluster', CLUSTER_NAME)
    const move = async (path: string, { name: topicName, partitions }: Topic): Promise<Result> => {
      const results = partitions.map(async (partitionIndex) => {
        const errorCode = isAllowed
          ? await broker.topics.moves.begin({ topic: topicName, partition: partitionIndex }, path)
          : ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED
        return { partitionIndex, errorCode }
      })
      return { topicName, partitions: await Promise.all(results) }
    }
    const results = dirs.flatMap(({ path, topics }) => topics.map((topic) => move(path, topic)))
    return { throttleTimeMs: 0, results: await Promise.all(results) }
  },
}
