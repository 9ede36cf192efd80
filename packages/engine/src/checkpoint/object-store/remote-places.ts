import type { Clock, Random } from '@millrace/core'
import { S3Store } from '../s3/s3-store.ts'
import { WebHdfsStore } from '../webhdfs/webhdfs-store.ts'
import { formatCheckpointUrl, parseCheckpointUrl, type CheckpointUrl } from './checkpoint-url.ts'
import type { ObjectStore } from './object-store.ts'
import type { ObjectPlace } from './object-state-files.ts'
import { RetryingStore } from './retrying-store.ts'

/** Options of `checkpointing.s3` and `checkpointing.hdfs`. Credentials of S3 are found by the SDK itself. */
export interface RemoteOptions {
  readonly s3: {
    readonly endpoint: string | undefined
    readonly region: string | undefined
    readonly pathStyle: boolean
  }
  readonly hdfs: {
    readonly webPort: number | undefined
    readonly user: string | undefined
  }
  /** For one answer. */
  readonly requestTimeoutMs: number
}

export interface RemotePorts {
  readonly clock: Clock
  readonly random: Random
  /** Stands in for all stores there are, by their URL without a path; a simulation has its own. */
  readonly openStore?: (url: string) => ObjectStore
}

/** Opens stores by URL: one for each bucket or cluster, without a word to it before the first call. */
export class RemotePlaces {
  readonly #options: RemoteOptions
  readonly #ports: RemotePorts
  readonly #stores: Map<string, ObjectStore> = new Map()

  constructor(options: RemoteOptions, ports: RemotePorts) {
    this.#options = options
    this.#ports = ports
  }

  /** The place of this folder, and of another in it. @throws CHECKPOINT_URL_INVALID */
  place(text: string, folder?: string): ObjectPlace {
    const base = parseCheckpointUrl(text)
    const path = [base.path, folder ?? ''].filter((part) => part !== '').join('/')
    const url = { ...base, path }
    return { store: this.#store(base), prefix: path === '' ? '' : `${path}/`, url: formatCheckpointUrl(url) }
  }

  #store(url: CheckpointUrl): ObjectStore {
    const root = formatCheckpointUrl({ ...url, path: '' })
    let store = this.#stores.get(root)
    if (store === undefined) {
      store = new RetryingStore(this.#ports.openStore?.(root) ?? this.#open(url, root), this.#ports)
      this.#stores.set(root, store)
    }
    return store
  }

  #open(url: CheckpointUrl, root: string): ObjectStore {
    const { s3, hdfs, requestTimeoutMs } = this.#options
    if (url.scheme === 's3') return new S3Store({ bucket: url.bucket, ...s3, requestTimeoutMs })
    return new WebHdfsStore({
      url: webAddress(url, hdfs.webPort),
      user: hdfs.user,
      requestTimeoutMs,
      name: root,
      random: this.#ports.random,
    })
  }
}

/** Ports of Hadoop's own protocol, which `hdfs://` URLs name: 8020 by default, 9000 in many clusters. */
const RPC_PORTS: ReadonlySet<number> = new Set([8020, 9000])
const WEB_PORT = 9870
const SECURE_WEB_PORT = 9871

function webAddress(url: Extract<CheckpointUrl, { host: string }>, webPort: number | undefined): string {
  if (url.scheme === 'swebhdfs') return `https://${url.host}:${url.port ?? webPort ?? SECURE_WEB_PORT}`
  if (url.scheme === 'webhdfs') return `http://${url.host}:${url.port ?? webPort ?? WEB_PORT}`
  const named = url.port === undefined || RPC_PORTS.has(url.port) ? WEB_PORT : url.port
  return `http://${url.host}:${webPort ?? named}`
}
