import { LinkedList, type Disk, type FileHandle, type Link, type OpenMode } from '@millrace/core'

/**
 * Open files of a log directory, bounded: files nobody uses are closed, the one unused for longest first.
 *
 * 1. A file in use is never closed. So more than `openMax` are open only while more than `openMax` are in use.
 */
export class FilePool {
  readonly disk: Disk
  readonly openMax: number
  /** Open files without a user, least recently used first. */
  readonly #idle = new LinkedList<PooledFile>()
  #openCount = 0

  constructor(disk: Disk, openMax: number) {
    this.disk = disk
    this.openMax = openMax
  }

  get openCount(): number {
    return this.#openCount
  }

  file(path: string, mode: OpenMode): PooledFile {
    return new PooledFile(this, path, mode)
  }

  /** @internal */
  opened(): void {
    this.#openCount++
  }

  /** @internal */
  closed({ idleLink }: PooledFile): void {
    this.#openCount--
    if (idleLink !== undefined) this.#idle.remove(idleLink)
  }

  /** @internal */
  busy({ idleLink }: PooledFile): void {
    if (idleLink !== undefined) this.#idle.remove(idleLink)
  }

  /** @internal */
  idle(file: PooledFile): void {
    if (file.idleLink === undefined) file.idleLink = this.#idle.add(file)
    else this.#idle.moveToEnd(file.idleLink)
    for (const oldest of this.#idle) {
      if (this.#openCount <= this.openMax) return
      void oldest.close()
    }
  }
}

/** A file that is opened when it is used. Renaming it on the disk is followed by setting `path`. */
export class PooledFile {
  path: string
  readonly #pool: FilePool
  /** For the next time it is opened. */
  mode: OpenMode
  #handle: Promise<FileHandle> | undefined
  /** @internal Its place among the files without a user, out of the list while it has one. */
  idleLink: Link<PooledFile> | undefined
  #users = 0
  #closeWanted = false
  #whenUnused: (() => void)[] = []

  constructor(pool: FilePool, path: string, mode: OpenMode) {
    this.#pool = pool
    this.path = path
    this.mode = mode
  }

  async use<T>(work: (handle: FileHandle) => Promise<T>): Promise<T> {
    this.#users++
    this.#pool.busy(this)
    try {
      return await work(await this.#open())
    } finally {
      this.#users--
      if (this.#users === 0) this.#unused()
    }
  }

  /** Fills `into` from `position` as far as the file reaches; gives the number of bytes. */
  read(into: Uint8Array, position: number): Promise<number> {
    return this.use(async (handle) => {
      let count = 0
      while (count < into.length) {
        const given = await handle.read(into.subarray(count), position + count)
        if (given === 0) break
        count += given
      }
      return count
    })
  }

  /** Closes it once nobody uses it; it opens again when used again. */
  async close(): Promise<void> {
    if (this.#users > 0) {
      this.#closeWanted = true
      await new Promise<void>((resolve) => this.#whenUnused.push(resolve))
      return
    }
    const handle = this.#handle
    if (handle === undefined) return
    this.#handle = undefined
    this.#pool.closed(this)
    try {
      await (await handle).close()
    } catch {
      // What matters was synced before; a failing close loses nothing that was promised.
    }
  }

  #open(): Promise<FileHandle> {
    if (this.#handle === undefined) {
      const opening = this.#pool.disk.open(this.path, this.mode)
      this.#handle = opening
      this.#pool.opened()
      opening.catch(() => {
        if (this.#handle !== opening) return
        this.#handle = undefined
        this.#pool.closed(this)
      })
    }
    return this.#handle
  }

  #unused(): void {
    const waiting = this.#whenUnused
    this.#whenUnused = []
    if (this.#closeWanted) {
      this.#closeWanted = false
      void this.close().then(() => waiting.forEach((resolve) => resolve()))
    } else if (this.#handle !== undefined) this.#pool.idle(this)
  }
}
