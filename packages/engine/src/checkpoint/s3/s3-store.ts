/**
 * A bucket of S3, or of a server that speaks its protocol, by the AWS SDK. An edge: the SDK has the network and the clock.
 *
 * The SDK is loaded with the first call. It does not retry by itself: `RetryingStore` does, and knows what a lost answer means.
 */
import type {
  ListMultipartUploadsCommandInput,
  ListMultipartUploadsCommandOutput,
  PutObjectCommandInput,
  S3Client,
  S3ClientConfig,
} from '@aws-sdk/client-s3'
import { engineError } from '../../errors.ts'
import {
  ObjectStoreError,
  isObjectMissing,
  type ByteRange,
  type ObjectStore,
  type ObjectUpload,
  type StoredObject,
} from '../object-store/object-store.ts'
import { areCredentialsExpired, s3Error } from './s3-errors.ts'

export interface S3StoreOptions {
  readonly bucket: string
  /** Default: the SDK's own, from the environment or the shared configuration, else Amazon's of the region. */
  readonly endpoint?: string | undefined
  /** Default: the SDK's own. */
  readonly region?: string | undefined
  /** Whether the bucket is in the path of a URL and not in its host name, as most servers other than Amazon's want it. */
  readonly pathStyle?: boolean
  readonly requestTimeoutMs: number
}

type Sdk = typeof import('@aws-sdk/client-s3')

/** Objects that one request removes. */
const DELETE_MAX = 1_000
const CONNECT_TIMEOUT_MS = 5_000

export class S3Store implements ObjectStore {
  readonly #options: S3StoreOptions
  readonly #bucket: string
  #opened: Promise<{ readonly sdk: Sdk; readonly client: S3Client }> | undefined

  constructor(options: S3StoreOptions) {
    this.#options = options
    this.#bucket = options.bucket
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.#put({ Bucket: this.#bucket, Key: key, Body: bytes })
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean> {
    try {
      await this.#put({ Bucket: this.#bucket, Key: key, Body: bytes, IfNoneMatch: '*' })
      return true
    } catch (error) {
      if (error instanceof PreconditionFailed) return false
      throw error
    }
  }

  async #put(input: PutObjectCommandInput): Promise<void> {
    const { ETag } = await this.#call(({ sdk, client }) => client.send(new sdk.PutObjectCommand(input)))
    if (ETag === undefined) throw noAnswerOfS3(input.Key)
  }

