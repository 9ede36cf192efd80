/** Where a log that runs in this process keeps its files. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMemoryDisk, createPromptDisk, type Clock, type Disk } from '@millrace/core'
import { lockDirectory } from './lock/directory-lock.ts'

export interface LogPlace {
  readonly dirs: readonly string[]
  readonly disk: Disk
  /** Keeps other brokers from a directory, until its result is called. */
  readonly lock: (path: string) => Promise<() => void>
  /** Takes away what is not to outlive the log. */
  cleanUp(): Promise<void>
}

export interface LogPlaceOptions {
  readonly dirs?: readonly string[] | undefined
  readonly memory?: boolean
  /** Another disk than this machine's. */
  readonly disk?: Disk | undefined
  readonly clock: Clock
}

/** The folders that are named; memory; or, with neither, a temporary folder that goes with the log. */
export async function logPlace({ dirs, memory = false, disk, clock }: LogPlaceOptions): Promise<LogPlace> {
  const nothing = (): Promise<void> => Promise.resolve()
  if (memory) return { dirs: dirs ?? ['/log'], disk: disk ?? createMemoryDisk(() => clock.now()), lock: noLock, cleanUp: nothing }
  if (disk !== undefined) return { dirs: dirs ?? ['/log'], disk, lock: noLock, cleanUp: nothing }
  if (dirs !== undefined) return { dirs, disk: createPromptDisk(), lock: lockDirectory, cleanUp: nothing }
  const made = await mkdtemp(join(tmpdir(), 'millrace-log-'))
  return { dirs: [made], disk: createPromptDisk(), lock: lockDirectory, cleanUp: () => rm(made, { recursive: true, force: true }) }
}

/** For a disk that is not this machine's: nobody else has it. */
function noLock(): Promise<() => void> {
  return Promise.resolve(() => undefined)
}
