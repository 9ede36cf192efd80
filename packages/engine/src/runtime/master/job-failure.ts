import { MillraceError } from '@millrace/core'
import { ReportedError } from '../deployment/failure-report.ts'
import type { JobFailure } from '../job-types.ts'
import type { FailureReport } from '../deployment/messages.ts'
import { shellWord } from '../shell-word.ts'

/** Whether a restart may mend it: not what is lost, and not what is wrong with the job before any of its operators has run. */
export function isRecoverable({ final, retry, who, operator }: FailureReport): boolean {
  return !final && (retry || who !== 'user' || operator !== undefined)
}

/** A storage that was good before, and that whoever looks after it makes good again: a disk that is mounted read-only for a while, credentials that have expired. */
const outOfOrder: ReadonlySet<string> = new Set(['CHECKPOINT_STORAGE_NOT_WRITABLE', 'CHECKPOINT_STORAGE_FORBIDDEN'])

/** Whether a job that has run before may start yet, though it could not now. What it starts from is as good as it was. */
export function isPassing(error: unknown): error is MillraceError {
  return error instanceof MillraceError && (error.retry || outOfOrder.has(error.code))
}

/** A failure as users see it. `origin`: where the job comes from, and the checkpoint that it goes on from. */
export function jobFailure(
  report: FailureReport,
  origin: { readonly module: string | undefined; readonly checkpoint: string | undefined },
): JobFailure {
  const { module, checkpoint } = origin
  return {
    error: new ReportedError(report),
    ...(report.operator === undefined ? {} : { operator: report.operator }),
    ...(report.subtask === undefined ? {} : { subtask: report.subtask }),
    ...(report.position === undefined ? {} : { position: report.position }),
    ...(report.capsule === undefined ? {} : { capsule: report.capsule }),
    // Only what an operator fails on comes again with the same input.
    ...(report.operator === undefined || module === undefined || checkpoint === undefined
      ? {}
      : { replay: `millrace replay -s ${shellWord(checkpoint)} ${shellWord(module)} --inspect-brk` }),
  }
}
