import { MillraceError } from '@millrace/core'
import { OperatorFailure } from '../operators/failure.ts'
import { describeThrown, isError } from '../operators/thrown.ts'
import type { FailureReport } from './messages.ts'

/** Links of a chain of causes that are looked at. */
const CAUSES_MAX = 10

/** An error as plain data, for its way to another thread. */
export function reportFailure(error: unknown, capsule?: FailureReport['capsule']): FailureReport {
  const { name, message, stack, code } = describeThrown(isError(error) ? error : noError(error))
  const site = error instanceof OperatorFailure ? error.site : undefined
  const cause = isError(error) ? error.cause : undefined
  return {
    name,
    message,
    stack,
    code,
    operator: site?.operator,
    stateId: site?.stateId,
    subtask: site?.subtask,
    during: site?.during,
    position: site?.position,
    cause: cause === undefined ? undefined : describeThrown(cause),
    who: error instanceof MillraceError ? error.who : error instanceof OperatorFailure ? causeOwner(cause) : 'bug',
    retry: error instanceof MillraceError ? error.retry : true,
    final: isFinal(error),
    restoreBefore: restoreBeforeOf(error),
    capsule,
  }
}

function noError(thrown: unknown): Error {
  return new Error(`something that is no Error was thrown: ${describeThrown(thrown).message}`)
}

/** Whether the error, or what is behind it, says that no restart helps. */
function isFinal(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < CAUSES_MAX; at = at.cause, depth++) {
    if (at instanceof MillraceError && at.final) return true
  }
  return false
}

/** Errors that have a detail of this name ask for an older checkpoint. */
function restoreBeforeOf(error: unknown): number | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < CAUSES_MAX; at = at.cause, depth++) {
    if (at instanceof MillraceError && typeof at.details['restoreBefore'] === 'number') return at.details['restoreBefore']
  }
  return undefined
}

function causeOwner(cause: unknown): 'user' | 'operator' | 'bug' {
  return cause instanceof MillraceError ? cause.who : 'user'
}

/** The error back again: its class is lost, its name, message, stack, code and cause, with its own code, are not. */
export class ReportedError extends Error {
  readonly report: FailureReport
  readonly code: string | undefined

  constructor(report: FailureReport) {
    super(report.message)
    this.name = report.name
    this.code = report.code
    this.stack = report.stack
    this.report = report
    if (report.cause !== undefined) {
      const { name, message, stack, code } = report.cause
      this.cause = Object.assign(new Error(message), { name, stack, ...(code === undefined ? {} : { code }) })
    }
  }
}
