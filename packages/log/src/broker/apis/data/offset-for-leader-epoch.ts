/** OffsetForLeaderEpoch 2 to 4: where an epoch of leaders ends in this log, for consumers that look for a truncation and replicas that follow one. */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'
import { leaderEpochError } from '../../topics/leader-epoch-check.ts'
import type { Partition } from '../../topics/partition.ts'

type Wanted = ApiRequest<'OffsetForLeaderEpoch'>['topics'][number]['partitions'][number]
type Result = ApiResponseToSend<'OffsetForLeaderEpoch'>['topics'][number]['partitions'][number]

export const offsetForLeaderEpoch: ApiHandler<'OffsetForLeaderEpoch'> = {
  name: 'OffsetForLeaderEpoch',
  handle({ topics }, context) {
    const answered = topics.map(({ topic: name, partitions }) => {
      if (!isAllowed(name, context)) {
        return {
          topic: name,
          partitions: partitions.map(({ partition }) => ({ partition, errorCode: ERROR_CODE.TOPIC_AUTHORIZATION_FAILED })),
        }
      }
      const topic = context.broker.topics.named(name)
      return { topic: name, partitions: partitions.map((wanted) => endOf(topic?.partitions[wanted.partition], wanted)) }
    })
    return { topics: answered }
  },
}

/** A replica may ask of all topics, by the cluster's own right. */
function isAllowed(topic: string, { allows }: RequestContext): boolean {
  return allows('Describe', 'Topic', topic) || allows('ClusterAction', 'Cluster', CLUSTER_NAME)
}

function endOf(found: Partition | undefined, { partition, currentLeaderEpoch, leaderEpoch: wanted }: Wanted): Result {
  if (found === undefined) return { partition, errorCode: ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION }
  if (found.offline !== undefined) return { partition, errorCode: ERROR_CODE.KAFKA_STORAGE_ERROR }
  const errorCode = leaderEpochError(currentLeaderEpoch, found.leaderEpoch)
  if (errorCode !== ERROR_CODE.NONE) return { partition, errorCode }
  const { epoch, endOffset } = found.log.endOffsetOfEpoch(wanted)
  if (epoch === undefined || endOffset === undefined) return { partition, errorCode }
  return { partition, errorCode, leaderEpoch: epoch, endOffset }
}
