/** What a listener asks of those who connect to it, by its protocol and configurations. */
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Clock, Connection, Disk, Logger, Random, TlsServerOptions } from '@millrace/core'
import { logError } from '../../errors.ts'
import type { BrokerConfig } from '../config/index.ts'
import { listenerPrefix, type ListenerSettings } from './listeners.ts'
import { ANONYMOUS, type Principal } from './principal.ts'
import { SaslExchange } from './sasl/exchange.ts'
import { jaasUsers } from './sasl/jaas.ts'
import type { SaslMechanism } from './sasl/mechanism.ts'
import { oauthBearerMechanism } from './sasl/oauthbearer.ts'
import { plainMechanism } from './sasl/plain.ts'
import type { ScramCredentials } from './sasl/scram-store.ts'
import { scramMechanism } from './sasl/scram.ts'
import type { KeySource, TokenRules } from './sasl/token-verifier.ts'
import { principalMapping } from './tls/principal-mapping.ts'
import { tlsSettings } from './tls/tls-settings.ts'

export interface ListenerSecurityOptions {
  readonly config: BrokerConfig
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly credentials: ScramCredentials
  /** Of a user that the broker is started with. */
  readonly passwordOf: (user: string) => string | undefined
}

export interface ListenerSecurity {
  readonly tls?: TlsServerOptions
  /** Who connects, before SASL; undefined for one whose certificate names nobody. */
  readonly principalOf: (connection: Connection) => Principal | undefined
  readonly sasl?: SaslSettings
}

export interface SaslSettings {
  readonly begin: (remote: string) => SaslExchange
  /** `sasl.server.max.receive.size` */
  readonly receiveBytesMax: number
  /** `connection.failed.authentication.delay.ms` */
  readonly failureDelayMs: number
}

const UNSECURED = 'org.apache.kafka.common.security.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler'
const SECRET_BYTES = 32

/** @throws SECURITY_CONFIG */
export async function listenerSecurity({ name, protocol }: ListenerSettings, options: ListenerSecurityOptions): Promise<ListenerSecurity> {
  const prefix = listenerPrefix(name)
  const withTls = protocol === 'SSL' || protocol === 'SASL_SSL'
  const withSasl = protocol === 'SASL_PLAINTEXT' || protocol === 'SASL_SSL'
  const { config, disk, logger } = options
  const onRefused = ({ host, port }: Connection['remote'], error: Error): void =>
    logger.warn('a TLS handshake failed', { remote: `${host}:${port}`, listener: name, problem: error.message })
  const mapping = principalMapping(config.get('ssl.principal.mapping.rules', prefix))
  return {
    ...(withTls ? { tls: { ...(await tlsSettings({ config, prefix, disk, withSasl })), onRefused } } : {}),
    ...(withSasl ? { sasl: saslSettings(name, prefix, options) } : {}),
    principalOf: ({ peerSubject }) => {
      if (withSasl || peerSubject === undefined) return ANONYMOUS
      const user = mapping(peerSubject)
      return user === undefined ? undefined : { type: 'User', name: user }
    },
  }
}

function saslSettings(listener: string, prefix: string, options: ListenerSecurityOptions): SaslSettings {
  const { config, clock, logger } = options
  const mechanisms = mechanismsOf(prefix, options)
  return {
    receiveBytesMax: config.get('sasl.server.max.receive.size', prefix),
    failureDelayMs: config.get('connection.failed.authentication.delay.ms'),
    begin: (remote) =>
      new SaslExchange({
        mechanisms,
        clock,
        maxReauthMs: (mechanism) => config.get('connections.max.reauth.ms', `${prefix}${mechanism.toLowerCase()}.`),
        onFailure: (mechanism, reason) => logger.warn('an authentication failed', { remote, listener, mechanism, reason }),
      }),
  }
}

function mechanismsOf(prefix: string, options: ListenerSecurityOptions): readonly SaslMechanism[] {
  const { credentials, random } = options
  const secret = random.bytes(SECRET_BYTES)
  const mechanisms = options.config.get('sasl.enabled.mechanisms', prefix).flatMap((name): SaslMechanism[] => {
    switch (name) {
      case 'PLAIN':
        return [plainMechanism(plainPasswords(prefix, options))]
      case 'SCRAM-SHA-256':
      case 'SCRAM-SHA-512': {
        const credentialOf: ScramCredentials['find'] = (user, mechanism) => credentials.find(user, mechanism)
        return [scramMechanism({ name, credentialOf, secret, randomBytes: (length) => random.bytes(length) })]
      }
      case 'OAUTHBEARER':
        return [oauthBearer(`${prefix}oauthbearer.`, options)]
      default:
        return []
    }
  })
  if (mechanisms.length > 0) return mechanisms
  const problem = 'a SASL listener needs PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER'
  throw logError('SECURITY_CONFIG', { name: 'sasl.enabled.mechanisms', problem })
}

function plainPasswords(prefix: string, { config, passwordOf }: ListenerSecurityOptions): (user: string) => string | undefined {
  const jaas = config.get('sasl.jaas.config', `${prefix}plain.`)
  const users = jaas === undefined ? new Map<string, string>() : jaasUsers(jaas)
  return (user) => users.get(user) ?? passwordOf(user)
}

function oauthBearer(prefix: string, { config, clock, disk }: ListenerSecurityOptions): SaslMechanism {
  const issuer = config.get('sasl.oauthbearer.expected.issuer', prefix)
  const audience = config.get('sasl.oauthbearer.expected.audience', prefix)
  const rules: TokenRules = {
    subjectClaim: config.get('sasl.oauthbearer.sub.claim.name', prefix),
    scopeClaim: config.get('sasl.oauthbearer.scope.claim.name', prefix),
    scope: config.get('sasl.oauthbearer.expected.scope', prefix),
    clockSkewSeconds: config.get('sasl.oauthbearer.clock.skew.seconds', prefix),
    clock,
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience.length === 0 ? {} : { audience }),
  }
  const source = config.get('sasl.server.callback.handler.class', prefix) === UNSECURED ? undefined : keySource(prefix, config, disk)
  // What verifies tokens is large, and loaded only where they are taken.
  const loading = import('./sasl/token-verifier.ts').then(({ signedTokenVerifier, unsecuredTokenVerifier }) =>
    source === undefined ? unsecuredTokenVerifier(rules) : signedTokenVerifier(source, rules),
  )
  loading.catch(() => undefined)
  return oauthBearerMechanism(async (token) => await (await loading)(token))
}

function keySource(prefix: string, config: BrokerConfig, disk: Disk): KeySource {
  const name = 'sasl.oauthbearer.jwks.endpoint.url'
  const text = config.get(name, prefix)
  const url = text === undefined || !URL.canParse(text) ? undefined : new URL(text)
  if (url === undefined) throw logError('SECURITY_CONFIG', { name, problem: 'OAUTHBEARER needs to know where the keys of the issuer are' })
  if (url.protocol === 'http:' || url.protocol === 'https:') {
    return { kind: 'url', url, refreshMs: config.get('sasl.oauthbearer.jwks.endpoint.refresh.ms', prefix) }
  }
  if (url.protocol !== 'file:') throw logError('SECURITY_CONFIG', { name, problem: `keys are not read by ${url.protocol}` })
  const path = posix.normalize(fileURLToPath(url))
  return { kind: 'file', read: async () => Buffer.from(await disk.readFile(path)).toString('utf8') }
}
