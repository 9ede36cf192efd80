/** ListConfigResources 0 to 1: what has configurations; version 0 asks for client metrics alone. */
import { ERROR_CODE } from '../../../protocol/index.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'
import { RESOURCE_TYPE } from './config-resource.ts'

const TYPES: readonly number[] = Object.values(RESOURCE_TYPE)

export const listConfigResources: ApiHandler<'ListConfigResources'> = {
  name: 'ListConfigResources',
  handle({ resourceTypes }, context) {
    const { allows, version } = context
    if (!allows('DescribeConfigs', 'Cluster', CLUSTER_NAME))
      return { throttleTimeMs: 0, errorCode: ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED, configResources: [] }
    const wanted = version === 0 ? [RESOURCE_TYPE.clientMetrics] : resourceTypes.length === 0 ? TYPES : resourceTypes
    if (!wanted.every((type) => TYPES.includes(type)))
      return { throttleTimeMs: 0, errorCode: ERROR_CODE.UNSUPPORTED_VERSION, configResources: [] }
    const configResources = wanted.flatMap((resourceType) =>
      namesOf(resourceType, context).map((resourceName) => ({ resourceName, resourceType })),
    )
    return { throttleTimeMs: 0, errorCode: ERROR_CODE.NONE, configResources }
  },
}

function namesOf(resourceType: number, { broker }: RequestContext): string[] {
  switch (resourceType) {
    case RESOURCE_TYPE.topic:
      return Array.from(broker.topics.all(), ({ name }) => name)
    case RESOURCE_TYPE.broker:
    case RESOURCE_TYPE.brokerLogger:
      return [String(broker.nodeId)]
    case RESOURCE_TYPE.group:
      return broker.cluster.configs.names('groups')
    default:
      return []
  }
}
