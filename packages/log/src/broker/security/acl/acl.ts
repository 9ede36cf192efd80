/** Access control entries, and the numbers that they have on the wire. */
import type { AclOperation, ResourceType } from '../authorizer.ts'

export type AclPattern = 'Literal' | 'Prefixed'
export type AclPermission = 'Allow' | 'Deny'

export interface AclResource {
  readonly type: ResourceType
  readonly pattern: AclPattern
  /** Literally '*' stands for every name. */
  readonly name: string
}

export interface AclEntry {
  /** 'User:name'; 'User:*' is everybody. */
  readonly principal: string
  /** An address; '*' is every one. */
  readonly host: string
  readonly operation: AclOperation | 'All'
  readonly permission: AclPermission
}

export interface AclBinding {
  readonly resource: AclResource
  readonly entry: AclEntry
}

export const EVERY_NAME = '*'
export const EVERY_HOST = '*'
export const EVERYBODY = 'User:*'

export const RESOURCE_CODE = { Topic: 2, Group: 3, Cluster: 4, TransactionalId: 5, DelegationToken: 6, User: 7 } as const
export const PATTERN_CODE = { Literal: 3, Prefixed: 4 } as const
export const PERMISSION_CODE = { Deny: 2, Allow: 3 } as const
export const OPERATION_CODE = {
  All: 2,
  Read: 3,
  Write: 4,
  Create: 5,
  Delete: 6,
  Alter: 7,
  Describe: 8,
  ClusterAction: 9,
  DescribeConfigs: 10,
  AlterConfigs: 11,
  IdempotentWrite: 12,
  CreateTokens: 13,
  DescribeTokens: 14,
  TwoPhaseCommit: 15,
} as const

/** In filters: whatever there is. */
export const ANY_CODE = 1
/** In filters: patterns that the name falls under. */
export const MATCH_PATTERN_CODE = 2

/** The name of a number on the wire; undefined for one that is none. */
export function nameOfCode<N extends string>(codes: { readonly [K in N]: number }, code: number): N | undefined {
  return (Object.keys(codes) as N[]).find((name) => codes[name] === code)
}

export function sameEntry(left: AclEntry, right: AclEntry): boolean {
  return (
    left.principal === right.principal &&
    left.host === right.host &&
    left.operation === right.operation &&
    left.permission === right.permission
  )
}
