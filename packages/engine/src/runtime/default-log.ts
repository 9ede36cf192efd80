/** What a job says where nobody looks at its events. */
import { formatLogRecord, isLogged, type LogRecord } from '@millrace/core'
import type { JobEvent } from './job-types.ts'

/** The line of an event: what the engine and `ctx.log` say, and what goes wrong without ending the job. Undefined: it is nothing of that. */
export function lineOf(event: JobEvent): LogRecord | undefined {
  if (event.kind === 'log') return event.record
  if (event.kind === 'checkpoint-failed') {
    const isFailure = event.reason !== 'closed' && event.reason !== 'subsumed'
    return isFailure ? warning(event.timeMs, `checkpoint ${event.checkpointId} failed`, event.error) : undefined
  }
  if (event.kind !== 'restarting') return undefined
  const region = event.region === undefined ? '' : ` of region ${event.region.id}`
  return warning(event.timeMs, `restart ${event.restart}${region} in ${event.delayMs} ms`, event.failure.error)
}

/** What is ours says all in its message; the stack that matters is that of the function which threw. */
function warning(timeMs: number, what: string, { message, cause }: Error): LogRecord {
  return { timeMs, level: 'warn', message: `${what}: ${message}`, fields: cause instanceof Error ? { error: cause } : {} }
}

/** Warnings and errors, as text on the standard error. */
export function warnOnConsole(record: LogRecord): void {
  // oxlint-disable-next-line no-console -- where whoever calls a library expects its warnings, and can catch them
  if (isLogged(record.level, 'warn')) console.warn(formatLogRecord(record, 'text', false))
}
