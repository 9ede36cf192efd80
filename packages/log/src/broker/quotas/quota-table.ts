/** Which quota counts for whom, in Kafka's order: what is said of user and client before what is said of one, names before defaults. */
import type { ConfigEntity, StoredEntity } from '../security/store/entity-store.ts'

export const CLIENT_QUOTAS = ['producer_byte_rate', 'consumer_byte_rate', 'request_percentage', 'controller_mutation_rate'] as const
export const IP_QUOTA = 'connection_creation_rate'

export type ClientQuota = (typeof CLIENT_QUOTAS)[number]

/** A limit, and what shares it. */
export interface QuotaLimit {
  readonly limit: number
  readonly sharedBy: string
}

export class QuotaTable {
  readonly #limits = new Map<string, number>()

  constructor(entities: Iterable<StoredEntity>) {
    for (const { entity, configs } of entities) {
      for (const name of [...CLIENT_QUOTAS, IP_QUOTA]) {
        const limit = Number(configs.get(name))
        if (configs.has(name) && limit >= 0) this.#limits.set(`${name} ${keyOf(entity)}`, limit)
      }
    }
  }

  get isEmpty(): boolean {
    return this.#limits.size === 0
  }

  ofClient(quota: ClientQuota, user: string, clientId: string): QuotaLimit | undefined {
    const both = JSON.stringify([user, clientId])
    const ofUser = JSON.stringify([user])
    return (
      this.#find(quota, { user, clientId }, both) ??
      this.#find(quota, { user, clientId: null }, both) ??
      this.#find(quota, { user }, ofUser) ??
      this.#find(quota, { user: null, clientId }, both) ??
      this.#find(quota, { user: null, clientId: null }, both) ??
      this.#find(quota, { user: null }, ofUser) ??
      this.#find(quota, { clientId }, JSON.stringify([null, clientId])) ??
      this.#find(quota, { clientId: null }, JSON.stringify([null, clientId]))
    )
  }

  ofAddress(ip: string): number | undefined {
    return this.#limits.get(`${IP_QUOTA} ${keyOf({ ip })}`) ?? this.#limits.get(`${IP_QUOTA} ${keyOf({ ip: null })}`)
  }

  #find(quota: ClientQuota, entity: ConfigEntity, sharedBy: string): QuotaLimit | undefined {
    const limit = this.#limits.get(`${quota} ${keyOf(entity)}`)
    return limit === undefined ? undefined : { limit, sharedBy }
  }
}

function keyOf({ user, clientId, ip }: ConfigEntity): string {
  const part = (name: string | null | undefined): unknown => (name === undefined ? 0 : name)
  return JSON.stringify([part(user), part(clientId), part(ip)])
}
