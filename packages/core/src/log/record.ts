/** From the least to the most urgent. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** What a field of a log record may be. Errors keep their stack; everything else is plain data. */
export type LogFields = { readonly [name: string]: unknown }

/** One line of a log as plain data, so that it can travel between threads before anyone formats it. */
export interface LogRecord {
  /** Wall clock, milliseconds since 1970. */
  readonly timeMs: number
  readonly level: LogLevel
  readonly message: string
  /** The logger's context and the call's own fields, the call's winning. */
  readonly fields: LogFields
}
