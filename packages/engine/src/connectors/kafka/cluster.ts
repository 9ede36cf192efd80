import { inspect } from 'node:util'
import { createLogger, MillraceError, type Clock, type LogRecord, type Network, type Random, messageOf } from '@millrace/core'
import { clientOptionsFromKafka, LogClient, type ClientOptions, type Sasl, type Security, type Ssl } from '@millrace/log/client'
import { engineError } from '../../errors.ts'
import { checkNestedNames, type OptionNames } from '../options.ts'
import type { ConnectorNotice } from '../source.ts'

/** How a cluster that speaks Kafka's protocol is reached: Apache Kafka, or Millrace's own log. */
export interface KafkaClusterOptions {
  /** Brokers to begin with, as a list or comma separated: 'a:9092,b:9092'. `bootstrap.servers`. */
  readonly brokers: string | readonly string[]
  /** What brokers log and count this client by, `client.id`; by default the connector's name. */
  readonly clientId?: string
  /**
   * Settings of Kafka's clients by Kafka's names: `{ 'security.protocol': 'SASL_SSL', 'sasl.mechanism': 'SCRAM-SHA-512', 'sasl.username': … }`.
   * Certificates and keys are PEM text. An unknown name is an error.
   */
  readonly config?: Readonly<Record<string, string>>
  /** TLS and SASL as typed options, where text does not do: tokens that are renewed. Counts before `config`. */
  readonly security?: Security
}

/** What a connector is given of its machine. */
export interface ClientPorts {
  readonly clock: Clock
  readonly network: Network
  readonly random: Random
  report?(notice: ConnectorNotice): void
}

/** Checks the options of a cluster without reaching it. @throws `CONNECTOR_OPTION_INVALID` */
export function checkCluster(connector: string, options: KafkaClusterOptions): void {
  if (options.brokers === undefined || options.brokers.length === 0) {
    throw engineError('CONNECTOR_OPTION_INVALID', { connector, option: 'brokers', problem: "is missing: 'host:port', or a list of them" })
  }
  const isList = Array.isArray(options.brokers) && options.brokers.every((broker) => typeof broker === 'string')
  if (typeof options.brokers !== 'string' && !isList) {
    const problem = `is ${inspect(options.brokers, { depth: 1 })}: 'host:port', or a list of them`
    throw engineError('CONNECTOR_OPTION_INVALID', { connector, option: 'brokers', problem })
  }
  checkSecurity(connector, options.security)
  checkConfig(connector, options.config)
  try {
    new LogClient(clientOptions(connector, options)).close()
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'CLIENT_OPTION') throw error
    const { option, expected, value } = error.details
    const isBrokers = option === 'bootstrap' || option === 'bootstrap.servers'
    const name = isBrokers ? 'brokers' : String(option)
    throw engineError('CONNECTOR_OPTION_INVALID', { connector, option: name, problem: `must ${expected}, and is ${value}` }, error)
  }
}

/** The names of the options that sources and sinks share. */
export const clusterOptionNames: OptionNames<KafkaClusterOptions> = { brokers: true, clientId: true, config: true, security: true }

const sslNames: OptionNames<Ssl> = { ca: true, cert: true, key: true, keyPassword: true, verifyHostname: true }
const passwordNames = { mechanism: true, username: true, password: true } as const
const tokenNames = { mechanism: true, token: true, extensions: true } as const
const PROTOCOLS: readonly unknown[] = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] satisfies Security['protocol'][]
const PASSWORD_MECHANISMS: readonly unknown[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] satisfies Sasl['mechanism'][]

/** Who writes JavaScript has no compiler to tell a wrong name, and it would be less secure than meant. */
function checkSecurity(connector: string, security: Security | undefined): void {
  if (security === undefined) return
  const invalid = (option: string, problem: string): never => {
    throw engineError('CONNECTOR_OPTION_INVALID', { connector, option: `security.${option}`, problem })
  }
  checkNestedNames<Security>(connector, 'security', security, { protocol: true, ssl: true, sasl: true })
  const { protocol, ssl, sasl } = security
  if (!PROTOCOLS.includes(protocol)) invalid('protocol', `is ${protocol}: one of ${PROTOCOLS.join(', ')}`)
  checkNestedNames<Ssl>(connector, 'security.ssl', ssl, sslNames)
  if (ssl !== undefined && protocol !== 'SSL' && protocol !== 'SASL_SSL') invalid('ssl', `has no use with the protocol ${protocol}`)
  if (sasl === undefined) return
  if (sasl.mechanism === 'OAUTHBEARER') {
    checkNestedNames(connector, 'security.sasl', sasl, tokenNames)
    if (typeof sasl.token !== 'function') invalid('sasl.token', 'must be a function that answers the token')
    return
  }
  checkNestedNames(connector, 'security.sasl', sasl, passwordNames)
  if (!PASSWORD_MECHANISMS.includes(sasl.mechanism))
    invalid('sasl.mechanism', `is ${sasl.mechanism}: one of ${PASSWORD_MECHANISMS.join(', ')}, OAUTHBEARER`)
  for (const name of ['username', 'password'] as const) if (typeof sasl[name] !== 'string') invalid(`sasl.${name}`, 'must be text')
}

function checkConfig(connector: string, config: KafkaClusterOptions['config']): void {
  if (config === undefined) return
  checkNestedNames<object>(connector, 'config', config, Object.fromEntries(Object.keys(config).map((name) => [name, true])))
  // Numbers are what everybody writes for times.
  const wrong = Object.entries(config).find(([, value]) => typeof value !== 'string')
  if (wrong === undefined) return
  const [name, value] = wrong
  throw engineError('CONNECTOR_OPTION_INVALID', {
    connector,
    option: `config['${name}']`,
    problem: `is ${value}, and must be text`,
  })
}

/** A client of the cluster on the connector's machine. What the client mends by itself is reported as notices. */
export function kafkaClient(connector: string, options: KafkaClusterOptions, ports: ClientPorts): LogClient {
  const { clock, network, random } = ports
  const write = ({ message, fields: { waiting, ...fields } }: LogRecord): void =>
    ports.report?.({ code: waiting === true ? 'KAFKA_WAITING' : 'KAFKA_CLIENT', message: `${connector}: ${message}${told(fields)}` })
  return new LogClient({
    ...clientOptions(connector, options),
    logger: createLogger({ clock, level: 'warn', write }),
    ports: { clock, network, random },
  })
}

function clientOptions(connector: string, { brokers, clientId, config = {}, security }: KafkaClusterOptions): ClientOptions {
  const { bootstrap: _, ...fromConfig } = clientOptionsFromKafka(config)
  return {
    clientId: `millrace-${connector}`,
    ...fromConfig,
    ...(clientId === undefined ? {} : { clientId }),
    ...(security === undefined ? {} : { security }),
    bootstrap: brokers,
  }
}

function told(fields: LogRecord['fields']): string {
  const parts = Object.entries(fields).map(([name, value]) => `${name} ${messageOf(value)}`)
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}
