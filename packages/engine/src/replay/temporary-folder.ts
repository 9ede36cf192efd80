import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder that `remove` removes with all in it; `remove` never rejects. */
export interface TemporaryFolder {
  readonly path: string
  readonly remove: () => Promise<void>
}

/** A folder for what is of no use to anybody later, and may be large: it goes with the process too, where that ends before `remove`. */
export async function temporaryFolder(prefix: string): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), prefix))
  const removeAtExit = (): void => rmSync(path, { recursive: true, force: true })
  process.once('exit', removeAtExit)
  return {
    path,
    remove: async () => {
      // What stays is in the folder for temporary files, and says nothing about the job.
      await rm(path, { recursive: true, force: true }).catch(() => {})
      process.off('exit', removeAtExit)
    },
  }
}
