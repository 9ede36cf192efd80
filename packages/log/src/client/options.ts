import { inspect } from 'node:util'
import type { Clock, Logger, Network, Random } from '@millrace/core'
import { createLogger, nodeClock, nodeNetwork, nodeRandom } from '@millrace/core'
import { parseAddresses, type Address } from './connection/address.ts'
import type { Security } from './connection/security.ts'
import { clientError } from './errors.ts'
import { checkOptionNames, type OptionNames } from './option-checks.ts'

/** How a client reaches a cluster. Times are milliseconds. Names in quotes are Kafka's for the same. */
export interface ClientOptions {
  /** Brokers to begin with, as a list or comma separated: 'a:9092,b:9092'. `bootstrap.servers`. */
  readonly bootstrap: string | readonly string[]
  /** `client.id`; 'millrace' by default. */
  readonly clientId?: string
  /** `security.protocol` and what belongs to it; PLAINTEXT by default. */
  readonly security?: Security
  /** `request.timeout.ms`: 30,000 by default. */
  readonly requestTimeoutMs?: number
  /** `socket.connection.setup.timeout.ms`: 10,000 by default. */
  readonly connectTimeoutMs?: number
  /** `retry.backoff.ms`: 100 by default; doubles up to `retryBackoffMaxMs`, with a jitter of a fifth. */
  readonly retryBackoffMs?: number
  /** `retry.backoff.max.ms`: 1,000 by default. */
  readonly retryBackoffMaxMs?: number
  /** `reconnect.backoff.ms`: 50 by default; doubles up to `reconnectBackoffMaxMs`, with a jitter of a fifth. */
  readonly reconnectBackoffMs?: number
  /** `reconnect.backoff.max.ms`: 1,000 by default. */
  readonly reconnectBackoffMaxMs?: number
  /** `default.api.timeout.ms`: how long a call is tried again before it fails; 60,000 by default. */
  readonly apiTimeoutMs?: number
  /** `metadata.max.age.ms`: 300,000 by default. */
  readonly metadataMaxAgeMs?: number
  /** Largest response that is taken; 256 MiB by default. */
  readonly responseBytesMax?: number
  /** Hears of lost connections, retries and what was mended; nobody by default. */
  readonly logger?: Logger
  /** Another machine than this one; for simulation. */
  readonly ports?: { readonly network?: Network; readonly clock?: Clock; readonly random?: Random }
}

/** Options with every default. */
export interface ClientSettings {
  readonly bootstrap: readonly Address[]
  readonly clientId: string
  readonly security: Security
  readonly requestTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly retryBackoffMs: number
  readonly retryBackoffMaxMs: number
  readonly reconnectBackoffMs: number
  readonly reconnectBackoffMaxMs: number
  readonly apiTimeoutMs: number
  readonly metadataMaxAgeMs: number
  readonly responseBytesMax: number
  readonly logger: Logger
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
}

const optionNames: OptionNames<ClientOptions> = {
  bootstrap: true,
  clientId: true,
  security: true,
  requestTimeoutMs: true,
  connectTimeoutMs: true,
  retryBackoffMs: true,
  retryBackoffMaxMs: true,
  reconnectBackoffMs: true,
  reconnectBackoffMaxMs: true,
  apiTimeoutMs: true,
  metadataMaxAgeMs: true,
  responseBytesMax: true,
  logger: true,
  ports: true,
}

function checkBootstrap(given: unknown): void {
  if (typeof given === 'string' || (Array.isArray(given) && given.every((each) => typeof each === 'string'))) return
  throw clientError('CLIENT_OPTION', { option: 'bootstrap', expected: "be brokers as 'host:port'", value: inspect(given, { depth: 1 }) })
}

/** @throws `CLIENT_OPTION` */
export function clientSettings(options: ClientOptions): ClientSettings {
  checkOptionNames('a client', (options as ClientOptions | undefined) ?? {}, optionNames)
  checkBootstrap((options as ClientOptions | undefined)?.bootstrap)
  const clock = options.ports?.clock ?? nodeClock
  const positive = (option: keyof ClientOptions, value: number): number => {
    if (Number.isFinite(value) && value > 0) return value
    throw clientError('CLIENT_OPTION', { option, expected: 'be a positive number', value })
  }
  const clientId = options.clientId ?? 'millrace'
  if (typeof clientId !== 'string') throw clientError('CLIENT_OPTION', { option: 'clientId', expected: 'be text', value: String(clientId) })
  return {
    bootstrap: parseAddresses(options.bootstrap),
    clientId,
    security: options.security ?? { protocol: 'PLAINTEXT' },
    requestTimeoutMs: positive('requestTimeoutMs', options.requestTimeoutMs ?? 30_000),
    connectTimeoutMs: positive('connectTimeoutMs', options.connectTimeoutMs ?? 10_000),
    retryBackoffMs: positive('retryBackoffMs', options.retryBackoffMs ?? 100),
    retryBackoffMaxMs: positive('retryBackoffMaxMs', options.retryBackoffMaxMs ?? 1_000),
    reconnectBackoffMs: positive('reconnectBackoffMs', options.reconnectBackoffMs ?? 50),
    reconnectBackoffMaxMs: positive('reconnectBackoffMaxMs', options.reconnectBackoffMaxMs ?? 1_000),
    apiTimeoutMs: positive('apiTimeoutMs', options.apiTimeoutMs ?? 60_000),
    metadataMaxAgeMs: positive('metadataMaxAgeMs', options.metadataMaxAgeMs ?? 300_000),
    responseBytesMax: positive('responseBytesMax', options.responseBytesMax ?? 256 * 1024 * 1024),
    logger: options.logger ?? createLogger({ clock, level: 'error', write: () => undefined }),
    network: options.ports?.network ?? nodeNetwork,
    clock,
    random: options.ports?.random ?? nodeRandom,
  }
}
