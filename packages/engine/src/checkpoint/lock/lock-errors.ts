import { MillraceError } from '@millrace/core'
import { engineError } from '../../errors.ts'
import type { LockClaim } from './lock-claim.ts'

/** `path`: of the claim. */
export function claimRefusal(code: 'JOB_LOCKED' | 'JOB_LOCK_UNDECIDED', claim: LockClaim, path: string): MillraceError {
  const { jobName, attempt, sinceMs, owner } = claim
  return engineError(code, { jobName, pid: owner.pid, host: owner.host, attempt, since: new Date(sinceMs).toISOString(), path })
}

/** Whoever looked on whether it still lives was to end. */
export function lockGivenUp({ jobName, attempt, owner }: LockClaim): MillraceError {
  return engineError('JOB_LOCK_GIVEN_UP', { jobName, attempt, pid: owner.pid, host: owner.host })
}

export function isLockGivenUp(error: unknown): boolean {
  return error instanceof MillraceError && error.code === 'JOB_LOCK_GIVEN_UP'
}

/** Whether somebody else has the lock, or may have. */
export function isLockHeld(error: unknown): error is MillraceError {
  return error instanceof MillraceError && ['JOB_LOCKED', 'JOB_LOCK_UNDECIDED', 'JOB_LOCK_GIVEN_UP', 'JOB_FENCED'].includes(error.code)
}

/** Instead of JOB_LOCKED, where not the job itself but its checkpoint is wanted. */
export function claimOfRunningJob(path: string, locked: MillraceError): MillraceError {
  return engineError('CLAIM_OF_RUNNING_JOB', { ...locked.details, path })
}

export function jobFenced(jobName: string, attempt: number, newer: number): MillraceError {
  return engineError('JOB_FENCED', { jobName, attempt, newer })
}

export function isJobFenced(error: unknown): error is MillraceError {
  return error instanceof MillraceError && error.code === 'JOB_FENCED'
}

/** What is said before a claim is watched: it takes a while. */
export function lookingOn({ attempt, leaseMs, owner }: LockClaim): string {
  const lease = Math.round((leaseMs ?? 0) / 1_000)
  return `whether process ${owner.pid} on ${owner.host}, which ran attempt ${attempt}, still lives cannot be seen from here: it is taken over unless it renews its lock within ${lease} s`
}
