import { MillraceError } from '@millrace/core'
import { engineError } from '../../errors.ts'

/** What PostgreSQL tells of an error, as far as it does. */
export interface DatabaseProblem {
  readonly message: string
  /** SQLSTATE, or a code of Node's. */
  readonly code?: string
  readonly detail?: string
  readonly table?: string
  readonly column?: string
  readonly constraint?: string
}

/** What kind of error it is. Pure. */
export function kindOf({ code = '' }: DatabaseProblem): 'later' | 'row' | 'refused' {
  // Also what a trigger says of a row (RAISE), and one that is too large for an index.
  if (/^(21000|2[23]...|44000|P0001|54000)$/.test(code)) return 'row'
  // Connection, resources, shutdown and start-up, serialization and deadlock, locks, cancelled by a time-out, a transaction that was open for too long, a server that is only a replica now.
  if (/^(08...|53...|57P0[1-5]|57014|40...|55P03|55006|25006|25P0[34]|58...|XX000)$/.test(code)) return 'later'
  if (/^[0-9A-Z]{5}$/.test(code) && /[0-9]/.test(code)) return 'refused'
  // No SQLSTATE: of the socket.
  return 'later'
}

/** Whether the driver has given up waiting for an answer: its error has no code. */
export function isUnanswered(error: unknown): boolean {
  const cause = error instanceof MillraceError ? error.cause : error
  return cause instanceof Error && cause.message === 'Query read timeout'
}

/** An error of the driver as one of the sink. `row`: the one that was written, as JSON. */
export function databaseError(cause: unknown, table: string, row?: string): MillraceError {
  if (cause instanceof MillraceError) return cause
  if (isUnanswered(cause)) return engineError('POSTGRES_SINK_UNAVAILABLE', { problem: UNANSWERED }, cause)
  const problem = cause as Partial<DatabaseProblem>
  const { message = String(cause), code, detail, column, constraint } = problem
  const text = [message, detail].filter((part) => part !== undefined).join(': ') + (code === undefined ? '' : ` (${code})`)
  const kind = kindOf({ message, ...(code === undefined ? {} : { code }) })
  if (kind === 'later') return engineError('POSTGRES_SINK_UNAVAILABLE', { problem: text }, cause)
  if (kind === 'refused' || row === undefined) return engineError('POSTGRES_SINK_REFUSED', { table, problem: text }, cause)
  const place = [column === undefined ? '' : ` in column ${column}`, constraint === undefined ? '' : ` by constraint ${constraint}`].join(
    '',
  )
  return engineError('POSTGRES_SINK_RECORD_REFUSED', { table, row: shortened(row), place, problem: text }, cause)
}

const UNANSWERED =
  'it has not answered a statement in statementTimeout and 5 s more: see whether the server runs and can be reached, or give statementTimeout more time'
const ROW_CHARACTERS_MAX = 500

function shortened(row: string): string {
  return row.length <= ROW_CHARACTERS_MAX ? row : `${row.slice(0, ROW_CHARACTERS_MAX)}…`
}
