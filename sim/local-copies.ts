/** Copies of state files on a disk of the job's machine: some lives keep them, and between lives they are damaged, or another machine has none. */
import type { Disk } from '@millrace/core'
import type { SeededRandom } from '@millrace/testkit'
import { COPIES, STATE } from './places.ts'
import type { World } from './world.ts'

export interface CopiesPlan {
  /** Whether they are in a folder apart from all else of the job. */
  readonly isApart: boolean
}

/** Apart from the rest. */
export function drawCopies(random: SeededRandom): CopiesPlan | undefined {
  return random.chance(0.35) ? { isApart: random.chance(0.5) } : undefined
}

function folder({ isApart }: CopiesPlan): string {
  return isApart ? `${COPIES}/sim` : `${STATE}/sim/local-copies`
}

/** Now and then a copy is not what it was, or the job starts on a machine that has none. */
export async function damageCopies(world: World, plan: CopiesPlan, random: SeededRandom): Promise<void> {
  const { disk } = world
  const dir = `${folder(plan)}/shared`
  if (!random.chance(0.4)) return
  const names = await world.wait(namesIn(disk, dir))
  if (names.length === 0) return
  if (random.chance(0.3)) {
    await world.wait(disk.removeTree(folder(plan)))
    return
  }
  const path = `${dir}/${random.pick(names)}`
  const { size } = await world.wait(disk.stat(path))
  if (size > 0) disk.flip(path, random.between(0, size - 1), 1 << random.between(0, 7))
}

async function namesIn(disk: Disk, path: string): Promise<readonly string[]> {
  return await disk.list(path).catch(() => [])
}
