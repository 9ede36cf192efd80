/** DescribeClientQuotas 0 to 1. Needs DescribeConfigs on the cluster. */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import type { ApiHandler } from '../../handler.ts'
import { CLIENT_QUOTAS, IP_QUOTA } from '../../quotas/quota-table.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'
import type { EntityConfigs } from '../../security/store/entity-store.ts'
import { formatEntity, isEntityType, type WireEntityPart } from './quota-entity.ts'

type Request = ApiRequest<'DescribeClientQuotas'>
type Component = Request['components'][number]
type Response = ApiResponseToSend<'DescribeClientQuotas'>

const MATCH = { exact: 0, default: 1, specified: 2 } as const
const QUOTAS: readonly string[] = [...CLIENT_QUOTAS, IP_QUOTA]

export const describeClientQuotas: ApiHandler<'DescribeClientQuotas'> = {
  name: 'DescribeClientQuotas',
  handle(request, { broker, allows }): Response {
    const refused = (errorCode: number, errorMessage: string | null): Response => {
      return { throttleTimeMs: 0, errorCode, errorMessage, entries: null }
    }
    if (!allows('DescribeConfigs', 'Cluster', CLUSTER_NAME)) return refused(ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED, null)
    const problem = problemOf(request.components)
    if (problem !== undefined) return refused(ERROR_CODE.INVALID_REQUEST, problem)
    const entries = [...broker.security.entities.all()]
      .map(({ entity, configs }) => ({ entity: formatEntity(entity), values: valuesOf(configs) }))
      .filter(({ entity, values }) => values.length > 0 && matches(entity, request))
    return { throttleTimeMs: 0, errorCode: ERROR_CODE.NONE, errorMessage: null, entries }
  },
}

function problemOf(components: readonly Component[]): string | undefined {
  const types = components.map(({ entityType }) => entityType)
  const unknown = types.find((type) => !isEntityType(type))
  if (unknown !== undefined) return `Unsupported entity type ${unknown}`
  if (new Set(types).size < types.length) return 'An entity type is specified more than once'
  if (types.includes('ip') && types.length > 1) return 'An address has quotas of its own, not with a user or a client'
  const isExactOf = ({ matchType, match }: Component): boolean => matchType !== MATCH.exact || match !== null
  const isKnown = components.every(({ matchType }) => matchType >= MATCH.exact && matchType <= MATCH.specified)
  return isKnown && components.every(isExactOf) ? undefined : 'A match type is unknown, or has nothing to match'
}

function matches(entity: readonly WireEntityPart[], { components, strict }: Request): boolean {
  if (strict && entity.length !== components.length) return false
  return components.every(({ entityType, matchType, match }) => {
    const part = entity.find((each) => each.entityType === entityType)
    if (part === undefined) return false
    if (matchType === MATCH.specified) return true
    return part.entityName === (matchType === MATCH.exact ? match : null)
  })
}

function valuesOf(configs: EntityConfigs): { readonly key: string; readonly value: number }[] {
  const quotas = [...configs].filter(([key, text]) => QUOTAS.includes(key) && text !== '' && Number.isFinite(Number(text)))
  return quotas.map(([key, text]) => ({ key, value: Number(text) }))
}
