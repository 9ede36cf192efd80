import { createLogger, nodeClock, nodeDisk, nodeNetwork, nodeRandom } from '@millrace/core'
import type { Clock, Disk, Logger, Network, Random } from '@millrace/core'
import { Broker } from './broker.ts'
import { BrokerConfig } from './config/index.ts'

export interface LogOptions {
  /** The log directory; made if it is missing. One broker at a time may have it. */
  readonly dir: string
  /** Where it listens: '127.0.0.1' by default, so that nobody else reaches it. For more than one listener, TLS or SASL: `listeners` in `config`. */
  readonly host?: string
  /** 0, the default, takes any free port. */
  readonly port?: number
  /** The host that clients are told to connect to; by default `host`, and 'localhost' where that stands for every interface. */
  readonly advertisedHost?: string
  /** Whether records are synced to the disk before they are acknowledged; false by default, as in Kafka. */
  readonly durable?: boolean
  /** Settings by Kafka's names, as text: `{ 'num.partitions': '3', 'log.retention.hours': '1' }`; Kafka's defaults for the rest. */
  readonly config?: Readonly<Record<string, string>>
  /**
   * Passwords of users by name, for SASL PLAIN and SCRAM. They are not stored; credentials of SCRAM that are stored for a user count before.
   */
  readonly users?: Readonly<Record<string, string>>
  /** Hears of closed connections and of trouble with the disk; nobody by default. */
  readonly logger?: Logger
  /** Other machines than this one; for simulation. */
  readonly ports?: { readonly disk?: Disk; readonly network?: Network; readonly clock?: Clock; readonly random?: Random }
}

/** A listener as clients may know it. */
export interface LogListener {
  readonly name: string
  readonly protocol: 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'
  readonly host: string
  readonly port: number
  /** 'host:port', as clients take it. */
  readonly bootstrap: string
}

/**
 * A log in this process: one broker that speaks the Apache Kafka protocol.
 *
 * `const log = await Log.start({ dir })` is ready for Kafka's clients at `log.bootstrap` when it resolves.
 */
export class Log {
  readonly #broker: Broker
  /** In the order in which they are configured; the properties below are those of the first. */
  readonly listeners: readonly LogListener[]
  /** Where it listens. */
  readonly host: string
  readonly port: number
  /** 'host:port', as clients take it. */
  readonly bootstrap: string

  private constructor(broker: Broker) {
    this.#broker = broker
    this.listeners = broker.listeners.map(({ name, protocol, host, port, advertised }) => {
      return { name, protocol, host, port, bootstrap: `${bracketed(advertised.host)}:${advertised.port}` }
    })
    const { host, port, bootstrap } = this.listeners[0]!
    this.host = host
    this.port = port
    this.bootstrap = bootstrap
  }

  /**
   * @throws `BROKER_CONFIG_UNKNOWN`, `BROKER_CONFIG_INVALID`, `SECURITY_CONFIG` for a setting; `STORAGE_DIRECTORY_OF_OTHER`, `STORAGE_CORRUPT`,
   * `BROKER_METADATA_CORRUPT`, `BROKER_STRAY_LOGS` for what is in the directory; NetworkError where it cannot listen; DiskError
   */
  static async start(options: LogOptions): Promise<Log> {
    const clock = options.ports?.clock ?? nodeClock
    const broker = await Broker.start({
      dir: options.dir,
      users: options.users ?? {},
      durable: options.durable ?? false,
      config: new BrokerConfig({ ...listenerTexts(options), ...options.config }),
      logger: options.logger ?? createLogger({ clock, level: 'error', write: () => undefined }),
      disk: options.ports?.disk ?? nodeDisk,
      network: options.ports?.network ?? nodeNetwork,
      clock,
      random: options.ports?.random ?? nodeRandom,
    })
    return new Log(broker)
  }

  /** Answers what is under way, closes all connections, and makes everything durable. Calling it again gives the same promise. */
  close(): Promise<void> {
    return this.#broker.close()
  }
}

/** The one listener that there is without `listeners`. */
function listenerTexts({ host = '127.0.0.1', port = 0, advertisedHost, config = {} }: LogOptions): Record<string, string> {
  if (config['listeners'] !== undefined) return {}
  const advertised = advertisedHost === undefined ? {} : { 'advertised.listeners': `PLAINTEXT://${bracketed(advertisedHost)}:0` }
  return { listeners: `PLAINTEXT://${bracketed(host)}:${port}`, ...advertised }
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
