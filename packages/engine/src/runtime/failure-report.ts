import { MillraceError } from '@millrace/core'
import { OperatorFailure } from '../operators/failure.ts'
import type { FailureCause, FailureReport } from './messages.ts'

/** Links of a chain of causes that are looked at. */
const CAUSES_MAX = 10

/** An error as plain data, for its way to another thread. */
export function reportFailure(error: unknown, capsule?: FailureReport['capsule']): FailureReport {
  const base = error instanceof Error ? error : new Error(`something that is no Error was thrown: ${String(error)}`)
  const site = error instanceof OperatorFailure ? error.site : undefined
  const { cause } = base
  return {
    name: base.name,
    message: base.message,
    stack: base.stack ?? `${base.name}: ${base.message}`,
    code: codeOf(base),
    operator: site?.operator,
    stateId: site?.stateId,
    subtask: site?.subtask,
    during: site?.during,
    position: site?.position,
    cause: cause === undefined ? undefined : describeCause(cause),
    who: error instanceof MillraceError ? error.who : error instanceof OperatorFailure ? causeOwner(cause) : 'bug',
    retry: error instanceof MillraceError ? error.retry : true,
    final: isFinal(error),
    restoreBefore: restoreBeforeOf(error),
    capsule,
  }
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

function describeCause(cause: unknown): FailureCause {
  if (!(cause instanceof Error)) return { name: 'Error', message: String(cause), stack: String(cause), code: undefined }
  return { name: cause.name, message: cause.message, stack: cause.stack ?? '', code: codeOf(cause) }
}

function codeOf(error: Error): string | undefined {
  const { code } = error as { readonly code?: unknown }
  return typeof code === 'string' || typeof code === 'number' ? String(code) : undefined
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
