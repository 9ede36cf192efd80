import { open, link, readFile, readdir, stat, mkdir, rename, unlink, rm } from 'node:fs/promises'
import type { FileHandle as NodeFileHandle } from 'node:fs/promises'
import { fdatasync, fsync, type BigIntStats } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { DiskError, type Disk, type DiskErrorReason, type FileHandle, type FileStat, type OpenMode } from '../disk.ts'

const flags: Record<OpenMode, string> = { read: 'r', write: 'w', create: 'wx+', update: 'r+', append: 'a' }

const reasons: { readonly [code: string]: DiskErrorReason } = {
  ENOENT: 'not-found',
  EEXIST: 'exists',
  ENOTEMPTY: 'exists',
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EFBIG: 'no-space',
  EACCES: 'not-permitted',
  EPERM: 'not-permitted',
  EROFS: 'not-permitted',
  ENOTDIR: 'not-a-directory',
  EISDIR: 'is-a-directory',
  EMFILE: 'too-many-open',
  ENFILE: 'too-many-open',
  EIO: 'input-output',
}

async function attempt<T>(operation: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw nodeDiskError(operation, path, error)
  }
}

/** @internal As the disk's own operations, on the calling thread. @throws DiskError */
export function attemptNow<T>(operation: string, path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw nodeDiskError(operation, path, error)
  }
}

/** What a call of Node's file system has failed with, as a disk says it: for whoever makes such calls itself. */
export function nodeDiskError(operation: string, path: string, error: unknown): DiskError {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  return new DiskError(reasons[code] ?? 'other', operation, path, error)
}

function describe(stats: BigIntStats): FileStat {
  const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : stats.isFIFO() ? 'pipe' : 'other'
  const bornMs = Number(stats.birthtimeMs)
  const inode = `${stats.dev}:${stats.ino}`
  return { kind, size: Number(stats.size), inode, modifiedMs: Number(stats.mtimeMs), ...(bornMs > 0 ? { bornMs } : {}) }
}

// By the file's number: the handles of a file system that is put before Node's, as Yarn's Plug'n'Play does, have no `sync` of their own.
const syncAll = promisify(fsync)
const syncData = promisify(fdatasync)

async function openForUpdate(path: string): Promise<NodeFileHandle> {
  try {
    return await open(path, 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return await open(path, 'w+')
  }
}

/** @internal The file, and what the system calls it while it is open. */
export function openNodeFile(path: string, mode: OpenMode): Promise<{ readonly file: FileHandle; readonly fd: number }> {
  return attempt('open', path, async () => {
    const handle = mode === 'update' ? await openForUpdate(path) : await open(path, flags[mode])
    return { file: new NodeFile(path, handle, mode === 'append'), fd: handle.fd }
  })
}

/** Node's own recursive way goes round for ever, on a thread of its pool, where a file system has no folder and makes none (`/proc`). */
async function makeFolders(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    await makeFolders(dirname(path))
    await mkdir(path).catch((again: NodeJS.ErrnoException) => {
      if (again.code !== 'EEXIST') throw again
    })
  }
}

/** The local file system. */
export const nodeDisk: Disk = {
  open: async (path, mode) => (await openNodeFile(path, mode)).file,
  readFile: (path) => attempt('read', path, async () => new Uint8Array(await readFile(path))),
  list: (path) => attempt('list', path, async () => (await readdir(path)).toSorted()),
  stat: (path) => attempt('stat', path, async () => describe(await stat(path, { bigint: true }))),
  makeDirectory: (path) => attempt('create folder', path, () => makeFolders(path)),
  rename: (from, to) => attempt('rename', `${from} to ${to}`, () => rename(from, to)),
  link: (from, to) => attempt('link', `${from} to ${to}`, () => link(from, to)),
  remove: (path) => attempt('remove', path, () => unlink(path)),
  removeTree: (path) => attempt('remove folder', path, () => rm(path, { recursive: true, force: true })),
  syncDirectory: (path) =>
    attempt('sync folder', path, async () => {
      const handle = await open(path, 'r')
      try {
        await syncAll(handle.fd)
      } finally {
        await handle.close()
      }
    }),
}

class NodeFile implements FileHandle {
  readonly #path: string
  readonly #handle: NodeFileHandle
  readonly #appends: boolean
  /** What the handle does not know of: its number must not be another file's meanwhile. */
  readonly #syncs = new Set<Promise<void>>()

  constructor(path: string, handle: NodeFileHandle, appends: boolean) {
    this.#path = path
    this.#handle = handle
    this.#appends = appends
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return attempt('read', this.#path, async () => (await this.#handle.read(into, 0, into.length, position)).bytesRead)
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    return attempt('write', this.#path, async () => {
      let written = 0
      while (written < bytes.length) {
        const at = this.#appends ? undefined : position + written
        written += (await this.#handle.write(bytes, written, bytes.length - written, at)).bytesWritten
      }
    })
  }

  async writeAll(chunks: readonly Uint8Array[], position: number): Promise<void> {
    const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    const written = await attempt(
      'write',
      this.#path,
      async () => (await this.#handle.writev(chunks as Uint8Array[], this.#appends ? undefined : position)).bytesWritten,
    )
    if (written < total) await this.write(remainder(chunks, written), position + written)
  }

  truncate(length: number): Promise<void> {
    return attempt('truncate', this.#path, () => this.#handle.truncate(length))
  }

  sync(): Promise<void> {
    const sync = attempt('sync', this.#path, () => syncData(this.#handle.fd)).finally(() => this.#syncs.delete(sync))
    this.#syncs.add(sync)
    return sync
  }

  stat(): Promise<FileStat> {
    return attempt('stat', this.#path, async () => describe(await this.#handle.stat({ bigint: true })))
  }

  close(): Promise<void> {
    return attempt('close', this.#path, async () => {
      while (this.#syncs.size > 0) await Promise.allSettled(this.#syncs)
      await this.#handle.close()
    })
  }
}

/** @internal What a short vectored write left over, in one piece. */
export function remainder(chunks: readonly Uint8Array[], written: number): Uint8Array {
  return Buffer.concat(chunks).subarray(written)
}
