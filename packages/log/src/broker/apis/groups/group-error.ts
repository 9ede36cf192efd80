import { MillraceError } from '@millrace/core'
import { ERROR_CODE } from '../../../protocol/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'

/** What a failure of the coordinator is to a member: what cannot be kept at all is not to be asked again. */
export function groupErrorCode(error: unknown): number {
  return errorCodeOf(error)
}

/** The same to one who commits offsets. */
export function commitErrorCode(error: unknown): number {
  const isTooLarge = error instanceof MillraceError && error.code === 'COORDINATOR_RECORDS_TOO_LARGE'
  return isTooLarge ? ERROR_CODE.INVALID_COMMIT_OFFSET_SIZE : errorCodeOf(error)
}
