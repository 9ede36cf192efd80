/**
 * A disk in the memory of this process, for logs and states that need not outlive it.
 *
 * 1. Every change is seen by the call after it; there is nothing that a sync could add.
 * 2. A file that was removed lives on for who has it open.
 */
import { DiskError, type Disk, type FileHandle, type FileStat, type OpenMode } from '../disk.ts'
import { fileStat, MemoryFile, MemoryFileHandle } from './memory-file.ts'

class Folder {
  readonly kind = 'directory' as const
  readonly inode: number
  readonly entries = new Map<string, Folder | MemoryFile>()
  modifiedMs: number

  constructor(inode: number, nowMs: number) {
    this.inode = inode
    this.modifiedMs = nowMs
  }
}

interface Place {
  readonly folder: Folder
  readonly name: string
}

class MemoryDisk implements Disk {
  readonly #now: () => number
  readonly #root: Folder
  #inodeCount = 1

  constructor(now: () => number) {
    this.#now = now
    this.#root = new Folder(0, now())
  }

  async open(path: string, mode: OpenMode): Promise<FileHandle> {
    const { folder, name } = this.#place(path, 'open')
    const present = folder.entries.get(name)
    if (present?.kind === 'directory') throw new DiskError('is-a-directory', 'open', path)
    if (present === undefined && mode === 'read') throw new DiskError('not-found', 'open', path)
    if (present !== undefined && mode === 'create') throw new DiskError('exists', 'open', path)
    const file = present ?? new MemoryFile(this.#inodeCount++, this.#now())
    if (mode === 'write') file.truncate(0)
    if (present === undefined) this.#set(folder, name, file)
    return new MemoryFileHandle(file, mode, this.#now)
  }

  async readFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const file = this.#find(path, 'read')
    if (file.kind === 'directory') throw new DiskError('is-a-directory', 'read', path)
    const bytes = new Uint8Array(file.length)
    file.read(bytes, 0)
    return bytes
  }

  async list(path: string): Promise<readonly string[]> {
    return [...this.#folder(path, 'list').entries.keys()].toSorted()
  }

  async stat(path: string): Promise<FileStat> {
    const found = this.#find(path, 'stat')
    if (found.kind === 'file') return fileStat(found)
    return { kind: 'directory', size: 0, inode: `memory:${found.inode}`, modifiedMs: found.modifiedMs }
  }

  async makeDirectory(path: string): Promise<void> {
    let folder = this.#root
    for (const name of parts(path)) {
      const present = folder.entries.get(name)
      if (present?.kind === 'file') throw new DiskError('exists', 'create folder', path)
      const next: Folder = present ?? new Folder(this.#inodeCount++, this.#now())
      if (present === undefined) this.#set(folder, name, next)
      folder = next
    }
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.#place(from, 'rename')
    const moved = source.folder.entries.get(source.name)
    if (moved === undefined) throw new DiskError('not-found', 'rename', from)
    const target = this.#place(to, 'rename')
    const present = target.folder.entries.get(target.name)
    if (present === moved) return
    if (present !== undefined && present.kind !== moved.kind) {
      throw new DiskError(present.kind === 'directory' ? 'is-a-directory' : 'not-a-directory', 'rename', `${from} to ${to}`)
    }
    if (present?.kind === 'directory' && present.entries.size > 0) throw new DiskError('exists', 'rename', `${from} to ${to}`)
    if (`${parts(to).join('/')}/`.startsWith(`${parts(from).join('/')}/`)) throw new DiskError('other', 'rename', `${from} to ${to}`)
    source.folder.entries.delete(source.name)
    this.#set(target.folder, target.name, moved)
  }

  async link(from: string, to: string): Promise<void> {
    const file = this.#find(from, 'link')
    const { folder, name } = this.#place(to, 'link')
    if (folder.entries.has(name)) throw new DiskError('exists', 'link', `${from} to ${to}`)
    if (file.kind === 'directory') throw new DiskError('not-permitted', 'link', `${from} to ${to}`)
    this.#set(folder, name, file)
  }

  async remove(path: string): Promise<void> {
    if (this.#find(path, 'remove').kind === 'directory') throw new DiskError('is-a-directory', 'remove', path)
    const { folder, name } = this.#place(path, 'remove')
    folder.entries.delete(name)
  }

  async removeTree(path: string): Promise<void> {
    let folder = this.#root
    const names = parts(path)
    for (const name of names.slice(0, -1)) {
      const next = folder.entries.get(name)
      if (next === undefined) return
      if (next.kind === 'file') throw new DiskError('not-a-directory', 'remove folder', path)
      folder = next
    }
    folder.entries.delete(names.at(-1) ?? '')
  }

  async syncDirectory(path: string): Promise<void> {
    this.#folder(path, 'sync folder')
  }

  #set(folder: Folder, name: string, entry: Folder | MemoryFile): void {
    folder.entries.set(name, entry)
    folder.modifiedMs = this.#now()
  }

  #look(path: string): Folder | MemoryFile | undefined {
    let found: Folder | MemoryFile | undefined = this.#root
    for (const name of parts(path)) found = found?.kind === 'directory' ? found.entries.get(name) : undefined
    return found
  }

  #find(path: string, operation: string): Folder | MemoryFile {
    const found = this.#look(path)
    if (found === undefined) throw new DiskError('not-found', operation, path)
    return found
  }

  #folder(path: string, operation: string): Folder {
    const found = this.#find(path, operation)
    if (found.kind === 'file') throw new DiskError('not-a-directory', operation, path)
    return found
  }

  #place(path: string, operation: string): Place {
    const names = parts(path)
    const name = names.pop()
    if (name === undefined) throw new DiskError('is-a-directory', operation, path)
    return { folder: this.#folder(names.join('/'), operation), name }
  }
}

/** Names from the root to the end of the path, which is taken as absolute. */
function parts(path: string): string[] {
  const names: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') names.pop()
    else if (part !== '' && part !== '.') names.push(part)
  }
  return names
}

/** A new and empty disk in memory. @param now the time of changes, in milliseconds since 1970 */
export function createMemoryDisk(now: () => number = Date.now): Disk {
  return new MemoryDisk(now)
}
