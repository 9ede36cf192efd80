/** The native binding of RocksDB: an edge. A package of its own for each platform, which the engine does not depend on. */
import { createRequire } from 'node:module'
import { engineError } from '../../errors.ts'

/** What of the binding is used. Calls with (resolve, reject) settle later. */
export interface RocksdbBinding {
  readonly Database: new () => RocksdbDatabase
  readonly Iterator: new (
    database: RocksdbDatabase,
    flags: number,
    startEnd: number,
    endStart: number,
    endEnd: number,
  ) => { next(): number | { readonly key: Uint8Array; readonly value: Uint8Array }; return(): void }
  config(options: { readonly blockCacheSize: number }): void
}

export interface RocksdbDatabase {
  open(path: string, options: object): void
  /** Memory that keys to look up are put into, and that keys and values come back in. To be kept for as long as the database is open. */
  setDefaultKeyBuffer(buffer: Uint8Array): void
  setDefaultValueBuffer(buffer: Uint8Array): void
  /** Lengths of an iterator's key and value. */
  setIteratorState(lengths: Uint32Array): void
  /** The length of the value in the buffer, or a value too long for it; with the flag `ONLY_IN_MEMORY` that flag where it would have to be read from a file. */
  getSync(key: number | Uint8Array, flags: number): number | Uint8Array | undefined
  /** As `getSync`, from a thread of its own. Answers whether it went there. */
  get(key: Uint8Array, resolve: (value: Uint8Array | undefined) => void, reject: (error: unknown) => void): number
  putSync(key: Uint8Array, value: Uint8Array): void
  removeSync(key: Uint8Array): void
  createCheckpoint(resolve: () => void, reject: (error: unknown) => void, path: string): void
  close(): void
}

/** Flag of `getSync`, and its answer. */
export const ONLY_IN_MEMORY: number = 2 ** 30

/** The package for this machine. */
export function rocksdbPackage(): string {
  const { platform, arch } = process
  return `@harperfast/rocksdb-js-${platform}-${arch}${platform === 'linux' ? (isGlibc() ? '-glibc' : '-musl') : ''}`
}

/** @throws STATE_ROCKSDB_MISSING */
export function loadRocksdb(name: string = rocksdbPackage()): RocksdbBinding {
  try {
    return createRequire(import.meta.url)(name) as RocksdbBinding
  } catch (error) {
    throw engineError('STATE_ROCKSDB_MISSING', { name }, error)
  }
}

function isGlibc(): boolean {
  const { header } = process.report.getReport() as { readonly header: { readonly glibcVersionRuntime?: string } }
  return header.glibcVersionRuntime !== undefined
}
