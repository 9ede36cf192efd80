/**
 * A disk whose reads are made again where they fail for a reason that may pass: the path to a disk or a server is lost for a moment, or no more files can be open.
 *
 * A checkpoint that cannot be read at a start is passed over for good, so that one failed read must not be the last word. Whatever writes is left alone:
 * after a checkpoint that failed comes the next, and a sync that failed must not be taken for a good one the second time.
 */
import { DiskError, type Clock, type Disk, type FileHandle } from '@millrace/core'

/** Before each further try. */
const DELAYS_MS: readonly number[] = [200, 1_000, 4_000]

const mayPass: ReadonlySet<string> = new Set(['input-output', 'too-many-open', 'other'])

export function retryingReads(disk: Disk, clock: Clock): Disk {
  const retry = async <T>(read: () => Promise<T>): Promise<T> => {
    for (const delayMs of DELAYS_MS) {
      try {
        return await read()
      } catch (error) {
        if (!(error instanceof DiskError) || !mayPass.has(error.reason)) throw error
      }
      await new Promise<void>((resolve) => void clock.after(delayMs, resolve))
    }
    return await read()
  }
  return {
    open: async (path, mode) => {
      if (mode !== 'read') return await disk.open(path, mode)
      return retryingFile(await retry(() => disk.open(path, mode)), retry)
    },
    readFile: (path) => retry(() => disk.readFile(path)),
    list: (path) => retry(() => disk.list(path)),
    stat: (path) => disk.stat(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    rename: (from, to) => disk.rename(from, to),
    link: (from, to) => disk.link(from, to),
    remove: (path) => disk.remove(path),
    removeTree: (path) => disk.removeTree(path),
    syncDirectory: (path) => disk.syncDirectory(path),
  }
}

function retryingFile(file: FileHandle, retry: <T>(read: () => Promise<T>) => Promise<T>): FileHandle {
  return {
    read: (into, position) => retry(() => file.read(into, position)),
    write: (bytes, position) => file.write(bytes, position),
    writeAll: (chunks, position) => file.writeAll(chunks, position),
    truncate: (length) => file.truncate(length),
    sync: () => file.sync(),
    stat: () => retry(() => file.stat()),
    close: () => file.close(),
  }
}
