import { DiskError, folderProblem, MillraceError, messageOf } from '@millrace/core'
import { engineError } from '../errors.ts'
import type { Damage } from './storage.ts'

/** Turns what a disk says into what an operator can act upon; errors of our own pass through. */
export function storageError(error: unknown, path: string): MillraceError {
  if (error instanceof MillraceError) return error
  const problem = messageOf(error)
  const reason = error instanceof DiskError ? error.reason : 'other'
  if (reason === 'no-space') return engineError('CHECKPOINT_STORAGE_FULL', { path }, error)
  if (reason === 'not-permitted') return engineError('CHECKPOINT_STORAGE_NOT_WRITABLE', { path, problem }, error)
  if (reason === 'not-a-directory') return engineError('CHECKPOINT_STORAGE_NOT_WRITABLE', { path, problem: folderProblem(error) }, error)
  if (reason === 'not-found') return engineError('CHECKPOINT_STORAGE_LOST', { path }, error)
  return engineError('CHECKPOINT_STORAGE_FAILED', { path, problem }, error)
}

export async function withStorageErrors<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw storageError(error, path)
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof DiskError && error.reason === 'not-found'
}

/** For what is to be gone: fine if it is. @throws any other error */
export function unlessNotFound(error: unknown): void {
  if (!isNotFound(error)) throw error
}

/** What is wrong with data that are damaged, as a part of another message. */
export function damageOf(error: unknown): string {
  if (!(error instanceof MillraceError) || error.code !== 'CHECKPOINT_DAMAGED') return messageOf(error)
  return `${error.details['path']}: ${error.details['problem']}`
}

export function damageBy(error: unknown): Damage {
  return { problem: damageOf(error), cause: error }
}

/** There is nothing, and on this path there cannot be. */
export function isAbsent(error: unknown): boolean {
  return isNotFound(error) || (error instanceof DiskError && error.reason === 'not-a-directory')
}

/** Whether a failed read says that the data are bad, and not that the machine has no permission or no handles left. */
export function isDamage(error: unknown): boolean {
  if (error instanceof DiskError) return ['not-found', 'input-output', 'is-a-directory', 'not-a-directory'].includes(error.reason)
  return (
    error instanceof TypeError || error instanceof SyntaxError || (error instanceof MillraceError && error.code === 'CHECKPOINT_DAMAGED')
  )
}
