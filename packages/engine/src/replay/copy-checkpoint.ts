import { copyFile, readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { nodeDisk } from '@millrace/core'
import { METADATA } from '../checkpoint/foreign-checkpoint.ts'
import { stateFilesOf } from '../checkpoint/metadata.ts'
import { decodeMetadata } from '../checkpoint/metadata-format.ts'

/** A running job may remove a checkpoint while it is copied: the next one is tried. */
const TRIES_MAX = 5

/**
 * Copies the newest completed checkpoint of a folder of checkpoints into another, and answers its path there; undefined: there is none. The folder is
 * only read: its job may run meanwhile.
 */
export async function copyNewestCheckpoint(checkpoints: string, to: string): Promise<string | undefined> {
  for (let tries = 1; ; tries++) {
    const newest = await newestOf(checkpoints)
    if (newest === undefined) return undefined
    try {
      return await copyCheckpoint(checkpoints, newest, to)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries === TRIES_MAX) throw error
    }
  }
}

async function newestOf(checkpoints: string): Promise<string | undefined> {
  const names = await readdir(checkpoints).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const ids = names.flatMap((name) => /^chk-(\d+)$/.exec(name)?.[1] ?? []).map(Number)
  for (const id of ids.toSorted((a, b) => b - a)) {
    const complete = await readdir(join(checkpoints, `chk-${id}`)).catch((): string[] => [])
    if (complete.includes(METADATA)) return `chk-${id}`
  }
  return undefined
}

async function copyCheckpoint(checkpoints: string, name: string, to: string): Promise<string> {
  const target = join(to, name)
  await nodeDisk.makeDirectory(target)
  const metadata = decodeMetadata(await readFile(join(checkpoints, name, METADATA)))
  for (const { path, inline } of stateFilesOf(metadata)) {
    if (inline !== undefined) continue
    await nodeDisk.makeDirectory(join(to, dirname(path)))
    await copyFile(join(checkpoints, path), join(to, path))
  }
  await copyFile(join(checkpoints, name, METADATA), join(target, METADATA))
  return target
}
