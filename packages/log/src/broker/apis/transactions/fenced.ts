import { ERROR_CODE } from '../../../protocol/index.ts'

/** Clients before the version know a producer that is fenced by its older name. */
export function fencedBefore(version: number, since: number, errorCode: number): number {
  return errorCode === ERROR_CODE.PRODUCER_FENCED && version < since ? ERROR_CODE.INVALID_PRODUCER_EPOCH : errorCode
}
