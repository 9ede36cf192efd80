/** DescribeQuorum 0 to 2: there is none. The controller is elected by the coordination service, not by a quorum of its own. */
import { ERROR_CODE } from '../../../protocol/index.ts'
import type { ApiHandler } from '../../handler.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'

export const describeQuorum: ApiHandler<'DescribeQuorum'> = {
  name: 'DescribeQuorum',
  handle(_request, { allows }) {
    if (!allows('Describe', 'Cluster', CLUSTER_NAME)) return { errorCode: ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED, topics: [], nodes: [] }
    const errorMessage = 'The controller of this cluster is no quorum: it is elected by the coordination service.'
    return { errorCode: ERROR_CODE.UNSUPPORTED_VERSION, errorMessage, topics: [], nodes: [] }
  },
}
