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
  NoSuchUpload: 'not-found',
  NoSuchBucket: 'no-place',
  AccessDenied: 'forbidden',
  AllAccessDisabled: 'forbidden',
  InvalidAccessKeyId: 'forbidden',
  SignatureDoesNotMatch: 'forbidden',
  ExpiredToken: 'forbidden',
  ExpiredTokenException: 'forbidden',
  InvalidToken: 'forbidden',
  CredentialsProviderError: 'forbidden',
  TokenProviderError: 'forbidden',
  SlowDown: 'throttled',
  TooManyRequests: 'throttled',
  ThrottlingException: 'throttled',
  RequestTimeout: 'unavailable',
  // What arrived is not what was sent.
  BadDigest: 'unavailable',
  IncompleteBody: 'unavailable',
  XAmzContentSHA256Mismatch: 'unavailable',
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
  // Refused because our clock is wrong: the SDK has the server's time from this answer, and signs with it from now on. Expired: somebody may have renewed them meanwhile.
  const passes = $metadata?.clockSkewCorrected === true || areCredentialsExpired(error)
  const retry = reason === 'forbidden' && passes ? { retry: true } : {}
  return new ObjectStoreError(reason, `${problem}${advice}`, { ...retry, cause: error })
}

export function areCredentialsExpired(error: unknown): boolean {
  const { name = '' } = (error ?? {}) as SdkError
  return name === 'ExpiredToken' || name === 'ExpiredTokenException'
}

function reasonOfStatus(status: number | undefined, message: string): ObjectStoreReason | undefined {
  if (status === undefined) return undefined
  if (status === 507 || /no space left|quota|storage full/i.test(message)) return 'full'
  if (status === 401 || status === 403) return 'forbidden'
  if (status === 429) return 'throttled'
  // A server of S3 says what it does not have: a bare 404 is one of somebody in between. Believed, it would be a job without a checkpoint, which starts anew.
  if (status === 404 || status === 408 || status === 409 || status >= 500) return 'unavailable'
  // An answer that breaks off.
  if (status < 300) return 'unavailable'
  return undefined
}
