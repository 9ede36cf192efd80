/**
 * Files of HDFS by WebHDFS, the HTTP interface of its name node. An edge: it has the network by `http.ts`.
 *
 * Contents go to and come from data nodes, which the name node redirects to. `putIfAbsent` writes another name and renames it, in one step and
 * only if the name is free. A large file is one request whose body goes on while parts come; it has its name at once, and is whole when the last is in.
 */
import { userInfo } from 'node:os'
import { randomId, type Random } from '@millrace/core'
import {
  isObjectMissing,
  ObjectStoreError,
  type ByteRange,
  type ObjectStore,
  type ObjectUpload,
  type StoredObject,
} from '../object-store/object-store.ts'
import { exchange, upload, type HttpAnswer } from './http.ts'
import { isOutOfRange, remoteError } from './webhdfs-errors.ts'

export interface WebHdfsOptions {
  /** Of the name node's HTTP interface: `http://host:9870`. */
  readonly url: string
  /** As errors name the place. */
  readonly name: string
  /** Who we are, to a cluster without Kerberos. Default: HADOOP_USER_NAME, else the user of this process. */
  readonly user?: string | undefined
  readonly requestTimeoutMs: number
  /** For names of files that are not there yet. */
  readonly random: Random
}

type Query = { readonly [name: string]: string }

export class WebHdfsStore implements ObjectStore {
  readonly #options: WebHdfsOptions
  #user: string | undefined

  constructor(options: WebHdfsOptions) {
    this.#options = options
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.#send('PUT', await this.#createTarget(key), bytes)
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean> {
    const pending = `${key}.pending-${randomId(this.#options.random)}`
    await this.put(pending, bytes)
    const renamed = await this.#json<{ readonly boolean: boolean }>('PUT', pending, { op: 'RENAME', destination: `/${key}` })
    if (!renamed.boolean) await this.#remove(pending)
    return renamed.boolean
  }

  async get(key: string, range?: ByteRange): Promise<Uint8Array<ArrayBuffer>> {
    const part = range === undefined ? {} : { offset: String(range.offset), length: String(range.length) }
    try {
      const answer = await this.#send('GET', this.#url(key, { op: 'OPEN', ...part }))
      return answer.status === 307 ? (await this.#send('GET', this.#location(answer))).body : answer.body
    } catch (error) {
      if (isOutOfRange(error)) return new Uint8Array(0)
      throw error
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.#remove(key)
    // Folders that are left empty go too; those that are not refuse.
    for (const folder of new Set(keys.map(folderOf))) await this.#remove(folder).catch(() => {})
  }

  async list(prefix: string): Promise<readonly StoredObject[]> {
    const objects: StoredObject[] = []
    const folders = [prefix]
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      for (const { pathSuffix, type, length } of await this.#statuses(folder)) {
        if (type === 'DIRECTORY') folders.push(`${folder}${pathSuffix}/`)
        else objects.push({ key: folder + pathSuffix, sizeBytes: length })
      }
    }
    return objects
  }

  async beginUpload(key: string): Promise<ObjectUpload> {
    const target = await this.#createTarget(key)
    const sent = upload({ method: 'PUT', url: target, timeoutMs: this.#options.requestTimeoutMs })
    return {
      part: (bytes) => sent.write(bytes).catch(once),
      complete: async () => void this.#check(await sent.end().catch(once)),
      abort: async () => {
        sent.destroy()
        await this.#remove(key).catch(() => {})
      },
    }
  }

  /** What an upload left behind is a file like any other, and is removed as one. */
  async abortUploads(): Promise<readonly string[]> {
    return []
  }

  /** Where the data node takes the contents of a new file. */
  async #createTarget(key: string): Promise<string> {
    return this.#location(await this.#send('PUT', this.#url(key, { op: 'CREATE', overwrite: 'true' })))
  }

  async #statuses(folder: string): Promise<readonly FileStatus[]> {
    try {
      const path = folder.replace(/\/$/, '')
      const { FileStatuses } = await this.#json<{ readonly FileStatuses: { readonly FileStatus: readonly FileStatus[] } }>('GET', path, {
        op: 'LISTSTATUS',
      })
      return FileStatuses.FileStatus
    } catch (error) {
      if (isObjectMissing(error)) return []
      throw error
    }
  }

  async #remove(key: string): Promise<void> {
    try {
      await this.#json('DELETE', key, { op: 'DELETE', recursive: 'false' })
    } catch (error) {
      if (!isObjectMissing(error)) throw error
    }
  }

  async #json<T>(method: string, key: string, query: Query): Promise<T> {
    const { body } = await this.#send(method, this.#url(key, query))
    try {
      return JSON.parse(Buffer.from(body).toString('utf8')) as T
    } catch (error) {
      throw new ObjectStoreError('other', `${this.#options.url} does not answer as WebHDFS does`, { cause: error })
    }
  }

  async #send(method: string, url: string, body?: Uint8Array): Promise<HttpAnswer> {
    const request = { method, url, timeoutMs: this.#options.requestTimeoutMs }
    return this.#check(await exchange(body === undefined ? request : { ...request, body }))
  }

  /** @throws ObjectStoreError for every answer that is no success and no redirect */
  #check(answer: HttpAnswer): HttpAnswer {
    if ((answer.status >= 200 && answer.status < 300) || answer.status === 307) return answer
    throw remoteError(answer.status, Buffer.from(answer.body).toString('utf8'), this.#options.name)
  }

  #location({ location }: HttpAnswer): string {
    if (location === undefined)
      throw new ObjectStoreError('other', `${this.#options.url} does not answer as WebHDFS does: it names no data node`)
    return location
  }

  #url(key: string, query: Query): string {
    this.#user ??= this.#options.user ?? process.env['HADOOP_USER_NAME'] ?? userOfProcess()
    const path = key.split('/').map(encodeURIComponent).join('/')
    return `${this.#options.url}/webhdfs/v1/${path}?${new URLSearchParams({ ...query, 'user.name': this.#user }).toString()}`
  }
}

/** Fails for a user that the system does not know, as one that a container gives its process by number. */
function userOfProcess(): string {
  try {
    return userInfo().username
  } catch (cause) {
    const problem =
      'the user of this process has no name on this machine, so that checkpointing.hdfs.user or HADOOP_USER_NAME must say who it is'
    throw new ObjectStoreError('forbidden', problem, { cause })
  }
}

interface FileStatus {
  readonly pathSuffix: string
  readonly type: 'FILE' | 'DIRECTORY'
  readonly length: number
}

/** Bytes that have gone cannot be sent again: an upload that fails is not tried again from its middle. */
function once(error: unknown): never {
  if (!(error instanceof ObjectStoreError)) throw error
  throw new ObjectStoreError(error.reason, error.message, { retry: false, cause: error })
}

function folderOf(key: string): string {
  return key.slice(0, Math.max(0, key.lastIndexOf('/')))
}
