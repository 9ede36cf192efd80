import { posix } from 'node:path'
import { DiskError, type Disk } from '@millrace/core'

/** Replaces a small file so that after a crash it is wholly the old or wholly the new one, and durably the new one once this resolves. */
export async function writeAtomically(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  await replaceFile(disk, path, bytes)
  await disk.syncDirectory(posix.dirname(path))
}

/** As `writeAtomically`, but for the name, which is durable after the folder's own sync. */
export async function replaceFile(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`
  const file = await disk.open(temporary, 'write')
  try {
    await file.write(bytes, 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(temporary, path)
}

/** The whole file, or undefined if there is none. */
export async function readIfPresent(disk: Disk, path: string): Promise<Uint8Array | undefined> {
  try {
    return await disk.readFile(path)
  } catch (error) {
    if (error instanceof DiskError && error.reason === 'not-found') return undefined
    throw error
  }
}

export async function removeIfPresent(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path)
  } catch (error) {
    if (!(error instanceof DiskError && error.reason === 'not-found')) throw error
  }
}
