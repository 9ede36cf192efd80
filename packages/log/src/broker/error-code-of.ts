import { DiskError, MillraceError, type CoordinationErrorCode } from '@millrace/core'
import type { LogErrorCode } from '../errors.ts'
import { ERROR_CODE } from '../protocol/index.ts'

const codes: { readonly [C in LogErrorCode | CoordinationErrorCode]?: number } = {
  COORDINATION_UNAVAILABLE: ERROR_CODE.KAFKA_STORAGE_ERROR,
  // A log is closed when its topic has gone or the broker goes: clients look for the leader again.
  STORAGE_CLOSED: ERROR_CODE.NOT_LEADER_OR_FOLLOWER,
  STORAGE_OFFSET_OUT_OF_RANGE: ERROR_CODE.OFFSET_OUT_OF_RANGE,
  STORAGE_APPEND_TOO_LARGE: ERROR_CODE.RECORD_LIST_TOO_LARGE,
  STORAGE_CORRUPT: ERROR_CODE.CORRUPT_MESSAGE,
  STORAGE_FULL: ERROR_CODE.KAFKA_STORAGE_ERROR,
  STORAGE_UNAVAILABLE: ERROR_CODE.KAFKA_STORAGE_ERROR,
  STORAGE_NAME_TOO_LONG: ERROR_CODE.INVALID_TOPIC_EXCEPTION,
  STORAGE_OFFLINE: ERROR_CODE.KAFKA_STORAGE_ERROR,
  PRODUCER_FENCED: ERROR_CODE.INVALID_PRODUCER_EPOCH,
  PRODUCER_OUT_OF_ORDER: ERROR_CODE.OUT_OF_ORDER_SEQUENCE_NUMBER,
  PRODUCER_TRANSACTION_STATE: ERROR_CODE.INVALID_TXN_STATE,
  PRODUCER_COORDINATOR_FENCED: ERROR_CODE.TRANSACTION_COORDINATOR_FENCED,
  COORDINATOR_LOADING: ERROR_CODE.COORDINATOR_LOAD_IN_PROGRESS,
  COORDINATOR_NOT_HERE: ERROR_CODE.NOT_COORDINATOR,
  COORDINATOR_UNAVAILABLE: ERROR_CODE.COORDINATOR_NOT_AVAILABLE,
}

/** What a failure of this broker is in the protocol. */
export function errorCodeOf(error: unknown): number {
  if (error instanceof DiskError) return ERROR_CODE.KAFKA_STORAGE_ERROR
  const code = error instanceof MillraceError ? codes[error.code as keyof typeof codes] : undefined
  return code ?? ERROR_CODE.UNKNOWN_SERVER_ERROR
}

/** Whether the log directory that failed has told its operator: what comes of it is not told again, for every request. */
export function isToldByDirectory(error: unknown): boolean {
  return error instanceof MillraceError && /^STORAGE_(FULL|UNAVAILABLE|OFFLINE)$/.test(error.code)
}
