/** What `Log.start` is given, and the checks of it: whoever calls may have no compiler that says what is right. */
import { inspect } from 'node:util'
import { unknownOption, type Clock, type Disk, type Logger, type Network, type Random } from '@millrace/core'
import { logError } from '../errors.ts'
import type { RequestLogEntry } from './metrics/request-log.ts'

/** Where a log keeps its records and where it listens, for `Log.start`. */
export interface LogOptions {
  /**
   * The log directory, or several, as `log.dirs` of Kafka: a new partition goes where there are the fewest, and a directory that fails takes its
   * own partitions with it alone. Made if they are missing. One broker at a time may have them. Without it, without `log.dirs` in `config`, and
   * without `memory`: a temporary folder that `close` removes.
   */
  readonly dir?: string | readonly string[]
  /** Keeps everything in the memory of this process, where `close` leaves nothing; for tests. False by default. */
  readonly memory?: boolean
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
  /** Hears of every request once it is answered, for debugging; nobody by default. */
  readonly onRequest?: (request: RequestLogEntry) => void
  /** Serves metrics for Prometheus at `/metrics` of this port, and whether every log directory is there at `/ready`, on `host`; 0 takes any free one. Not served by default; `metrics()` gives the same. */
  readonly metricsPort?: number
  /** Other machines than this one; for simulation. */
  readonly ports?: { readonly disk?: Disk; readonly network?: Network; readonly clock?: Clock; readonly random?: Random }
}

type Check = readonly [expected: string, is: (value: unknown) => boolean]

const text: Check = ['text', isText]
const flag: Check = ['true or false', (value) => typeof value === 'boolean']
const port: Check = ['a port, 0 to 65535', (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffff]
const object: Check = ['an object', (value) => typeof value === 'object' && value !== null && !Array.isArray(value)]

const checks: { readonly [name in keyof Required<LogOptions>]: Check } = {
  dir: ['a folder, or a list of them', (value) => isText(value) || (Array.isArray(value) && value.every(isText))],
  memory: flag,
  host: text,
  port,
  advertisedHost: text,
  durable: flag,
  config: object,
  users: object,
  logger: object,
  onRequest: ['a function', (value) => typeof value === 'function'],
  metricsPort: port,
  ports: object,
}

/** With a misspelled name records would be in a temporary folder, or not durable, without a word. @throws LOG_OPTION_UNKNOWN, LOG_OPTION_INVALID */
export function checkLogOptions(options: LogOptions): void {
  const unknown = unknownOption(options, checks)
  if (unknown !== undefined) {
    const { option, known, nearest } = unknown
    throw logError('LOG_OPTION_UNKNOWN', { option, meant: nearest === undefined ? `: ${known.join(', ')}` : `; did you mean ${nearest}?` })
  }
  for (const [option, value] of Object.entries(options))
    if (value !== undefined) checkOption(option, value, checks[option as keyof LogOptions])
  const { config = {}, users = {} } = options
  // Numbers are what everybody writes.
  for (const [name, value] of Object.entries(config)) checkOption(`config['${name}']`, value, text)
  for (const [name, value] of Object.entries(users)) if (!isText(value)) throw invalid(`users['${name}']`, 'text', typeof value)
}

function checkOption(option: string, value: unknown, [expected, is]: Check): void {
  if (!is(value)) throw invalid(option, expected, inspect(value, { depth: 0, maxStringLength: 80 }))
}

function invalid(option: string, expected: string, value: string): Error {
  return logError('LOG_OPTION_INVALID', { option, expected, value })
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
