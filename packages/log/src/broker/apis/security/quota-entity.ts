/** Entities of quotas as they are on the wire: a user, a client, both, or an address. */
import type { ConfigEntity } from '../../security/store/entity-store.ts'

export const ENTITY_FIELDS = { user: 'user', 'client-id': 'clientId', ip: 'ip' } as const

export type EntityType = keyof typeof ENTITY_FIELDS

export interface WireEntityPart {
  readonly entityType: string
  /** Null stands for everybody who has no quota of his own. */
  readonly entityName: string | null
}

export function isEntityType(type: string): type is EntityType {
  return Object.hasOwn(ENTITY_FIELDS, type)
}

/** The entity, or what is wrong with it. */
export function readEntity(parts: readonly WireEntityPart[]): ConfigEntity | string {
  if (parts.length === 0) return 'Invalid empty client quota entity'
  const entity: { -readonly [K in keyof ConfigEntity]: ConfigEntity[K] } = {}
  for (const { entityType, entityName } of parts) {
    if (!isEntityType(entityType)) return `Unhandled client quota entity type: ${entityType}`
    if (entityName === '') return `Empty ${entityType} not supported`
    if (entity[ENTITY_FIELDS[entityType]] !== undefined) return `Entity type ${entityType} is specified more than once`
    entity[ENTITY_FIELDS[entityType]] = entityName
  }
  if (entity.ip !== undefined && parts.length > 1) return 'An address has quotas of its own, not with a user or a client'
  return entity
}

export function formatEntity(entity: ConfigEntity): WireEntityPart[] {
  const types = Object.keys(ENTITY_FIELDS) as EntityType[]
  return types.flatMap((entityType) => {
    const entityName = entity[ENTITY_FIELDS[entityType]]
    return entityName === undefined ? [] : [{ entityType, entityName }]
  })
}
