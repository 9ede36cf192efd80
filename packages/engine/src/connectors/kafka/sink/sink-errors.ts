import { MillraceError, messageOf } from '@millrace/core'
import { errorClassOf, isRetriable } from '@millrace/log/client'
import { engineError } from '../../../errors.ts'

/** An error of the client as one of the sink: whether a restart of the job may help is another question than whether the same call may. */
export function writeFailure(cause: unknown): MillraceError {
  if (cause instanceof MillraceError && cause.code.startsWith('KAFKA_SINK')) return cause
  const problem = messageOf(cause)
  if (!(cause instanceof MillraceError)) return engineError('KAFKA_SINK_FAILED', { problem }, cause)
  const root = cause.code === 'CLIENT_TRANSACTION_ABORTABLE' && cause.cause instanceof MillraceError ? cause.cause : cause
  if (errorClassOf(root) === 'fenced' || root.code === 'CLIENT_TRANSACTION_ENDED') {
    return engineError('KAFKA_SINK_FENCED', { ...root.details, problem }, cause)
  }
  const mayHelp = isRetriable(root) || root.code === 'CLIENT_RECORDS_DROPPED' || root.code === 'CLIENT_BAD_RESPONSE'
  return engineError(mayHelp ? 'KAFKA_SINK_FAILED' : 'KAFKA_SINK_REFUSED', { ...root.details, problem }, cause)
}

/** Whether the coordinator says that a transaction is not there to be ended: it is over, one way or the other. */
export function isOver(error: unknown): boolean {
  const { code } = error as Partial<MillraceError>
  return code === 'CLIENT_FENCED' || code === 'CLIENT_TRANSACTION_ENDED'
}

/** Whether a record cannot be written for what it is, whatever the transaction. */
export function isAboutRecord(error: unknown): boolean {
  const { code } = error as Partial<MillraceError>
  return code === 'CLIENT_RECORD_TOO_LARGE' || code === 'CLIENT_RECORD_INVALID'
}
