import { copyFile, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { nodeDisk, type Disk } from '@millrace/core'
import { METADATA } from '../checkpoint/foreign-checkpoint.ts'
import { stateFilesOf } from '../checkpoint/metadata/metadata.ts'
import { decodeMetadata } from '../checkpoint/metadata/metadata-format.ts'
import { isAbsent } from '../checkpoint/storage-errors.ts'

/** A running job completes and removes checkpoints while they are looked for, and copied. */
const TRIES_MAX = 20
const PAUSE_MS = 10

/**
 * Copies the newest completed checkpoint of a folder of checkpoints into another, and answers its path there; undefined: there is none. The folder is
 * only read: its job may run meanwhile.
 */
export async function copyNewestCheckpoint(
  checkpoints: string,
  to: string,
  disk: Pick<Disk, 'list'> = nodeDisk,
): Promise<string | undefined> {
  const copied = new Set<string>()
  for (let tries = 1; ; tries++) {
    const found = await newestOf(checkpoints, disk)
    if (found === 'none') return undefined
    if (found !== 'changing') {
      try {
        return await copyCheckpoint(checkpoints, found.name, to, copied)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries === TRIES_MAX) throw error
      }
    }
    // Not one was completed in all that time.
    if (tries === TRIES_MAX) return undefined
    await setTimeout(PAUSE_MS)
  }
}

/** `changing`: while one after the other was looked at, the older ones may have been removed, and a newer one completed. */
async function newestOf(checkpoints: string, disk: Pick<Disk, 'list'>): Promise<{ readonly name: string } | 'none' | 'changing'> {
  const ids = (await listed(disk, checkpoints)).flatMap((name) => /^chk-(\d+)$/.exec(name)?.[1] ?? []).map(Number)
  for (const id of ids.toSorted((a, b) => b - a)) {
    const name = `chk-${id}`
    if ((await listed(disk, join(checkpoints, name))).includes(METADATA)) return { name }
  }
  return ids.length === 0 ? 'none' : 'changing'
}

/** Nothing where there is no such folder. */
async function listed(disk: Pick<Disk, 'list'>, path: string): Promise<readonly string[]> {
  try {
    return await disk.list(path)
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}

/**
 * `copied` are the state files that tries before this one have brought: a file never changes, so what this checkpoint shares with theirs is not copied again, and the rest
 * of it goes before more of the disk is taken.
 */
async function copyCheckpoint(checkpoints: string, name: string, to: string, copied: Set<string>): Promise<string> {
  const metadata = decodeMetadata(await readFile(join(checkpoints, name, METADATA)))
  const files = new Set(stateFilesOf(metadata).flatMap(({ path, inline }) => (inline === undefined ? [path] : [])))
  for (const path of copied.difference(files)) {
    await rm(join(to, path))
    copied.delete(path)
  }
  for (const path of files.difference(copied)) {
    await nodeDisk.makeDirectory(join(to, dirname(path)))
    await copyFile(join(checkpoints, path), join(to, path))
    copied.add(path)
  }
  const target = join(to, name)
  await nodeDisk.makeDirectory(target)
  await copyFile(join(checkpoints, name, METADATA), join(target, METADATA))
  return target
}
