/** AlterClientQuotas 0 to 1: all quotas of an entity are changed, or none. Needs AlterConfigs on the cluster. */
import { isIP } from 'node:net'
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import type { ApiHandler } from '../../handler.ts'
import { CLIENT_QUOTAS, IP_QUOTA } from '../../quotas/quota-table.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'
import type { ConfigEntity, EntityStore } from '../../security/store/entity-store.ts'
import { readEntity } from './quota-entity.ts'

type Wanted = ApiRequest<'AlterClientQuotas'>['entries'][number]
type Result = ApiResponseToSend<'AlterClientQuotas'>['entries'][number]
type Changes = ReadonlyMap<string, string | undefined>

const WHOLE: readonly string[] = ['producer_byte_rate', 'consumer_byte_rate', IP_QUOTA]

export const alterClientQuotas: ApiHandler<'AlterClientQuotas'> = {
  name: 'AlterClientQuotas',
  async handle({ entries, validateOnly }, { broker, allows }) {
    const isAllowed = allows('AlterConfigs', 'Cluster', CLUSTER_NAME)
    const results: Result[] = []
    for (const wanted of entries) {
      if (isAllowed) results.push(await alter(wanted, validateOnly, broker.security.entities))
      else results.push({ entity: wanted.entity, errorCode: ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED, errorMessage: null })
    }
    return { throttleTimeMs: 0, entries: results }
  },
}

async function alter({ entity, ops }: Wanted, validateOnly: boolean, entities: EntityStore): Promise<Result> {
  const refused = (errorMessage: string): Result => ({ entity, errorCode: ERROR_CODE.INVALID_REQUEST, errorMessage })
  const found = readEntity(entity)
  if (typeof found === 'string') return refused(found)
  if (typeof found.ip === 'string' && isIP(found.ip) === 0) return refused(`${found.ip} is not an IP address`)
  const changes = changesOf(found, ops)
  if (typeof changes === 'string') return refused(changes)
  try {
    if (!validateOnly) await entities.change(found, changes)
    return { entity, errorCode: ERROR_CODE.NONE, errorMessage: null }
  } catch (error) {
    return { entity, errorCode: errorCodeOf(error), errorMessage: 'The quotas could not be stored' }
  }
}

function changesOf({ ip }: ConfigEntity, ops: Wanted['ops']): Changes | string {
  const known: readonly string[] = ip === undefined ? CLIENT_QUOTAS : [IP_QUOTA]
  const changes = new Map<string, string | undefined>()
  for (const { key, value, remove } of ops) {
    if (!known.includes(key)) return `Invalid configuration key ${key}`
    if (changes.has(key)) return `Configuration key ${key} is specified more than once`
    if (!remove && !(Number.isFinite(value) && value >= 0)) return `Invalid value ${value} of ${key}: it may not be negative`
    if (!remove && WHOLE.includes(key) && !Number.isSafeInteger(value)) return `Configuration ${key} must be a whole number, not ${value}`
    changes.set(key, remove ? undefined : String(value))
  }
  return changes
}
