/**
 * RocksDB as an ordered store. Each store is a folder; its write-ahead log is off, as what is to last is in checkpoints.
 *
 * 1. A folder belongs to one attempt of a region of the job, in one slot; those of former attempts are removed before anything is opened.
 * 2. It is empty before anything is opened in it.
 * 3. Whoever opens them sees to it that no other run has the folder that theirs are in.
 */
import type { Disk } from '@millrace/core'
import type { OrderedStore, OrderedStores, StoredFile } from './ordered-store.ts'
import { loadRocksdb, type RocksdbBinding } from './rocksdb-binding.ts'
import { RocksdbStore, type RocksdbOptions, type RocksdbPorts } from './rocksdb-store.ts'

export const rocksdbDefaults: RocksdbOptions = { blockCacheBytes: 64 * 1024 * 1024, writeBufferBytes: 32 * 1024 * 1024 }

/** Whose databases they are. */
export interface StoresPlace {
  /** Under which they were opened. */
  readonly attempt: number
  /** The smallest that any region of the job runs under. */
  readonly oldestAttempt: number
  readonly region: number
  readonly slot: number
}

export class RocksdbStores implements OrderedStores {
  readonly #disk: Disk
  readonly #clock: RocksdbPorts['clock']
  readonly #dir: string
  readonly #binding: RocksdbBinding
  readonly #options: RocksdbOptions

  private constructor({ disk, clock }: RocksdbPorts, dir: string, options: RocksdbOptions) {
    this.#disk = disk
    this.#clock = clock
    this.#dir = dir
    this.#options = options
    this.#binding = loadRocksdb()
    this.#binding.config({ blockCacheSize: options.blockCacheBytes })
  }

  /** `dir`: of all databases of the job; those that nobody uses any more are removed. @throws STATE_ROCKSDB_MISSING */
  static async open(
    ports: RocksdbPorts,
    dir: string,
    place: StoresPlace,
    options: RocksdbOptions = rocksdbDefaults,
  ): Promise<RocksdbStores> {
    const { disk } = ports
    const { attempt, oldestAttempt, region, slot } = place
    const own = `${dir}/attempt-${attempt}-region-${region}-slot-${slot}`
    await disk.removeTree(own)
    await disk.makeDirectory(own)
    for (const name of await disk.list(dir)) {
      const [, former, formerRegion] = /^attempt-(\d+)(?:-region-(\d+)(?:-slot-\d+)?)?$/.exec(name) ?? []
      if (former === undefined) continue
      const isStale = Number(former) < oldestAttempt || (Number(formerRegion) === region && Number(former) < attempt)
      if (isStale) await disk.removeTree(`${dir}/${name}`)
    }
    return new RocksdbStores(ports, own, options)
  }

  /** For stores that are only looked at, one after the other; what a former process has left of one goes. */
  static async openAside(ports: RocksdbPorts, dir: string, options: RocksdbOptions = rocksdbDefaults): Promise<RocksdbStores> {
    const own = `${dir}/aside`
    await ports.disk.removeTree(own)
    await ports.disk.makeDirectory(own)
    return new RocksdbStores(ports, own, options)
  }

  /** Where the files of a store are. */
  folderOf(name: string): string {
    return `${this.#dir}/${name}`
  }

  /** What is left of all of them. None is open. */
  async removeAll(): Promise<void> {
    await this.#disk.removeTree(this.#dir)
  }

  create(name: string): OrderedStore {
    return this.#open(this.folderOf(name))
  }

  async restore(name: string, files: readonly StoredFile[]): Promise<OrderedStore> {
    const path = this.folderOf(name)
    await this.#disk.removeTree(path)
    await this.#disk.makeDirectory(path)
    for (const file of files) if ((await file.link?.(`${path}/${file.name}`)) !== true) await this.#write(`${path}/${file.name}`, file)
    return this.#open(path)
  }

  #open(path: string): OrderedStore {
    const ports = { disk: this.#disk, clock: this.#clock }
    return new RocksdbStore(ports, this.#binding, path, this.#options)
  }

  async #write(path: string, file: StoredFile): Promise<void> {
    const handle = await this.#disk.open(path, 'create')
    try {
      let at = 0
      for await (const chunk of file.read()) {
        await handle.write(chunk, at)
        at += chunk.length
      }
    } finally {
      await handle.close()
    }
  }
}
