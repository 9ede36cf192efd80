import { messageOf } from '@millrace/core'
import { engineError } from '../errors.ts'

/** What `format` makes of a record, or `SINK_FORMAT_FAILED`. */
export function formatRecord<T, R extends string | Uint8Array>(connector: string, name: string, format: (value: T) => R, value: T): R {
  let problem: string
  let cause: unknown
  try {
    const formatted = format(value)
    if (typeof formatted === 'string' || formatted instanceof Uint8Array) return formatted
    problem = `it gives ${typeof formatted}`
  } catch (error) {
    problem = messageOf(error)
    cause = error
  }
  throw engineError('SINK_FORMAT_FAILED', { connector, format: name, problem }, cause)
}
