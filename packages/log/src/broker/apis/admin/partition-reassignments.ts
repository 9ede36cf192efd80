/** AlterPartitionReassignments 0 to 1 and ListPartitionReassignments 0. With one broker there is nowhere to go, and never one under way. */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'

type Wanted = ApiRequest<'AlterPartitionReassignments'>['topics'][number]['partitions'][number]
type Result = ApiResponseToSend<'AlterPartitionReassignments'>['responses'][number]['partitions'][number]

export const alterPartitionReassignments: ApiHandler<'AlterPartitionReassignments'> = {
  name: 'AlterPartitionReassignments',
  handle({ topics, allowReplicationFactorChange }, context) {
    if (!context.allows('Alter', 'Cluster', CLUSTER_NAME)) {
      return { throttleTimeMs: 0, errorCode: ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED, errorMessage: 'Authorization failed.', responses: [] }
    }
    const responses = topics.map(({ name, partitions }) => ({ name, partitions: partitions.map((wanted) => alter(name, wanted, context)) }))
    return { throttleTimeMs: 0, allowReplicationFactorChange, errorCode: ERROR_CODE.NONE, errorMessage: null, responses }
  },
}

function alter(topic: string, { partitionIndex, replicas }: Wanted, { broker }: RequestContext): Result {
  const refused = (errorCode: number, errorMessage: string): Result => ({ partitionIndex, errorCode, errorMessage })
  if (broker.topics.named(topic)?.partitions[partitionIndex] === undefined) {
    return refused(ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION, `Unable to find partition ${topic}-${partitionIndex}.`)
  }
  if (replicas === null) return refused(ERROR_CODE.NO_REASSIGNMENT_IN_PROGRESS, 'No partition reassignment is in progress.')
  if (replicas.length === 1 && replicas[0] === broker.nodeId) return { partitionIndex, errorCode: ERROR_CODE.NONE, errorMessage: null }
  return refused(
    ERROR_CODE.INVALID_REPLICA_ASSIGNMENT,
    `Each broker is named once, and ${broker.nodeId} is the only one that is registered.`,
  )
}

export const listPartitionReassignments: ApiHandler<'ListPartitionReassignments'> = {
  name: 'ListPartitionReassignments',
  handle(_request, { allows }) {
    if (!allows('Describe', 'Cluster', CLUSTER_NAME)) {
      return { throttleTimeMs: 0, errorCode: ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED, errorMessage: 'Authorization failed.', topics: [] }
    }
    return { throttleTimeMs: 0, errorCode: ERROR_CODE.NONE, errorMessage: null, topics: [] }
  },
}
