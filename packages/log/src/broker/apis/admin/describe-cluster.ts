/** DescribeCluster 0 to 2: the brokers as the listener's clients reach them. */
import { ERROR_CODE } from '../../../protocol/index.ts'
import type { ApiHandler } from '../../handler.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'
import { clusterOperations, OPERATIONS_NOT_ASKED } from './authorized-operations.ts'
import { brokersFor } from './brokers.ts'

const ENDPOINT = { brokers: 1, controllers: 2 } as const

export const describeCluster: ApiHandler<'DescribeCluster'> = {
  name: 'DescribeCluster',
  handle({ endpointType, includeClusterAuthorizedOperations }, context) {
    const { broker, allows } = context
    const { clusterId, nodeId } = broker
    if (endpointType !== ENDPOINT.brokers) {
      const isKnown = endpointType === ENDPOINT.controllers
      const errorCode = isKnown ? ERROR_CODE.MISMATCHED_ENDPOINT_TYPE : ERROR_CODE.UNSUPPORTED_ENDPOINT_TYPE
      const errorMessage = isKnown ? 'This is an endpoint of a broker, not of a controller.' : `Endpoint type ${endpointType} is not known.`
      return { throttleTimeMs: 0, errorCode, errorMessage, endpointType, clusterId, brokers: [] }
    }
    const operations = !includeClusterAuthorizedOperations
      ? OPERATIONS_NOT_ASKED
      : allows('Describe', 'Cluster', CLUSTER_NAME)
        ? clusterOperations(context)
        : 0
    const brokers = brokersFor(context).map(({ nodeId: brokerId, ...place }) => ({ brokerId, ...place, isFenced: false }))
    return {
      throttleTimeMs: 0,
      errorCode: ERROR_CODE.NONE,
      clusterId,
      controllerId: nodeId,
      brokers,
      clusterAuthorizedOperations: operations,
    }
  },
}
