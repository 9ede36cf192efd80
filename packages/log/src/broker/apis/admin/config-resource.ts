/** What has configurations: its number in the protocol, who may see and change it, and what is wrong with its name. */
import { topicNameProblem } from '../../../controller/index.ts'
import { ERROR_CODE } from '../../../protocol/index.ts'
import type { RequestContext } from '../../handler.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'

export const RESOURCE_TYPE = { topic: 2, broker: 4, brokerLogger: 8, clientMetrics: 16, group: 32 } as const

export interface ConfigResource {
  readonly resourceType: number
  readonly resourceName: string
}

export interface ResourceProblem {
  readonly errorCode: number
  readonly errorMessage: string
}

/** Why the client may not do this with the resource, or why there is none; undefined if all is well. */
export function resourceProblem(
  { resourceType, resourceName }: ConfigResource,
  operation: 'DescribeConfigs' | 'AlterConfigs',
  { allows, broker }: RequestContext,
): ResourceProblem | undefined {
  switch (resourceType) {
    case RESOURCE_TYPE.topic: {
      if (!allows(operation, 'Topic', resourceName)) return denied(ERROR_CODE.TOPIC_AUTHORIZATION_FAILED)
      const problem = topicNameProblem(resourceName)
      if (problem !== undefined) return { errorCode: ERROR_CODE.INVALID_TOPIC_EXCEPTION, errorMessage: problem }
      if (broker.topics.named(resourceName) !== undefined) return undefined
      return { errorCode: ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION, errorMessage: `The topic '${resourceName}' does not exist.` }
    }
    case RESOURCE_TYPE.broker:
    case RESOURCE_TYPE.brokerLogger: {
      if (!allows(operation, 'Cluster', CLUSTER_NAME)) return denied(ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED)
      const isNamed = resourceName === String(broker.nodeId) || (resourceName === '' && resourceType === RESOURCE_TYPE.broker)
      if (isNamed) return undefined
      const expected = resourceType === RESOURCE_TYPE.broker ? `${broker.nodeId} or empty string` : `${broker.nodeId}`
      return invalid(`Unexpected broker id, expected ${expected}, but received ${resourceName}`)
    }
    case RESOURCE_TYPE.group:
      if (!allows(operation, 'Group', resourceName)) return denied(ERROR_CODE.GROUP_AUTHORIZATION_FAILED)
      return resourceName === '' ? invalid('Group name must not be empty') : undefined
    case RESOURCE_TYPE.clientMetrics:
      if (!allows(operation, 'Cluster', CLUSTER_NAME)) return denied(ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED)
      return invalid('This broker takes no metrics of clients')
    default:
      return invalid(`Unknown resource type ${resourceType}`)
  }
}

function denied(errorCode: number): ResourceProblem {
  return { errorCode, errorMessage: 'Authorization failed.' }
}

export function invalid(errorMessage: string): ResourceProblem {
  return { errorCode: ERROR_CODE.INVALID_REQUEST, errorMessage }
}
