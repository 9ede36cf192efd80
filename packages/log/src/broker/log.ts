import { resolve as absolute } from 'node:path'
import { createLogger, nodeClock, nodeNetwork, nodeRandom, prometheusText, serveMetrics } from '@millrace/core'
import type { Clock, Logger, MetricServer, MillraceError } from '@millrace/core'
import { logError } from '../errors.ts'
import { Broker } from './broker.ts'
import { BrokerConfig } from './config/index.ts'
import type { Faults } from './faults/faults.ts'
import { checkLogOptions, type LogOptions } from './log-options.ts'
import { logPlace, type LogPlace } from './log-place.ts'
import { listenProblem } from './start-problems.ts'

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
  readonly #place: LogPlace
  readonly #metricServer: MetricServer | undefined
  readonly #logger: Logger
  #reason: MillraceError | undefined
  #closed: Promise<void> | undefined
  /** Makes requests fail, come late, or lose their connection; for tests of what stands in front of the log. */
  readonly faults: Faults
  /** In the order in which they are configured; the properties below are those of the first. */
  readonly listeners: readonly LogListener[]
  /** Where it listens. */
  readonly host: string
  readonly port: number
  /** 'host:port', as clients take it. */
  readonly bootstrap: string
  /**
   * Resolves once it is closed: with the reason (`STORAGE_OFFLINE`), where it has closed itself because the log directory with the metadata of the
   * cluster, or the last one, has failed.
   */
  readonly ended: Promise<MillraceError | undefined>
  readonly #end: (reason: MillraceError | undefined) => void

  private constructor(broker: Broker, place: LogPlace, metricServer: MetricServer | undefined, logger: Logger) {
    this.#broker = broker
    this.#logger = logger
    this.#place = place
    this.#metricServer = metricServer
    this.faults = broker.faults
    this.listeners = broker.listeners.map(({ name, protocol, host, port, advertised }) => {
      return { name, protocol, host, port, bootstrap: `${bracketed(advertised.host)}:${advertised.port}` }
    })
    const { host, port, bootstrap } = this.listeners[0]!
    this.host = host
    this.port = port
    this.bootstrap = bootstrap
    const { promise, resolve } = Promise.withResolvers<MillraceError | undefined>()
    this.ended = promise
    this.#end = resolve
    void broker.lost.then((reason) => this.#lose(reason))
  }

  /**
   * @throws `LOG_OPTION_UNKNOWN`, `LOG_OPTION_INVALID`; `BROKER_CONFIG_UNKNOWN`, `BROKER_CONFIG_INVALID`, `SECURITY_CONFIG` for a setting; `STORAGE_DIRECTORY_OF_OTHER`, `STORAGE_CORRUPT`,
   * `BROKER_METADATA_CORRUPT`, `BROKER_STRAY_LOGS`, `BROKER_DIRECTORY_*` for what is in the directory; `BROKER_CANNOT_LISTEN`
   */
  static async start(options: LogOptions = {}): Promise<Log> {
    checkLogOptions(options)
    const clock = options.ports?.clock ?? nodeClock
    const { memory = false, ports } = options
    const place = await logPlace({ dirs: dirsOf(options), memory, disk: ports?.disk, clock })
    const logger = options.logger ?? createLogger({ clock, level: 'error', write: () => undefined })
    try {
      const broker = await Log.#startBroker({ ...options, logger }, place, clock)
      const metricServer = await Log.#startMetrics(options, broker)
      return new Log(broker, place, metricServer, logger)
    } catch (error) {
      await place.cleanUp()
      throw error
    }
  }

  static #startBroker(options: LogOptions & { readonly logger: Logger }, { dirs, disk, lock }: LogPlace, clock: Clock): Promise<Broker> {
    return Broker.start({
      dirs,
      lock,
      users: options.users ?? {},
      durable: options.durable ?? false,
      config: new BrokerConfig({ ...listenerTexts(options), ...options.config }),
      logger: options.logger,
      onRequest: options.onRequest,
      disk,
      network: options.ports?.network ?? nodeNetwork,
      clock,
      random: options.ports?.random ?? nodeRandom,
    })
  }

  static async #startMetrics({ metricsPort, host = '127.0.0.1' }: LogOptions, broker: Broker): Promise<MetricServer | undefined> {
    if (metricsPort === undefined) return undefined
    try {
      return await serveMetrics({
        host,
        port: metricsPort,
        read: () => prometheusText(broker.metrics.snapshot(), ''),
        unready: () => broker.unreadiness,
      })
    } catch (error) {
      await broker.close()
      throw listenProblem(error, { name: 'metrics', host, port: metricsPort, setBy: 'metricsPort' })
    }
  }

  /** Everything that is counted, as Prometheus reads it; the names are Kafka's where it has them. */
  metrics(): string {
    return prometheusText(this.#broker.metrics.snapshot(), '')
  }

  /** Where metrics are served; undefined where they are not. */
  get metricsPort(): number | undefined {
    return this.#metricServer?.port
  }

  /** Answers what is under way, closes all connections, and makes everything durable. Calling it again gives the same promise. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    try {
      await this.#metricServer?.close()
      await this.#broker.close()
    } finally {
      await this.#place.cleanUp()
      this.#end(this.#reason)
    }
  }

  async #lose(reason: MillraceError): Promise<void> {
    if (this.#closed !== undefined) return
    this.#reason = reason
    this.#logger.error('the broker stops: it cannot go on without the log directory that has failed', { problem: reason.message })
    await this.close().catch((error: unknown) => this.#logger.warn('the broker could not be closed cleanly', { problem: String(error) }))
  }
}

/** @throws BROKER_CONFIG_INVALID */
function dirsOf({ dir, config = {} }: LogOptions): readonly string[] | undefined {
  const named = config['log.dirs'] ?? config['log.dir']
  const dirs = dir === undefined ? named?.split(',').map((each) => each.trim()) : [dir].flat()
  if (dirs === undefined) return undefined
  const invalid = (problem: string): Error => logError('BROKER_CONFIG_INVALID', { name: 'log.dirs', problem })
  if (dirs.length === 0 || dirs.includes('')) throw invalid('it names no directory')
  const repeated = dirs.find((each, index) => dirs.findIndex((other) => absolute(other) === absolute(each)) < index)
  if (repeated !== undefined) throw invalid(`${repeated} is there twice`)
  return dirs
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
