import { posix } from 'node:path'
import { DiskError, type Disk, type FileStat } from '@millrace/core'
import { openContent, type Content } from './content.ts'
import { fingerprintBytesMax, fits, isCopy } from './fingerprint.ts'
import { isRotatedName, siblings, statIfThere, type FoundFile } from './finder.ts'
import type { FileSplit } from './split.ts'

/**
 * Where the content of a split is now.
 *
 * - `here`: where it was, or under another name; or in a copy, to which nothing is appended any more.
 * - `truncated`: the file is the same one, but what was read of it is gone: it has been written anew.
 * - `lost`: nowhere.
 */
export type Location =
  | { readonly kind: 'here'; readonly content: Content; readonly as: 'itself' | 'renamed' | 'copy' }
  | { readonly kind: 'truncated' }
  | { readonly kind: 'lost' }

/**
 * Finds a split's file again: under its path, renamed in the same folder, or as a copy (perhaps compressed) with a rotated name.
 * Where files are read only once (not `follow`), another file of the same content under the path will do: the input may have been moved.
 */
export async function locate(disk: Disk, split: FileSplit, follow: boolean): Promise<Location> {
  const atPath = await statIfThere(disk, split.path)
  if (atPath?.inode === split.inode) {
    const content = await openIfSame(disk, split.path, split)
    if (content !== undefined) return { kind: 'here', content, as: 'itself' }
    // Renamed between the two looks, it is no other content.
    const isStillThere = (await statIfThere(disk, split.path))?.inode === split.inode
    if (isStillThere && follow && !split.detached) return { kind: 'truncated' }
    if (!isStillThere) return await locate(disk, split, follow)
  }
  const renamed = await findRenamed(disk, split, atPath)
  if (renamed !== undefined) return { kind: 'here', content: renamed, as: 'renamed' }
  // All of it was read: whatever is left of it in a copy has nothing new.
  if (split.ended === true) return { kind: 'lost' }
  const copy = (follow ? undefined : await openIfCopy(disk, split.path, split)) ?? (await findCopy(disk, split))?.content
  if (copy !== undefined) return { kind: 'here', content: copy, as: 'copy' }
  return { kind: 'lost' }
}

/**
 * A copy of the file's former content, made by whoever truncated or removed it. Where several begin like it and none is surely a copy
 * (little had been read, and logs often begin alike), the newest; where nothing had been, the first that was made since.
 */
export async function findCopy(disk: Disk, split: FileSplit): Promise<Copy | undefined> {
  if (split.fingerprint.bytes === 0) return await openFirst(disk, await findLaterCopies(disk, split, split.modifiedMs), async () => true)
  const byAge = (await findLaterCopies(disk, split, -1)).toReversed()
  return (
    (await openFirst(disk, byAge, (content) => isRest(content, split))) ??
    (await openFirst(disk, byAge, (content) => isSameContent(content, split)))
  )
}

async function openFirst(disk: Disk, files: readonly FoundFile[], test: (content: Content) => Promise<boolean>): Promise<Copy | undefined> {
  for (const { path, stat } of files) {
    const content = await openIf(disk, path, test)
    if (content !== undefined) return { content, modifiedMs: stat.modifiedMs }
  }
  return undefined
}

export interface Copy {
  readonly content: Content
  readonly modifiedMs: number
}

/** Files with rotated names that are newer than that, the oldest first: what the file contained later on, each time it was truncated unseen. */
export async function findLaterCopies(disk: Disk, split: FileSplit, modifiedMs: number): Promise<readonly FoundFile[]> {
  const name = posix.basename(split.path)
  const candidates = await siblings(disk, split.path, (candidate) => isRotatedName(candidate, name))
  return candidates
    .filter(({ stat }) => stat.inode !== split.inode && stat.modifiedMs > modifiedMs)
    .toSorted((a, b) => a.stat.modifiedMs - b.stat.modifiedMs)
}

/** Whether the content still begins as it did, and is no shorter than what was read of it. */
export async function isSameContent(content: Content, split: FileSplit): Promise<boolean> {
  return (await reaches(content, split)) && fits(split.fingerprint, await content.head(fingerprintBytesMax))
}

async function findRenamed(disk: Disk, split: FileSplit, atPath: FileStat | undefined): Promise<Content | undefined> {
  if (atPath?.inode === split.inode) return undefined
  const name = posix.basename(split.path)
  for (const file of await siblings(disk, split.path, (candidate) => candidate !== name)) {
    const content = file.stat.inode === split.inode ? await openIfSame(disk, file.path, split) : undefined
    if (content !== undefined) return content
  }
  return undefined
}

async function openIfSame(disk: Disk, path: string, split: FileSplit): Promise<Content | undefined> {
  return await openIf(disk, path, async (content) => (await content.stat()).inode === split.inode && (await isSameContent(content, split)))
}

async function openIfCopy(disk: Disk, path: string, split: FileSplit): Promise<Content | undefined> {
  return await openIf(disk, path, (content) => isRest(content, split))
}

async function isRest(content: Content, split: FileSplit): Promise<boolean> {
  return isCopy(split.fingerprint, await content.head(fingerprintBytesMax)) && (await reaches(content, split))
}

async function openIf(disk: Disk, path: string, test: (content: Content) => Promise<boolean>): Promise<Content | undefined> {
  let content: Content
  try {
    content = await openContent(disk, path)
  } catch (error) {
    if (error instanceof DiskError && error.reason === 'not-found') return undefined
    throw error
  }
  const isSought = await closingOnError(content, () => test(content))
  if (isSought) return content
  await content.close()
  return undefined
}

/** Where the work fails, nobody else comes to know the content: it is closed. */
export async function closingOnError<T>(content: Content | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await content?.close().catch(() => {})
    throw error
  }
}

/** Of compressed content the length is not known before it is read. */
async function reaches(content: Content, split: FileSplit): Promise<boolean> {
  return content.isCompressed || (await content.stat()).size >= split.offset
}
