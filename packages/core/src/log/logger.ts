import type { Clock } from '../io/clock.ts'
import type { LogFields, LogLevel, LogRecord } from './record.ts'

/** Where the engine and the user's functions say what happens. Cheap where nothing is written: the level is checked first. */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** The same log, with these fields on every record. */
  child(context: LogFields): Logger
}

const urgency: { readonly [L in LogLevel]: number } = { debug: 0, info: 1, warn: 2, error: 3 }

/** Whether a record of `level` is written by a log whose least urgent level is `least`. */
export function isLogged(level: LogLevel, least: LogLevel): boolean {
  return urgency[level] >= urgency[least]
}

/** What a log writes, and where to. */
export interface LoggerOptions {
  /** The time that records bear. */
  readonly clock: Clock
  /** The least urgent level that is written. */
  readonly level: LogLevel
  /** Called with each record, on the thread and at the moment it is logged. */
  readonly write: (record: LogRecord) => void
  /** Fields of every record; none by default. */
  readonly context?: LogFields
}

/** A log that hands its records to `write`. Fields of a call go before those of the context. */
export function createLogger(options: LoggerOptions): Logger {
  const context = options.context ?? {}
  const at =
    (level: LogLevel) =>
    (message: string, fields?: LogFields): void => {
      if (!isLogged(level, options.level)) return
      options.write({ timeMs: options.clock.now(), level, message, fields: fields === undefined ? context : { ...context, ...fields } })
    }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (more) => createLogger({ ...options, context: { ...context, ...more } }),
  }
}