  async get(key: string, range?: ByteRange): Promise<Uint8Array<ArrayBuffer>> {
    const Range = range === undefined ? {} : { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` }
    return this.#call(async ({ sdk, client }) => {
      try {
        const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket: this.#bucket, Key: key, ...Range }))
        const bytes = await Body?.transformToByteArray()
        return bytes === undefined ? new Uint8Array(0) : new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength)
      } catch (error) {
        // Nothing of the range is there: the object is shorter.
        if (error instanceof sdk.S3ServiceException && error.$metadata.httpStatusCode === 416) return new Uint8Array(0)
        throw error
      }
    })
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += DELETE_MAX) {
      const Objects = keys.slice(at, at + DELETE_MAX).map((Key) => ({ Key }))
      const { Errors } = await this.#call(({ sdk, client }) =>
        client.send(new sdk.DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects, Quiet: true } })),
      )
      const failed = Errors?.find(({ Code }) => Code !== 'NoSuchKey')
      if (failed === undefined) continue
      const problem = `${failed.Key ?? 'an object'} cannot be removed: ${failed.Message ?? failed.Code ?? 'no reason given'}`
      const reason = failed.Code === 'AccessDenied' ? 'forbidden' : failed.Code === 'SlowDown' ? 'throttled' : 'unavailable'
      throw new ObjectStoreError(reason, problem)
    }
  }

  async list(prefix: string): Promise<readonly StoredObject[]> {
    const objects: StoredObject[] = []
    let token: string | undefined
    do {
      const page = await this.#call(({ sdk, client }) =>
        client.send(new sdk.ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, ContinuationToken: token })),
      )
      // An answer that breaks off says nothing of the rest, and one of somebody in between nothing at all.
      if (page.IsTruncated === undefined || (page.IsTruncated && page.NextContinuationToken === undefined)) throw noAnswerOfS3(prefix)
      for (const { Key, Size } of page.Contents ?? []) if (Key !== undefined) objects.push({ key: Key, sizeBytes: Size ?? 0 })
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token !== undefined)
    return objects
  }

  async beginUpload(key: string): Promise<ObjectUpload> {
    const target = { Bucket: this.#bucket, Key: key }
    const { UploadId } = await this.#call(({ sdk, client }) => client.send(new sdk.CreateMultipartUploadCommand(target)))
    const upload = { ...target, UploadId }
    const parts: { readonly PartNumber: number; readonly ETag: string | undefined }[] = []
    return {
      part: async (bytes) => {
        const PartNumber = parts.length + 1
        const { ETag } = await this.#call(({ sdk, client }) =>
          client.send(new sdk.UploadPartCommand({ ...upload, PartNumber, Body: bytes })),
        )
        parts.push({ PartNumber, ETag })
      },
      complete: async () => {
        await this.#call(({ sdk, client }) =>
          client.send(new sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: parts } })),
        )
      },
      abort: async () => {
        // What is not given up now is given up at the next start.
        await this.#call(({ sdk, client }) => client.send(new sdk.AbortMultipartUploadCommand(upload))).catch(() => {})
      },
    }
  }

  async abortUploads(prefix: string): Promise<readonly string[]> {
    const keys: string[] = []
    let from: ListMultipartUploadsCommandInput | undefined = { Bucket: this.#bucket, Prefix: prefix }
    while (from !== undefined) {
      const input: ListMultipartUploadsCommandInput = from
      const page: ListMultipartUploadsCommandOutput = await this.#call(({ sdk, client }) =>
        client.send(new sdk.ListMultipartUploadsCommand(input)),
      )
      for (const { Key, UploadId } of page.Uploads ?? []) {
        if (Key === undefined || !Key.startsWith(prefix)) continue
        keys.push(Key)
        await this.#abort(Key, UploadId)
      }
      const { NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page
      from = page.IsTruncated === true ? { ...input, KeyMarker, UploadIdMarker } : undefined
    }
    return keys
  }

  async #abort(Key: string, UploadId: string | undefined): Promise<void> {
    try {
      await this.#call(({ sdk, client }) => client.send(new sdk.AbortMultipartUploadCommand({ Bucket: this.#bucket, Key, UploadId })))
    } catch (error) {
      if (!isObjectMissing(error)) throw error
    }
  }

  async #call<T>(work: (opened: { readonly sdk: Sdk; readonly client: S3Client }) => Promise<T>): Promise<T> {
    const opened = await (this.#opened ??= this.#open())
    try {
      return await work(opened)
    } catch (error) {
      if (statusOf(error) === 412) throw new PreconditionFailed()
      if (areCredentialsExpired(error)) this.#opened = undefined
      throw s3Error(error, this.#bucket)
    }
  }

  async #open(): Promise<{ readonly sdk: Sdk; readonly client: S3Client }> {
    const { endpoint, region, pathStyle, requestTimeoutMs } = this.#options
    const sdk = await loadSdk(`s3://${this.#bucket}`)
    const config: S3ClientConfig = {
      maxAttempts: 1,
      ...freshCredentials,
      requestHandler: {
        connectionTimeout: CONNECT_TIMEOUT_MS,
        // The SDK counts it to the head of the answer only.
        requestTimeout: requestTimeoutMs,
        throwOnRequestTimeout: true,
        // And in an answer, while nothing comes of it.
        socketTimeout: requestTimeoutMs,
      },
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(region === undefined ? {} : { region }),
      ...(pathStyle === true ? { forcePathStyle: true } : {}),
    }
    return { sdk, client: new sdk.S3Client(config) }
  }
}

function noAnswerOfS3(key: string | undefined): ObjectStoreError {
  return new ObjectStoreError('unavailable', `what answers for ${key} does not answer as S3 does: is there a proxy in between?`)
}

/** Credentials are read from their file again by each client, which otherwise has them of the first for the life of the process. The SDK's providers know it, its types do not. */
const freshCredentials: object = { ignoreCache: true }

/** Never leaves this file. */
class PreconditionFailed extends Error {}

async function loadSdk(url: string): Promise<Sdk> {
  try {
    return await import('@aws-sdk/client-s3')
  } catch (error) {
    throw engineError('CHECKPOINT_S3_SDK_MISSING', { url }, error)
  }
}

function statusOf(error: unknown): number | undefined {
  return (error as { readonly $metadata?: { readonly httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode
}
