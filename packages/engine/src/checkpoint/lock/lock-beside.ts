import type { Clock, Disk, Random } from '@millrace/core'
import { parentOf } from '../filesystem/durable-folders.ts'
import { snapshotFolder } from '../foreign-checkpoint.ts'
import { openJobLock, type JobLock } from './job-lock.ts'
import { isCheckpointUrl } from '../object-store/checkpoint-url.ts'
import { ObjectLock } from '../object-store/object-lock.ts'
import type { RemotePlaces } from '../object-store/remote-places.ts'
import { withObjectStorageErrors } from '../object-store/store-errors.ts'
import type { ProcessInspector } from './process-identity.ts'
import { isAbsent, withStorageErrors } from '../storage-errors.ts'

export interface LockBesideOptions {
  readonly disk: Disk
  readonly places: RemotePlaces
  readonly clock: Clock
  readonly random: Random
  /** Who asks. */
  readonly jobName: string
  readonly processes?: ProcessInspector
}

/** The lock of the job in whose folder a checkpoint is, of which `path` is the folder or URL; undefined: it is a savepoint, or nobody keeps a lock there. @throws CHECKPOINT_STORAGE_* */
export async function lockBeside(path: string, { places, ...options }: LockBesideOptions): Promise<JobLock | undefined> {
  const checkpoint = snapshotFolder(path)
  if (!/(?:^|\/)chk-\d+$/.test(checkpoint)) return undefined
  if (isCheckpointUrl(checkpoint)) {
    const place = places.place(checkpoint.slice(0, checkpoint.lastIndexOf('/')))
    const claims = await withObjectStorageErrors(place.url, () => place.store.list(`${place.prefix}lock/`))
    return claims.length === 0 ? undefined : new ObjectLock({ ...options, place })
  }
  const folder = parentOf(checkpoint)
  return (await isThere(options.disk, `${folder}/lock`)) ? openJobLock({ ...options, folder }) : undefined
}

function isThere(disk: Disk, path: string): Promise<boolean> {
  return withStorageErrors(path, async () => {
    try {
      await disk.stat(path)
      return true
    } catch (error) {
      if (isAbsent(error)) return false
      throw error
    }
  })
}
