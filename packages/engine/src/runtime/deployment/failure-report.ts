import { MillraceError } from '@millrace/core'
import { OperatorFailure } from '../../operators/failure.ts'
import { describeThrown, isError, propertyOf } from '../../operators/thrown.ts'
import type { FailureReport } from './messages.ts'

/** Links of a chain of causes that are looked at. */
const CAUSES_MAX = 10

/** An error as plain data, for its way to another thread. */
export function reportFailure(thrown: unknown, capsule?: FailureReport['capsule']): FailureReport {
  const error = isError(thrown) ? thrown : noError(thrown)
  const { name, message, stack, code } = describeThrown(error)
  const site = error instanceof OperatorFailure ? error.site : undefined
  const cause = propertyOf(error, 'cause')
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
    ...ownerOf(error),
    final: isFinal(error),
    restoreBefore: restoreBeforeOf(error),
    capsule,
  }
}

function noError(thrown: unknown): Error {
  return new Error(`something that is no Error was thrown: ${describeThrown(thrown).message}`)
}

/** The errors of ours among an error and what is behind it. */
function* ownErrors(error: unknown): Generator<MillraceError> {
  for (let at = error, depth = 0; isError(at) && depth < CAUSES_MAX; at = propertyOf(at, 'cause'), depth++)
    if (at instanceof MillraceError) yield at
}

/** Whether the error, or what is behind it, says that no restart helps. */
function isFinal(error: unknown): boolean {
  for (const { final } of ownErrors(error)) if (final) return true
  return false
}

/** Errors that have a detail of this name ask for an older checkpoint. */
function restoreBeforeOf(error: unknown): number | undefined {
  for (const { details } of ownErrors(error)) if (typeof details['restoreBefore'] === 'number') return details['restoreBefore']
  return undefined
}

/** Who must act, and whether to try again. What a function throws that is none of ours is its author's, and comes again with the same record. */
function ownerOf(error: unknown): Pick<FailureReport, 'who' | 'retry'> {
  const said = error instanceof OperatorFailure ? error.cause : error
  if (isError(said) && said instanceof MillraceError) return { who: said.who, retry: said.retry }
  return error instanceof OperatorFailure ? { who: 'user', retry: false } : { who: 'bug', retry: true }
}

/**
 * What a running job has failed with, as its end is rejected with it: it may come from another thread, so it is made anew from what was told of it.
 *
 * Name, message, stack, code and cause are those of the error. `who` must act and whether to `retry`: as the error itself says; of what a function of the job threw, the
 * user, and no. Where it was is in `details`: `operator`, `subtask`, `during`, `position`.
 */
export class ReportedError extends MillraceError {
  constructor(report: FailureReport) {
    const { code = 'JOB_FAILED', who, retry, final, operator, subtask, during, position } = report
    const details = Object.fromEntries(Object.entries({ operator, subtask, during, position }).filter(([, value]) => value !== undefined))
    super(code, { who, retry, message: '', ...(final ? { final } : {}) }, details)
    Object.assign(this, { name: report.name, message: report.message, stack: report.stack })
    if (report.cause !== undefined) {
      const { name, message, stack, code: causeCode } = report.cause
      this.cause = Object.assign(new Error(message), { name, stack, ...(causeCode === undefined ? {} : { code: causeCode }) })
    }
  }
}
