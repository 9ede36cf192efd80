/**
 * A store of whole objects under names, as checkpoints need one: S3, HDFS, or one in memory under a fault plan.
 *
 * Promises: what was written is there for every later call, of anybody (reads, conditions and lists alike); an object is replaced whole.
 * Does not promise: that a call that failed has had no effect, or will not have one later; that calls are quick, or answered at all;
 * that what a failed `put` or upload leaves behind is whole (what `putIfAbsent` leaves behind is).
 *
 * Keys are paths without a leading `/`. Every failure is an `ObjectStoreError`.
 */
export interface ObjectStore {
  /** Writes or replaces an object. */
  put(key: string, bytes: Uint8Array): Promise<void>
  /** Writes an object if there is none under the key, in one step; answers whether it did. */
  putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean>
  /** An object, or what there is of a range of it. @throws ObjectStoreError `not-found` */
  get(key: string, range?: ByteRange): Promise<Uint8Array<ArrayBuffer>>
  /** Removes objects; those that are not there are fine. */
  delete(keys: readonly string[]): Promise<void>
  /** Everything whose key begins so, in no order. `prefix` ends in `/`. */
  list(prefix: string): Promise<readonly StoredObject[]>
  /** Begins an object that is written in parts. There is nothing under the key before it is complete, or nothing that is whole. */
  beginUpload(key: string): Promise<ObjectUpload>
  /** Gives up all uploads under a prefix, whoever began them; answers their keys. */
  abortUploads(prefix: string): Promise<readonly string[]>
}

export interface ByteRange {
  readonly offset: number
  /** At least 1. */
  readonly length: number
}

export interface StoredObject {
  readonly key: string
  readonly sizeBytes: number
}

/** Parts in their order, one call at a time. Each has at least `PART_BYTES`, except the last. */
export interface ObjectUpload {
  /** The bytes must not change until the promise resolves. */
  part(bytes: Uint8Array): Promise<void>
  /** The object is whole and there. */
  complete(): Promise<void>
  /** Gives it up, as far as the store lets it. Never rejects. */
  abort(): Promise<void>
}

/** Requests to a store under way at once, of one operation: enough to hide their latency, few enough not to be throttled. */
export const REQUESTS_AT_ONCE = 16

/** S3 asks for 5 MiB and allows 10,000 parts. */
export const PART_BYTES: number = 8 * 1024 * 1024

export type ObjectStoreReason =
  /** No answer: the connection failed, or took too long. */
  | 'unreachable'
  /** Asked too often. */
  | 'throttled'
  /** The store is there and cannot do it now. */
  | 'unavailable'
  /** The bucket does not exist. */
  | 'no-place'
  | 'not-found'
  | 'forbidden'
  /** No space, or a quota. */
  | 'full'
  | 'other'

/** What went wrong with a call to a store. */
export class ObjectStoreError extends Error {
  override readonly name = 'ObjectStoreError'
  readonly reason: ObjectStoreReason
  /** Whether the same call may succeed when made again. */
  readonly retry: boolean

  constructor(reason: ObjectStoreReason, message: string, options: { readonly retry?: boolean; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.reason = reason
    this.retry = options.retry ?? (reason === 'unreachable' || reason === 'throttled' || reason === 'unavailable')
  }
}

export function isObjectMissing(error: unknown): boolean {
  return error instanceof ObjectStoreError && error.reason === 'not-found'
}
