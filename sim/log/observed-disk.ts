import type { Disk, FileHandle } from '@millrace/core'
import { overlay } from '../interposer.ts'

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Sees by its files what a log is doing. One for all lives; each life's disk is wrapped. */
export class DiskObserver {
  /** Folders in which a segment was begun whose name is not durable yet. */
  readonly #rolling = new Set<string>()
  /** Folders in which a compacted segment takes the place of old ones, and whether its last rename has been asked for. */
  readonly #swapping = new Map<string, 'begun' | 'ending'>()
  /** Index files by path, with the bytes written to them. */
  readonly #indexBytes = new Map<string, number>()

  /** Partitions whose copy has got its name in a directory, and whose log still has its own in another. */
  readonly #promoted = new Set<string>()

  get isPromoting(): boolean {
    return this.#promoted.size > 0
  }

  get isRolling(): boolean {
    return this.#rolling.size > 0
  }

  get isSwapping(): boolean {
    return this.#swapping.size > 0
  }

  /** Index files that were written, with their sizes. */
  get indexes(): ReadonlyMap<string, number> {
    return this.#indexBytes
  }

  /** What was under way ended with the process. */
  forgetActivity(): void {
    this.#rolling.clear()
    this.#swapping.clear()
    this.#promoted.clear()
  }

  observe(disk: Disk): Disk {
    return overlay(disk, {
      open: async (path, mode) => {
        if (path.endsWith('.log') && mode === 'write') this.#rolling.add(folderOf(path))
        return this.#observeFile(path, await disk.open(path, mode))
      },
      rename: async (from, to) => {
        if (to.endsWith('.swap')) this.#swapping.set(folderOf(to), 'begun')
        await disk.rename(from, to)
        if (to.endsWith('-delete')) this.#promoted.delete(nameOf(from))
        else if (from.endsWith('-future')) this.#promoted.add(nameOf(to))
        if (from.endsWith('.log.swap')) this.#swapping.set(folderOf(to), 'ending')
        this.#move(from, to)
      },
      remove: async (path) => {
        await disk.remove(path)
        this.#indexBytes.delete(path)
      },
      removeTree: async (path) => {
        await disk.removeTree(path)
        for (const each of this.#indexBytes.keys()) if (each.startsWith(`${path}/`)) this.#indexBytes.delete(each)
      },
      syncDirectory: async (path) => {
        await disk.syncDirectory(path)
        this.#rolling.delete(path)
        if (this.#swapping.get(path) === 'ending') this.#swapping.delete(path)
      },
    })
  }

  #observeFile(path: string, file: FileHandle): FileHandle {
    if (!path.endsWith('index')) return file
    const grow = (end: number): void => void this.#indexBytes.set(path, Math.max(end, this.#indexBytes.get(path) ?? 0))
    return overlay(file, {
      write: async (bytes, position) => {
        await file.write(bytes, position)
        grow(position + bytes.length)
      },
      writeAll: async (chunks, position) => {
        await file.writeAll(chunks, position)
        grow(position + chunks.reduce((sum, chunk) => sum + chunk.length, 0))
      },
      truncate: async (length) => {
        await file.truncate(length)
        this.#indexBytes.set(path, length)
      },
    })
  }

  #move(from: string, to: string): void {
    const size = this.#indexBytes.get(from)
    this.#indexBytes.delete(from)
    if (size !== undefined && to.endsWith('index')) this.#indexBytes.set(to, size)
    // The folder of a deleted partition.
    for (const path of this.#indexBytes.keys()) if (path.startsWith(`${from}/`)) this.#indexBytes.delete(path)
  }
}
