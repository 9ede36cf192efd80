/** Whether a client may do what it asks for. */
import type { ClientFacts } from './principal.ts'

export type AclOperation =
  | 'Read'
  | 'Write'
  | 'Create'
  | 'Delete'
  | 'Alter'
  | 'Describe'
  | 'ClusterAction'
  | 'DescribeConfigs'
  | 'AlterConfigs'
  | 'IdempotentWrite'
  | 'CreateTokens'
  | 'DescribeTokens'
  | 'TwoPhaseCommit'

export type ResourceType = 'Topic' | 'Group' | 'Cluster' | 'TransactionalId' | 'DelegationToken' | 'User'

/** The one resource of type Cluster. */
export const CLUSTER_NAME = 'kafka-cluster'

export interface Authorizer {
  allows(client: ClientFacts, operation: AclOperation, resource: ResourceType, name: string): boolean
  /** Whether there is any name of the type that the client may do this to. */
  allowsSome(client: ClientFacts, operation: AclOperation, resource: ResourceType): boolean
}

/** Of a broker without access control. */
export const allowAll: Authorizer = { allows: () => true, allowsSome: () => true }
