import { MillraceError } from '@millrace/core'
import { ObjectStoreError, type ObjectStoreReason } from '../object-store/object-store.ts'

/** What the SDK rejects with, as far as it is looked at. */
interface SdkError {
  readonly name?: string
  readonly code?: string
  readonly message?: string
  readonly $metadata?: { readonly httpStatusCode?: number; readonly clockSkewCorrected?: boolean }
}

const byName: { readonly [name: string]: ObjectStoreReason } = {
  NoSuchKey: 'not-found',
  NotFound: 'not-found',
  NoSuchUpload: 'not-found',
  NoSuchBucket: 'no-place',
  AccessDenied: 'forbidden',
  AllAccessDisabled: 'forbidden',
  InvalidAccessKeyId: 'forbidden',
  SignatureDoesNotMatch: 'forbidden',
  ExpiredToken: 'forbidden',
  InvalidToken: 'forbidden',
  CredentialsProviderError: 'forbidden',
  TokenProviderError: 'forbidden',
  SlowDown: 'throttled',
  TooManyRequests: 'throttled',
  ThrottlingException: 'throttled',
  RequestTimeout: 'unavailable',
  RequestTimeTooSkewed: 'forbidden',
  ConditionalRequestConflict: 'unavailable',
  OperationAborted: 'unavailable',
  QuotaExceeded: 'full',
  QuotaExceededException: 'full',
  XMinioStorageFull: 'full',
  EntityTooLarge: 'other',
}

/** Turns what the SDK rejects with into what a caller may act upon. */
export function s3Error(error: unknown, bucket: string): Error {
  if (error instanceof MillraceError || error instanceof ObjectStoreError) return error
  const { name = '', message = String(error), code, $metadata } = (error ?? {}) as SdkError
  const status = $metadata?.httpStatusCode
  const reason = byName[name] ?? reasonOfStatus(status, message) ?? (status === undefined ? 'unreachable' : 'other')
  const text = [name !== '' && name !== 'Error' ? name : code, message].filter((part) => part !== undefined && part !== '').join(': ')
  const problem = reason === 'no-place' ? `there is no bucket ${bucket}` : status === undefined ? text : `${text} (HTTP ${status})`
  // Errors of the SDK before a request is made, such as a missing region, never pass by themselves.
  const advice = status === undefined && /region is missing/i.test(message) ? ': set checkpointing.s3.region, or AWS_REGION' : ''
  if (reason === 'unreachable' && /region|credential|endpoint is/i.test(message) && code === undefined)
    return new ObjectStoreError('other', `${problem}${advice}`, { retry: false, cause: error })
  // Refused because our clock is wrong: the SDK has the server's time from this answer, and signs with it from now on.
  const retry = reason === 'forbidden' && $metadata?.clockSkewCorrected === true ? { retry: true } : {}
  return new ObjectStoreError(reason, `${problem}${advice}`, { ...retry, cause: error })
}

function reasonOfStatus(status: number | undefined, message: string): ObjectStoreReason | undefined {
  if (status === undefined) return undefined
  if (status === 507 || /no space left|quota|storage full/i.test(message)) return 'full'
  if (status === 401 || status === 403) return 'forbidden'
  if (status === 404) return 'not-found'
  if (status === 429) return 'throttled'
  if (status === 408 || status === 409 || status >= 500) return 'unavailable'
  return undefined
}
