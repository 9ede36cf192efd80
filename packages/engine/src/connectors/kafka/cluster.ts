import { createLogger, MillraceError, type Clock, type LogRecord, type Network, type Random, messageOf } from '@millrace/core'
import { clientOptionsFromKafka, LogClient, type ClientOptions, type Security } from '@millrace/log/client'
import { engineError } from '../../errors.ts'
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
