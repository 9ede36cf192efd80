import type { Clock, Disk, Random } from '@millrace/core'
import { openJobLock } from '../checkpoint/job-lock.ts'
import { FilesystemCheckpoints } from '../checkpoint/filesystem.ts'
import { MemoryCheckpoints } from '../checkpoint/memory.ts'
import type { CheckpointStorage } from '../checkpoint/storage.ts'
import type { ResolvedEngineOptions } from '../config/options.ts'
import type { JobLock } from './job-master.ts'

/** Where the job keeps its checkpoints, and the lock on that place. */
export function jobFolder(
  jobName: string,
  settings: ResolvedEngineOptions,
  ports: { readonly clock: Clock; readonly disk: Disk; readonly random: Random },
): { readonly storage: CheckpointStorage; readonly lock: JobLock } {
  const { checkpointing, stateDir } = settings.values
  if (checkpointing.storage === 'memory') return { storage: new MemoryCheckpoints(), lock: noLock() }
  const folder = `${stateDir}/${jobName}`
  const storage = new FilesystemCheckpoints({ ...ports, dir: checkpointing.dir ?? `${folder}/checkpoints` })
  return { storage, lock: openJobLock({ ...ports, folder, jobName }) }
}

/** For jobs that leave nothing behind: nobody else can get at them. */
function noLock(): JobLock {
  let attempt = 0
  return { nextAttempt: async () => ++attempt, check: async () => {}, release: async () => {} }
}
