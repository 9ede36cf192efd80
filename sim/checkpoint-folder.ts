/** Looks at the folder of checkpoints, and damages it. */
import type { Disk } from '@millrace/core'
import { FilesystemCheckpoints } from '@millrace/engine/simulation'
import { OUT } from './job.ts'
import { STATE } from './places.ts'
import type { World } from './world.ts'

const FOLDER = `${STATE}/sim/checkpoints`

/** Checkpoints with metadata, oldest first. */
export async function checkpointFolders(disk: Disk): Promise<readonly { readonly id: number; readonly path: string }[]> {
  const names = await disk.list(FOLDER).catch((): readonly string[] => [])
  const found: { readonly id: number; readonly path: string }[] = []
  for (const name of names) {
    const path = `${FOLDER}/${name}`
    if (!name.startsWith('chk-') || !(await disk.list(path)).includes('_metadata')) continue
    found.push({ id: Number(name.slice('chk-'.length)), path })
  }
  return found.toSorted((a, b) => a.id - b.id)
}

/** Flips a byte of the newest checkpoint, if there is an older one to fall back to. */
export async function damageNewest(world: World, damaged: Set<number>): Promise<void> {
  const { disk, random } = world
  const folders = await world.wait(checkpointFolders(disk))
  const newest = folders.at(-1)
  if (newest === undefined || !folders.some(({ id }) => id !== newest.id && !damaged.has(id))) return
  const shared = await world.wait(disk.list(`${FOLDER}/shared`))
  const own = shared.filter((name) => name.split('-')[1] === String(newest.id)).map((name) => `${FOLDER}/shared/${name}`)
  const path = random.pick([`${newest.path}/_metadata`, ...own])
  const { size } = await world.wait(disk.stat(path))
  if (size === 0) return
  disk.flip(path, random.between(0, size - 1), 1 << random.between(0, 7))
  damaged.add(newest.id)
}

/** After the end every part file is published, or removed. */
export async function checkHidden(disk: Disk): Promise<void> {
  const hidden = (await disk.list(OUT)).filter((name) => name.startsWith('.'))
  if (hidden.length > 0) throw new Error(`hidden part files are left: ${hidden.join(', ')}`)
}

/** After the end nothing is left that no checkpoint needs: no state files, no half-written checkpoints. */
export async function checkLeftovers(disk: Disk): Promise<void> {
  const storage = new FilesystemCheckpoints({ disk, dir: FOLDER })
  const { orphansRemoved, damaged } = await storage.open()
  if (orphansRemoved.length > 0) throw new Error(`files of no checkpoint are left: ${orphansRemoved.join(', ')}`)
  if (damaged.length > 0) throw new Error(`damaged: ${damaged[0]!.problem}`)
  for (const { path } of await checkpointFolders(disk)) await storage.resolveRestore(path)
}
