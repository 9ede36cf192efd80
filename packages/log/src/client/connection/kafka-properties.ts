import { nearestName } from '@millrace/core'
import { clientError } from '../errors.ts'
import type { ClientOptions } from '../options.ts'
import type { Sasl, SaslMechanism, Security, SecurityProtocol, Ssl } from './security.ts'

/** The settings of Kafka's clients that mean something here, by their names. */
const KNOWN = [
  'bootstrap.servers',
  'client.id',
  'security.protocol',
  'sasl.mechanism',
  'sasl.jaas.config',
  'sasl.username',
  'sasl.password',
  'sasl.oauthbearer.token',
  'ssl.truststore.certificates',
  'ssl.keystore.certificate.chain',
  'ssl.keystore.key',
  'ssl.key.password',
  'ssl.endpoint.identification.algorithm',
  'request.timeout.ms',
  'default.api.timeout.ms',
  'retry.backoff.ms',
  'retry.backoff.max.ms',
  'reconnect.backoff.ms',
  'reconnect.backoff.max.ms',
  'socket.connection.setup.timeout.ms',
  'metadata.max.age.ms',
] as const

type MillisecondOption = Extract<keyof ClientOptions, `${string}Ms`>

type Known = (typeof KNOWN)[number]

const PROTOCOLS: readonly SecurityProtocol[] = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']
const MECHANISMS: readonly SaslMechanism[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER']

/**
 * Options from settings by Kafka's names. Beside those of the Java clients: `sasl.username`, `sasl.password`, and `sasl.oauthbearer.token`, a token as it is.
 * Certificates and keys are PEM text. An unknown name is an error. @throws `CLIENT_OPTION`
 */
export function clientOptionsFromKafka(
  given: Readonly<Record<string, string>>,
): Omit<ClientOptions, 'bootstrap'> & { readonly bootstrap?: string } {
  for (const name of Object.keys(given)) if (!(KNOWN as readonly string[]).includes(name)) throw unknown(name)
  const get = (name: Known): string | undefined => given[name]
  const milliseconds = <N extends MillisecondOption>(option: N, name: Known): { readonly [K in N]?: number } => {
    const text = get(name)
    if (text === undefined) return {}
    if (!/^\d+$/.test(text)) throw clientError('CLIENT_OPTION', { option: name, expected: 'be a whole number', value: text })
    return { [option]: Number(text) } as { readonly [K in N]: number }
  }
  return {
    ...(get('bootstrap.servers') === undefined ? {} : { bootstrap: get('bootstrap.servers')! }),
    ...(get('client.id') === undefined ? {} : { clientId: get('client.id')! }),
    ...milliseconds('requestTimeoutMs', 'request.timeout.ms'),
    ...milliseconds('apiTimeoutMs', 'default.api.timeout.ms'),
    ...milliseconds('retryBackoffMs', 'retry.backoff.ms'),
    ...milliseconds('retryBackoffMaxMs', 'retry.backoff.max.ms'),
    ...milliseconds('reconnectBackoffMs', 'reconnect.backoff.ms'),
    ...milliseconds('reconnectBackoffMaxMs', 'reconnect.backoff.max.ms'),
    ...milliseconds('connectTimeoutMs', 'socket.connection.setup.timeout.ms'),
    ...milliseconds('metadataMaxAgeMs', 'metadata.max.age.ms'),
    security: securityOf(get),
  }
}

function securityOf(get: (name: Known) => string | undefined): Security {
  const protocol = oneOf('security.protocol', get('security.protocol') ?? unencrypted(get), PROTOCOLS)
  const ssl = protocol === 'SSL' || protocol === 'SASL_SSL' ? { ssl: sslOf(get) } : {}
  const sasl = protocol.startsWith('SASL') ? { sasl: saslOf(get) } : {}
  return { protocol, ...ssl, ...sasl }
}

/** The default, unless something is set that has no use with it: left out by mistake it would send passwords and records for all to read. */
function unencrypted(get: (name: Known) => string | undefined): 'PLAINTEXT' {
  const useless = KNOWN.find((name) => /^(ssl|sasl)\./.test(name) && get(name) !== undefined)
  if (useless === undefined) return 'PLAINTEXT'
  const expected = `be given where ${useless} is, as one of ${PROTOCOLS.join(', ')}`
  throw clientError('CLIENT_OPTION', { option: 'security.protocol', expected, value: 'not' })
}

function sslOf(get: (name: Known) => string | undefined): Ssl {
  const [ca, cert, key, keyPassword] = [
    get('ssl.truststore.certificates'),
    get('ssl.keystore.certificate.chain'),
    get('ssl.keystore.key'),
    get('ssl.key.password'),
  ]
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(keyPassword === undefined ? {} : { keyPassword }),
    verifyHostname: get('ssl.endpoint.identification.algorithm') !== '',
  }
}

function saslOf(get: (name: Known) => string | undefined): Sasl {
  const mechanism = oneOf('sasl.mechanism', get('sasl.mechanism') ?? 'PLAIN', MECHANISMS)
  if (mechanism === 'OAUTHBEARER') {
    const token = get('sasl.oauthbearer.token')
    if (token === undefined) throw clientError('CLIENT_OPTION', { option: 'sasl.oauthbearer.token', expected: 'be given', value: 'not' })
    return { mechanism, token: () => token }
  }
  const jaas = get('sasl.jaas.config') ?? ''
  const username = get('sasl.username') ?? jaasValue(jaas, 'username')
  const password = get('sasl.password') ?? jaasValue(jaas, 'password')
  if (username === undefined || password === undefined) {
    throw clientError('CLIENT_OPTION', { option: 'sasl.jaas.config', expected: 'give username and password', value: 'without them' })
  }
  return { mechanism, username, password }
}

function jaasValue(jaas: string, name: string): string | undefined {
  const match = new RegExp(`\\b${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;"]+))`).exec(jaas)
  return match === null ? undefined : (match[1]?.replace(/\\(.)/g, '$1') ?? match[2])
}

function oneOf<T extends string>(option: Known, value: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value.toUpperCase())
  if (found === undefined) throw clientError('CLIENT_OPTION', { option, expected: `be one of ${allowed.join(', ')}`, value })
  return found
}

function unknown(name: string): Error {
  const nearest = nearestName(name, KNOWN)
  return clientError('CLIENT_OPTION', {
    option: name,
    expected: nearest === undefined ? 'be a setting of clients' : `perhaps be ${nearest}`,
    value: 'not known',
  })
}
