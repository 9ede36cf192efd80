import { ObjectStoreError, type ObjectStoreReason } from '../object-store/object-store.ts'

const byException: { readonly [name: string]: ObjectStoreReason } = {
  FileNotFoundException: 'not-found',
  AccessControlException: 'forbidden',
  SecurityException: 'forbidden',
  AuthorizationException: 'forbidden',
  InvalidToken: 'forbidden',
  StandbyException: 'unavailable',
  RetriableException: 'unavailable',
  SafeModeException: 'unavailable',
  DSQuotaExceededException: 'full',
  NSQuotaExceededException: 'full',
  QuotaExceededException: 'full',
  QuotaByStorageTypeExceededException: 'full',
  DiskOutOfSpaceException: 'full',
}

/** Turns an answer that is no success into what a caller may act upon. */
export function remoteError(status: number, body: string, name: string): ObjectStoreError {
  const { exception, message } = remoteException(body)
  const problem = `${exception ?? 'no reason given'}${message === undefined ? '' : `: ${message}`} (HTTP ${status}, ${name})`
  return new ObjectStoreError(byException[exception ?? ''] ?? reasonOf(status, message), problem)
}

function reasonOf(status: number, message: string = ''): ObjectStoreReason {
  // A wrapped safe mode, or no data node that takes the block: with space they come back, without it they do not.
  if (/quota/i.test(message) && /exceeded/i.test(message)) return 'full'
  if (/safe mode|could only be written to|find datanode|StandbyException/i.test(message)) return 'unavailable'
  if (status === 401) return 'forbidden'
  // The name node says what it does not have: a bare 404 is one of somebody in between.
  if (status === 404) return 'unavailable'
  if (status === 429) return 'throttled'
  return status >= 500 ? 'unavailable' : 'other'
}

/** The first line of what the name node says: the rest is a trace of Java's. */
function remoteException(body: string): { readonly exception?: string; readonly message?: string } {
  try {
    const { RemoteException } = JSON.parse(body) as {
      readonly RemoteException?: { readonly exception?: string; readonly message?: string }
    }
    const { exception, message } = RemoteException ?? {}
    const line = message?.split('\n')[0]
    return { ...(exception === undefined ? {} : { exception }), ...(line === undefined ? {} : { message: line }) }
  } catch {
    return {}
  }
}

/** Whether a read asked for what lies behind the end of a file. */
export function isOutOfRange(error: unknown): boolean {
  return error instanceof ObjectStoreError && /out of the range \[0/.test(error.message)
}
