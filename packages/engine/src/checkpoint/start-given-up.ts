import { MillraceError } from '@millrace/core'
import { engineError } from '../errors.ts'
import type { CheckpointMetadata } from './metadata/metadata.ts'

/** A job was to end while it looked at what it would start from. `cause`: what that has thrown, which says nothing of the checkpoint. */
export function startGivenUp({ jobName, checkpointId }: CheckpointMetadata, cause: unknown): MillraceError {
  return engineError('JOB_START_GIVEN_UP', { jobName, checkpointId }, cause)
}

export function isStartGivenUp(error: unknown): error is MillraceError {
  return error instanceof MillraceError && error.code === 'JOB_START_GIVEN_UP'
}
