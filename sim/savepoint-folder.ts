/** Looks at the folder of savepoints, and keeps in mind which of them nobody will tidy up. */
import type { Disk } from '@millrace/core'
import { SAVEPOINTS } from './places.ts'

export interface SavepointFolders {
  /** Paths of those that are whole. */
  readonly complete: readonly string[]
  /** Paths of what is there without `_metadata`. */
  readonly half: readonly string[]
}

export async function savepointFolders(disk: Disk): Promise<SavepointFolders> {
  const names = await disk.list(SAVEPOINTS).catch((): readonly string[] => [])
  const paths = names.map((name) => `${SAVEPOINTS}/${name}`)
  const whole = await Promise.all(paths.map(async (path) => (await disk.list(path)).includes('_metadata')))
  return { complete: paths.filter((_, index) => whole[index]), half: paths.filter((_, index) => !whole[index]) }
}

/**
 * Savepoints that lives on `memory` began and did not announce. Nothing notes them, so no later start removes what is half-written, or syncs what is complete by a name that was not
 * synced: that one is half-written after a later crash. What lives with notes began does not belong here, whoever lives next.
 */
export class UnnotedSavepoints {
  readonly #found: Set<string> = new Set()
  readonly #unnoted: Set<string> = new Set()

  /** After each life: what is there, and which savepoints were announced so far. */
  lifeEnded({ complete, half }: SavepointFolders, keepsNotes: boolean, announced: readonly string[]): void {
    for (const path of [...complete, ...half]) {
      if (!keepsNotes && !this.#found.has(path) && !announced.includes(path)) this.#unnoted.add(path)
      this.#found.add(path)
    }
  }

  has(path: string): boolean {
    return this.#unnoted.has(path)
  }
}
