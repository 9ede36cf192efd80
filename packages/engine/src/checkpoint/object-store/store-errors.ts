import { MillraceError, messageOf } from '@millrace/core'
import { engineError } from '../../errors.ts'
import { isDamage } from '../storage-errors.ts'
import { isObjectMissing, ObjectStoreError } from './object-store.ts'

/** Turns what a store says into what an operator can act upon; errors of our own pass through. `path`: the address of the checkpoints. */
export function objectStorageError(error: unknown, path: string): MillraceError {
  if (error instanceof MillraceError) return error
  const problem = messageOf(error)
  const reason = error instanceof ObjectStoreError ? error.reason : 'other'
  if (reason === 'full') return engineError('CHECKPOINT_STORAGE_FULL', { path }, error)
  if (reason === 'forbidden') return engineError('CHECKPOINT_STORAGE_FORBIDDEN', { path, problem }, error)
  if (reason === 'no-place') return engineError('CHECKPOINT_STORAGE_MISSING', { path, problem }, error)
  if (reason === 'not-found') return engineError('CHECKPOINT_STORAGE_LOST', { path }, error)
  if (reason === 'other') return engineError('CHECKPOINT_STORAGE_FAILED', { path, problem }, error)
  return engineError('CHECKPOINT_STORAGE_UNREACHABLE', { path, problem }, error)
}

export async function withObjectStorageErrors<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw objectStorageError(error, path)
  }
}

/** Whether a failed read says that the data are bad or gone, and not that the store is. */
export function isObjectDamage(error: unknown): boolean {
  return isObjectMissing(error) || isDamage(error)
}
