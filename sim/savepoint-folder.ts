/** Looks at the folder of savepoints. */
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
