/** WriteTxnMarkers 0 to 2: from coordinators, and from administrators who end a transaction that hangs. */
import { ERROR_CODE, type ApiRequest } from '../../../protocol/index.ts'
import type { MarkersResponse } from '../../../coordinators/transactions/index.ts'
import type { ApiHandler } from '../../handler.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'

export const writeTxnMarkers: ApiHandler<'WriteTxnMarkers'> = {
  name: 'WriteTxnMarkers',
  async handle(request, { broker, allows }) {
    const isAllowed = allows('Alter', 'Cluster', CLUSTER_NAME) || allows('ClusterAction', 'Cluster', CLUSTER_NAME)
    return isAllowed ? await broker.transactions.markers.write(request) : refused(request, ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED)
  },
}

function refused({ markers }: ApiRequest<'WriteTxnMarkers'>, errorCode: number): MarkersResponse {
  return {
    markers: markers.map(({ producerId, topics }) => ({
      producerId,
      topics: topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode })),
      })),
    })),
  }
}
