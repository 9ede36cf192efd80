import { isAbsolute, join, resolve } from 'node:path'
import type { Clock, Disk, Random } from '@millrace/core'
import { FilesystemCheckpoints, jobFolderName } from '../checkpoint/filesystem.ts'
import { MemoryCheckpoints, MemoryStateFiles } from '../checkpoint/memory.ts'
import { FilesystemSavepoints } from '../checkpoint/savepoints.ts'
import type { ProcessInspector } from '../checkpoint/process-identity.ts'
import { FilesystemStateFiles } from '../checkpoint/state-files.ts'
import type { CheckpointStorage, StateFileStorage } from '../checkpoint/storage.ts'
import type { ResolvedEngineOptions } from '../config/options.ts'
import { openJobLock, type JobLock } from '../checkpoint/job-lock.ts'

interface FolderPorts {
  readonly clock: Clock
  readonly disk: Disk
  readonly random: Random
}

/** Where a job keeps its checkpoints, the lock on that place, and where its savepoints go for which no folder is named. */
export interface JobFolder {
  readonly storage: CheckpointStorage
  readonly savepoints: FilesystemSavepoints
  readonly savepointDir: string
  readonly lock: JobLock
}

export function jobFolder(
  jobName: string,
  settings: ResolvedEngineOptions,
  ports: FolderPorts,
  processes?: ProcessInspector,
): JobFolder {
  const savepointDir = absolute(settings.values.checkpointing.savepointDir ?? join(jobStateFolder(jobName, settings), 'savepoints'))
  const { disk } = ports
  if (settings.values.checkpointing.storage === 'memory') {
    const savepoints = new FilesystemSavepoints({ disk, notes: undefined })
    return { storage: new MemoryCheckpoints({ disk }), savepoints, savepointDir, lock: noLock() }
  }
  const dir = checkpointFolder(jobName, settings)
  const lock = openJobLock({
    disk: ports.disk,
    clock: ports.clock,
    folder: dir,
    jobName,
    ...(processes === undefined ? {} : { processes }),
  })
  const storage = new FilesystemCheckpoints({ disk, dir, fence: () => lock.check() })
  const savepoints = new FilesystemSavepoints({ disk, notes: join(dir, 'savepoints-under-way') })
  return { storage, savepoints, savepointDir, lock }
}

/** The same place, as a slot sees it: it writes state files, and completes nothing. */
export function stateFileStorage(jobName: string, settings: ResolvedEngineOptions, ports: FolderPorts): StateFileStorage {
  if (settings.values.checkpointing.storage === 'memory') return new MemoryStateFiles({ disk: ports.disk })
  return new FilesystemStateFiles(ports.disk, checkpointFolder(jobName, settings))
}

function checkpointFolder(jobName: string, settings: ResolvedEngineOptions): string {
  const { checkpointing } = settings.values
  return checkpointing.dir === undefined
    ? join(jobStateFolder(jobName, settings), 'checkpoints')
    : join(absolute(checkpointing.dir), jobFolderName(jobName))
}

/** Folder of everything of the job that outlives a run. */
export function jobStateFolder(jobName: string, settings: ResolvedEngineOptions): string {
  return join(absolute(settings.values.stateDir), jobFolderName(jobName))
}

function absolute(path: string): string {
  return isAbsolute(path) ? path : resolve(path)
}

/** For jobs that leave nothing behind: nobody else can get at them. */
function noLock(): JobLock {
  let attempt = 0
  return { nextAttempt: async () => ++attempt, check: async () => {}, release: async () => {} }
}
