/**
 * One database of RocksDB as an ordered store.
 *
 * 1. Buffers that the database writes into are kept for as long as it is open.
 * 2. What RocksDB fails with is told as in `rocksdb-errors.ts`.
 */
import type { Clock, Disk, FileHandle } from '@millrace/core'
import { LookUpTimes } from './look-up-times.ts'
import type { OrderedScan, OrderedStore, StoreCheckpoint, StoreFile } from './ordered-store.ts'
import { rocksdbCall, rocksdbError } from './rocksdb-errors.ts'
import { ONLY_IN_MEMORY, type RocksdbBinding, type RocksdbDatabase } from './rocksdb-binding.ts'

const KEY_BYTES_FIRST = 4096
const VALUE_BYTES = 65_536
const CHUNK_BYTES = 1 << 20
/** Files that RocksDB never writes again. */
const SHARED = /\.(?:sst|blob)$/

const WITH_VALUES = 8
/** `next` has put key and value into the buffers. */
const IN_BUFFERS = 1
const OVER = 0

export interface RocksdbOptions {
  /** Memory for blocks of all databases of the process. */
  readonly blockCacheBytes: number
  /** Memory of one database for what is not in files yet; up to two of them, one being written. */
  readonly writeBufferBytes: number
}

/** Besides the memory for what is written. What is in a file is kept in memory as well, for conflicts of transactions to be found in, unless it may take next to nothing. */
const settings = { name: 'default', disableWAL: true, maxWriteBufferNumber: 2, maxWriteBufferSizeToMaintain: 1, infoLogLevel: 3 }

export interface RocksdbPorts {
  readonly disk: Disk
  /** Tells what look-ups take. */
  readonly clock: Pick<Clock, 'monotonic'>
}

export class RocksdbStore implements OrderedStore {
  readonly #disk: Disk
  readonly #binding: RocksdbBinding
  readonly #path: string
  readonly #database: RocksdbDatabase
  readonly #buffers: Buffers = { key: new Uint8Array(KEY_BYTES_FIRST), value: new Uint8Array(VALUE_BYTES), lengths: new Uint32Array(2) }
  /** Buffers that were too small: scans may have been begun with them. */
  readonly #formerKeys: Uint8Array[] = []
  readonly #scans: Set<RocksdbScan> = new Set()
  readonly #times: LookUpTimes
  readonly #reading: Set<Promise<unknown>> = new Set()
  #checkpoints = 0

