/** Everything of security that a broker has: its listeners' settings, who its users are, and what they may do. */
import type { Clock, CoordinationSession, Disk, Logger, Random } from '@millrace/core'
import type { BrokerConfig } from '../config/index.ts'
import { ClientQuotas } from '../quotas/client-quotas.ts'
import { AclAuthorizer, superUsersOf } from './acl/acl-authorizer.ts'
import { AclStore } from './acl/acl-store.ts'
import { allowAll, type Authorizer } from './authorizer.ts'
import { listenerSecurity, type ListenerSecurity } from './listener-security.ts'
import { listenerSettings, type ListenerSettings } from './listeners.ts'
import { ScramCredentials } from './sasl/scram-store.ts'
import { EntityStore } from './store/entity-store.ts'

export interface BrokerSecurityOptions {
  readonly config: BrokerConfig
  readonly session: CoordinationSession
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Passwords by name. */
  readonly users: Readonly<Record<string, string>>
}

export interface SecuredListener extends ListenerSettings {
  readonly security: ListenerSecurity
}

export interface BrokerSecurity {
  /** In the order in which they are configured. */
  readonly listeners: readonly SecuredListener[]
  readonly authorizer: Authorizer
  /** Undefined where there is no access control. */
  readonly acls: AclStore | undefined
  readonly credentials: ScramCredentials
  readonly entities: EntityStore
  readonly quotas: ClientQuotas
  close(): void
}

/** @throws SECURITY_CONFIG; COORDINATION_*; DiskError */
export async function openSecurity(options: BrokerSecurityOptions): Promise<BrokerSecurity> {
  const { config, session, random, logger, users } = options
  const onFailure = (error: unknown): void => logger.error('what is stored for security cannot be read', { problem: String(error) })
  const entities = await EntityStore.open(session, onFailure)
  const passwordOf = (user: string): string | undefined => (Object.hasOwn(users, user) ? users[user] : undefined)
  const credentials = new ScramCredentials({ entities, passwordOf, randomBytes: (length) => random.bytes(length) })
  const settings = listenerSettings({
    listeners: config.get('listeners'),
    advertised: config.ownOf('advertised.listeners', '') ?? undefined,
    protocolMap: config.get('listener.security.protocol.map'),
  })
  const listeners: SecuredListener[] = []
  for (const each of settings) {
    listeners.push({ ...each, security: await listenerSecurity(each, { ...options, credentials, passwordOf }) })
  }
  const acls = config.get('authorizer.class.name') === '' ? undefined : await AclStore.open(session, onFailure)
  return {
    listeners,
    authorizer: acls === undefined ? allowAll : authorizerOf(acls, config),
    acls,
    credentials,
    entities,
    quotas: new ClientQuotas({ entities, config, clock: options.clock }),
    close: () => {
      entities.close()
      acls?.close()
    },
  }
}

function authorizerOf({ index }: AclStore, config: BrokerConfig): Authorizer {
  return new AclAuthorizer({
    index,
    superUsers: superUsersOf(config.get('super.users')),
    allowsWithoutEntries: config.get('allow.everyone.if.no.acl.found'),
  })
}
