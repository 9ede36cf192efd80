/** What a client may do to a resource, as one number: a bit for each operation, by its code (KIP-430). */
import type { RequestContext } from '../../handler.ts'
import { OPERATION_CODE } from '../../security/acl/acl.ts'
import { CLUSTER_NAME, type AclOperation, type ResourceType } from '../../security/authorizer.ts'

/** What stands where nobody asked. */
export const OPERATIONS_NOT_ASKED = -2_147_483_648

const TOPIC: readonly AclOperation[] = ['Read', 'Write', 'Create', 'Delete', 'Alter', 'Describe', 'DescribeConfigs', 'AlterConfigs']
const CLUSTER: readonly AclOperation[] = [
  'Create',
  'Alter',
  'Describe',
  'ClusterAction',
  'DescribeConfigs',
  'AlterConfigs',
  'IdempotentWrite',
]

export function topicOperations(context: RequestContext, name: string): number {
  return operations(context, TOPIC, 'Topic', name)
}

export function clusterOperations(context: RequestContext): number {
  return operations(context, CLUSTER, 'Cluster', CLUSTER_NAME)
}

function operations({ allows }: RequestContext, supported: readonly AclOperation[], resource: ResourceType, name: string): number {
  let bits = 0
  for (const operation of supported) if (allows(operation, resource, name)) bits |= 1 << OPERATION_CODE[operation]
  return bits
}
