/**
 * What the disk that a running job's state is on says, as whoever keeps the machine can act upon it.
 *
 * It is told by a code of its own, and not as a `DiskError`: where a checkpoint is looked at that would count as damage (`isDamage`), and this disk says nothing of a checkpoint.
 */
import { DiskError, nodeDiskError, type MillraceError } from '@millrace/core'
import { engineError } from '../../errors.ts'

function stateDiskError(error: DiskError): MillraceError {
  const { path, reason, message: problem } = error
  if (reason === 'no-space') return engineError('STATE_DISK_FULL', { path }, error)
  if (reason === 'not-permitted') return engineError('STATE_DISK_NOT_WRITABLE', { path, problem }, error)
  return engineError('STATE_DISK_FAILED', { problem }, error)
}

/** What a call of the system has failed with. */
export function stateSystemError(operation: string, path: string, error: unknown): MillraceError {
  return stateDiskError(nodeDiskError(operation, path, error))
}

/** Anything but a `DiskError` is thrown as it is. */
export async function withStateDiskErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof DiskError ? stateDiskError(error) : error
  }
}

/** One call of the system. */
export function stateCallNow<T>(operation: string, path: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw stateSystemError(operation, path, error)
  }
}
