/** ElectLeaders 0 to 2. A partition's only replica leads it already. */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'

type Wanted = NonNullable<ApiRequest<'ElectLeaders'>['topicPartitions']>[number]
type Result = ApiResponseToSend<'ElectLeaders'>['replicaElectionResults'][number]

const ELECTION_TYPES: readonly number[] = [0, 1]

export const electLeaders: ApiHandler<'ElectLeaders'> = {
  name: 'ElectLeaders',
  handle({ topicPartitions, electionType }, context) {
    if (!context.allows('Alter', 'Cluster', CLUSTER_NAME)) {
      return refused(ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED, topicPartitions, context)
    }
    if (!ELECTION_TYPES.includes(electionType)) return refused(ERROR_CODE.INVALID_REQUEST, topicPartitions, context)
    // Of all partitions only those are told of that an election was held for.
    if (topicPartitions === null) return { throttleTimeMs: 0, errorCode: ERROR_CODE.NONE, replicaElectionResults: [] }
    return {
      throttleTimeMs: 0,
      errorCode: ERROR_CODE.NONE,
      replicaElectionResults: topicPartitions.map((wanted) => elect(wanted, context)),
    }
  },
}

/** In version 0 only partitions have an error. */
function refused(
  errorCode: number,
  topicPartitions: readonly Wanted[] | null,
  { version }: RequestContext,
): ApiResponseToSend<'ElectLeaders'> {
  const replicaElectionResults = (topicPartitions ?? []).map(({ topic, partitions }): Result => {
    return { topic, partitionResult: partitions.map((partitionId) => ({ partitionId, errorCode, errorMessage: null })) }
  })
  return { throttleTimeMs: 0, ...(version >= 1 ? { errorCode } : {}), replicaElectionResults }
}

function elect({ topic, partitions }: Wanted, { broker }: RequestContext): Result {
  const count = broker.topics.named(topic)?.partitionCount ?? 0
  const partitionResult = partitions.map((partitionId) =>
    partitionId >= 0 && partitionId < count
      ? { partitionId, errorCode: ERROR_CODE.ELECTION_NOT_NEEDED, errorMessage: 'The partition has the leader it is to have.' }
      : { partitionId, errorCode: ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION, errorMessage: 'There is no such partition.' },
  )
  return { topic, partitionResult }
}