  constructor({ disk, clock }: RocksdbPorts, binding: RocksdbBinding, path: string, { writeBufferBytes }: RocksdbOptions) {
    this.#disk = disk
    this.#times = new LookUpTimes(() => clock.monotonic())
    this.#binding = binding
    this.#path = path
    const database = new binding.Database()
    rocksdbCall(path, () => database.open(path, { ...settings, writeBufferSize: writeBufferBytes }))
    database.setDefaultKeyBuffer(this.#buffers.key)
    database.setDefaultValueBuffer(this.#buffers.value)
    database.setIteratorState(this.#buffers.lengths)
    this.#database = database
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#times.begin()
    const found = this.#find(key, 0)
    this.#times.end()
    return typeof found === 'number' ? this.#buffers.value.subarray(0, found) : found
  }

  get slow(): boolean {
    return this.#times.slow
  }

  async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    this.#times.ahead()
    const reading = Promise.all(keys.map(async (key) => this.#fromMemory(key) ?? (await this.#fromFile(key))))
    this.#reading.add(reading)
    try {
      return await reading
    } finally {
      this.#reading.delete(reading)
    }
  }

  #fromMemory(key: Uint8Array): Uint8Array | undefined {
    const found = this.#find(key, ONLY_IN_MEMORY)
    if (found === ONLY_IN_MEMORY) return undefined
    return typeof found === 'number' ? this.#buffers.value.slice(0, found) : found
  }

  #find(key: Uint8Array, flags: number): number | Uint8Array | undefined {
    return rocksdbCall(this.#path, () => this.#database.getSync(this.#place(key), flags))
  }

  #fromFile(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#later((resolve, reject) => this.#database.get(key, resolve, reject))
  }

  /** A call that settles when another thread has done it. */
  #later<T>(call: (resolve: (value: T) => void, reject: (error: unknown) => void) => unknown): Promise<T> {
    return new Promise((resolve, reject) => call(resolve, (error) => reject(rocksdbError(error, this.#path))))
  }

  put(key: Uint8Array, value: Uint8Array): void {
    rocksdbCall(this.#path, () => this.#database.putSync(key, value))
  }

  delete(key: Uint8Array): void {
    rocksdbCall(this.#path, () => this.#database.removeSync(key))
  }

  scan(from: Uint8Array, end: Uint8Array | undefined): OrderedScan {
    this.#makeRoomForKeys(from.length + (end?.length ?? 0))
    this.#buffers.key.set(from)
    this.#buffers.key.set(end ?? [], from.length)
    const bounds = end === undefined ? [0, 0] : [from.length, from.length + end.length]
    const iterator = rocksdbCall(
      this.#path,
      () => new this.#binding.Iterator(this.#database, WITH_VALUES, from.length, bounds[0]!, bounds[1]!),
    )
    const scan = new RocksdbScan(iterator, this.#path, this.#buffers, () => this.#scans.delete(scan))
    this.#scans.add(scan)
    return scan
  }

  async checkpoint(): Promise<StoreCheckpoint> {
    const path = `${this.#path}-checkpoint-${++this.#checkpoints}`
    await this.#later<void>((resolve, reject) => this.#database.createCheckpoint(resolve, reject, path))
    return { files: () => this.#filesIn(path), release: () => this.#disk.removeTree(path) }
  }

  async close(): Promise<void> {
    for (const scan of this.#scans) scan.close()
    await Promise.allSettled(this.#reading)
    try {
      this.#database.close()
    } catch {
      // It could not write, on a full disk for one, what goes with all the rest.
    }
    await this.#disk.removeTree(this.#path)
  }

  async #filesIn(folder: string): Promise<readonly StoreFile[]> {
    const found = (await this.#disk.list(folder)).map(async (name) => ({ name, ...(await this.#disk.stat(`${folder}/${name}`)) }))
    return (await Promise.all(found)).filter(({ kind }) => kind === 'file').map(({ name, size }) => this.#file(folder, name, size))
  }

  #file(folder: string, name: string, length: number): StoreFile {
    const path = `${folder}/${name}`
    const read = (): AsyncIterable<Uint8Array> => readFile(this.#disk, path, length)
    return SHARED.test(name) ? { name, length, shared: true, path, read } : { name, length, shared: false, read }
  }

  /** The key as the database takes it: in its buffer, or one of its own where it is long. */
  #place(key: Uint8Array): number | Uint8Array {
    if (key.length > this.#buffers.key.length) return key
    this.#buffers.key.set(key)
    return key.length
  }

  #makeRoomForKeys(bytes: number): void {
    const { key } = this.#buffers
    if (bytes <= key.length) return
    this.#formerKeys.push(key)
    this.#buffers.key = new Uint8Array(2 * bytes)
    this.#database.setDefaultKeyBuffer(this.#buffers.key)
  }
}

/** Memory that the database writes into. */
interface Buffers {
  key: Uint8Array
  readonly value: Uint8Array
  readonly lengths: Uint32Array
}

class RocksdbScan implements OrderedScan {
  readonly #iterator: InstanceType<RocksdbBinding['Iterator']>
  readonly #path: string
  readonly #buffers: Buffers
  readonly #closed: () => void
  key: Uint8Array = new Uint8Array(0)
  value: Uint8Array = new Uint8Array(0)

  constructor(iterator: InstanceType<RocksdbBinding['Iterator']>, path: string, buffers: Buffers, closed: () => void) {
    this.#iterator = iterator
    this.#path = path
    this.#buffers = buffers
    this.#closed = closed
  }

  next(): boolean {
    const result = rocksdbCall(this.#path, () => this.#iterator.next())
    if (result === OVER) return false
    if (result === IN_BUFFERS) {
      const { key, value, lengths } = this.#buffers
      this.key = key.subarray(0, lengths[0])
      this.value = value.subarray(0, lengths[1])
    } else if (typeof result === 'object') {
      this.key = result.key
      this.value = result.value
    }
    return true
  }

  close(): void {
    this.#iterator.return()
    this.#closed()
  }
}

async function* readFile(disk: Disk, path: string, length: number): AsyncGenerator<Uint8Array> {
  const file: FileHandle = await disk.open(path, 'read')
  try {
    for (let at = 0; at < length;) {
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, length - at))
      const count = await file.read(chunk, at)
      if (count === 0) throw new TypeError(`${path} ends at byte ${at} of ${length}`)
      yield chunk.subarray(0, count)
      at += count
    }
  } finally {
    await file.close()
  }
}
