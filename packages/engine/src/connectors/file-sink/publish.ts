import { posix } from 'node:path'
import { DiskError, type Disk, type FileStat, messageOf } from '@millrace/core'
import { engineError } from '../../errors.ts'
import type { FileSinkHandle, PendingFile } from './handle.ts'

/**
 * Gives every file of the handles its final name, durably. Files that have it already are left alone, so this may be done again at any time.
 *
 * `missing`: what to do about a file that is there under neither name.
 */
export async function publish(disk: Disk, handles: readonly FileSinkHandle[], missing: 'fail' | 'accept'): Promise<void> {
  const folders = new Set<string>()
  for (const { dir, files } of handles) {
    for (const file of files) await publishFile(disk, dir, file, missing)
    if (files.length > 0) folders.add(dir)
  }
  for (const dir of folders) await attempt(dir, () => disk.syncDirectory(dir))
}

async function publishFile(disk: Disk, dir: string, file: PendingFile, missing: 'fail' | 'accept'): Promise<void> {
  const hidden = posix.join(dir, file.hidden)
  const final = posix.join(dir, file.final)
  const pending = await attempt(hidden, () => statIfThere(disk, hidden))
  if (pending !== undefined) {
    checkSize(hidden, pending, file)
    if (await attempt(hidden, () => renameIfThere(disk, hidden, final))) return
  }
  const published = await attempt(final, () => statIfThere(disk, final))
  if (published !== undefined) checkSize(final, published, file)
  else if (missing === 'fail') throw await lossOf(disk, dir, { file: hidden, final })
}

export async function isThere(disk: Disk, path: string): Promise<boolean> {
  return (await attempt(path, () => statIfThere(disk, path))) !== undefined
}

/** What is in a folder that is away, as one is whose disk is gone for a moment, may come back with it. */
async function lossOf(disk: Disk, dir: string, { file, final }: { readonly file: string; readonly final: string }): Promise<Error> {
  if (await isThere(disk, dir)) return engineError('FILE_SINK_LOST', { file, final })
  return engineError('FILE_SINK_COMMIT_FAILED', {
    file,
    problem: "its folder is away; missingFiles: 'accept' goes on without what it held",
  })
}

function checkSize(file: string, { size }: FileStat, { sizeBytes }: PendingFile): void {
  if (size !== sizeBytes) throw engineError('FILE_SINK_DAMAGED', { file, found: size, expected: sizeBytes })
}

async function statIfThere(disk: Disk, path: string): Promise<FileStat | undefined> {
  try {
    return await disk.stat(path)
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** False if another commit of the same file was faster. */
async function renameIfThere(disk: Disk, from: string, to: string): Promise<boolean> {
  try {
    await disk.rename(from, to)
    return true
  } catch (error) {
    if (isNotFound(error)) return false
    throw error
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof DiskError && error.reason === 'not-found'
}

/**
 * Creates the folder with its parents, so that it survives a crash. Those that are there are synced too: a former attempt may have made
 * them and died before it could. A parent that may not be read is left out: nobody who may not read it made anything in it.
 */
export async function makeDurableDirectory(disk: Disk, dir: string): Promise<void> {
  await disk.makeDirectory(dir)
  for (let path = dir; path !== posix.dirname(path); path = posix.dirname(path)) {
    try {
      await disk.syncDirectory(posix.dirname(path))
    } catch (error) {
      if (!(error instanceof DiskError && error.reason === 'not-permitted')) throw error
    }
  }
}

async function attempt<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw engineError('FILE_SINK_COMMIT_FAILED', { file, problem: messageOf(error) }, error)
  }
}
