/** Filters of DescribeAcls and DeleteAcls. */
import {
  ANY_CODE,
  EVERY_NAME,
  MATCH_PATTERN_CODE,
  nameOfCode,
  OPERATION_CODE,
  PATTERN_CODE,
  PERMISSION_CODE,
  RESOURCE_CODE,
} from './acl.ts'
import type { AclBinding, AclEntry, AclResource } from './acl.ts'

/** As it comes on the wire; null stands for whatever there is. */
export interface AclFilterCodes {
  readonly resourceTypeFilter: number
  readonly resourceNameFilter: string | null
  readonly patternTypeFilter: number
  readonly principalFilter: string | null
  readonly hostFilter: string | null
  readonly operation: number
  readonly permissionType: number
}

export interface AclFilter {
  readonly type: AclResource['type'] | undefined
  readonly name: string | undefined
  /** `match`: patterns that the name falls under. */
  readonly pattern: AclResource['pattern'] | 'match' | undefined
  readonly principal: string | undefined
  readonly host: string | undefined
  readonly operation: AclEntry['operation'] | undefined
  readonly permission: AclEntry['permission'] | undefined
}

/** Undefined where a number means nothing. */
export function readFilter(codes: AclFilterCodes): AclFilter | undefined {
  const type = nameOfCode(RESOURCE_CODE, codes.resourceTypeFilter)
  const plain = nameOfCode(PATTERN_CODE, codes.patternTypeFilter)
  const pattern = codes.patternTypeFilter === MATCH_PATTERN_CODE ? 'match' : plain
  const operation = nameOfCode(OPERATION_CODE, codes.operation)
  const permission = nameOfCode(PERMISSION_CODE, codes.permissionType)
  const isKnown =
    isKnownOrAny(type, codes.resourceTypeFilter) &&
    isKnownOrAny(pattern, codes.patternTypeFilter) &&
    isKnownOrAny(operation, codes.operation) &&
    isKnownOrAny(permission, codes.permissionType)
  if (!isKnown) return undefined
  const name = codes.resourceNameFilter ?? undefined
  return { type, name, pattern, principal: codes.principalFilter ?? undefined, host: codes.hostFilter ?? undefined, operation, permission }
}

export function matches(filter: AclFilter, { resource, entry }: AclBinding): boolean {
  return matchesResource(filter, resource) && matchesEntry(filter, entry)
}

function matchesResource({ type, name, pattern }: AclFilter, resource: AclResource): boolean {
  if (type !== undefined && type !== resource.type) return false
  if (pattern !== undefined && pattern !== 'match' && pattern !== resource.pattern) return false
  if (name === undefined) return true
  if (pattern !== 'match') return resource.name === name
  return resource.pattern === 'Literal' ? resource.name === name || resource.name === EVERY_NAME : name.startsWith(resource.name)
}

function matchesEntry({ principal, host, operation, permission }: AclFilter, entry: AclEntry): boolean {
  return (
    (principal === undefined || principal === entry.principal) &&
    (host === undefined || host === entry.host) &&
    (operation === undefined || operation === entry.operation) &&
    (permission === undefined || permission === entry.permission)
  )
}

function isKnownOrAny(name: string | undefined, code: number): boolean {
  return name !== undefined || code === ANY_CODE
}
