import { DiskError, type Disk, type FileHandle } from '@millrace/core'
import type { LogHost } from '../partition/log-host.ts'

/**
 * The disk for what others keep in a log directory: the directory hears of what fails, as of the failures of its own logs.
 *
 * A write that finds no room left may be taken back; whatever else fails has left something in an unknown state.
 */
export function watchedDisk(disk: Disk, host: Pick<LogHost, 'failed' | 'wrote'>): Disk {
  const told = async <T>(path: string, work: Promise<T>, mayBeRefused = false): Promise<T> => {
    try {
      return await work
    } catch (error) {
      if (error instanceof DiskError && isFailure(error)) host.failed(error, path, !mayBeRefused)
      throw error
    }
  }
  const written = async (path: string, work: Promise<void>): Promise<void> => {
    await told(path, work, true)
    host.wrote()
  }
  const watchedFile = (file: FileHandle, path: string): FileHandle => ({
    read: (into, position) => told(path, file.read(into, position)),
    write: (bytes, position) => written(path, file.write(bytes, position)),
    writeAll: (chunks, position) => written(path, file.writeAll(chunks, position)),
    truncate: (length) => told(path, file.truncate(length)),
    // A temporary file is given up where there is no room for it.
    sync: () => told(path, file.sync(), path.endsWith('.tmp')),
    stat: () => told(path, file.stat()),
    close: () => file.close(),
  })
  return {
    open: async (path, mode) => watchedFile(await told(path, disk.open(path, mode), true), path),
    readFile: (path) => told(path, disk.readFile(path)),
    list: (path) => told(path, disk.list(path)),
    stat: (path) => told(path, disk.stat(path)),
    makeDirectory: (path) => told(path, disk.makeDirectory(path), true),
    rename: (from, to) => told(from, disk.rename(from, to)),
    link: (from, to) => told(from, disk.link(from, to)),
    remove: (path) => told(path, disk.remove(path)),
    removeTree: (path) => told(path, disk.removeTree(path)),
    syncDirectory: (path) => told(path, disk.syncDirectory(path)),
  }
}

/** That there is no such file is an answer. */
function isFailure({ reason }: DiskError): boolean {
  return reason !== 'not-found' && reason !== 'exists'
}
