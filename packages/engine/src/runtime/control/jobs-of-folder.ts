import { readdirSync, type Dirent } from 'node:fs'
import { join, resolve } from 'node:path'
import { DiskError, messageOf } from '@millrace/core'
import { jobFolderName } from '../../checkpoint/job-folder.ts'
import { askJob } from './control-client.ts'
import type { JobStatus } from './protocol.ts'
import { controlSocketPath } from './socket-path.ts'

/** A job that has a folder in the folder of all state. */
export interface KnownJob {
  readonly job: string
  /** Undefined: it does not run. */
  readonly status: JobStatus | undefined
  /** Why its status is not known although its process is there. */
  readonly problem?: string
}

/** The socket of a job by its name. `stateDir`: the option. */
export function controlSocketOf(stateDir: string, job: string): string {
  return controlSocketPath(join(resolve(stateDir), jobFolderName(job)))
}

/** Every job that runs, or has run, with this folder of state; by name. @throws DiskError if that is no folder, or cannot be read */
export async function jobsOf(stateDir: string): Promise<readonly KnownJob[]> {
  const jobs = foldersIn(stateDir).flatMap((name) => {
    const job = nameOf(name)
    return job === undefined ? [] : [job]
  })
  const known = await Promise.all(jobs.map((job) => look(stateDir, job)))
  return known.toSorted((a, b) => (a.job < b.job ? -1 : 1))
}

/** One that does not answer, or not as it should, hides none of the others. */
async function look(stateDir: string, job: string): Promise<KnownJob> {
  try {
    const answer = await askJob(controlSocketOf(stateDir, job), { do: 'status' })
    if (answer?.kind === 'error') return { job, status: undefined, problem: answer.error.message }
    return { job, status: answer?.result }
  } catch (error) {
    return { job, status: undefined, problem: messageOf(error) }
  }
}

function foldersIn(path: string): readonly string[] {
  let entries: readonly Dirent[]
  try {
    entries = readdirSync(path, { withFileTypes: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return []
    const reason = code === 'ENOTDIR' ? 'not-a-directory' : code === 'EACCES' || code === 'EPERM' ? 'not-permitted' : 'other'
    throw new DiskError(reason, 'list', path, error)
  }
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
}

/** What was made into a folder's name by `jobFolderName`. */
function nameOf(folder: string): string | undefined {
  try {
    const job = decodeURIComponent(folder)
    return jobFolderName(job) === folder ? job : undefined
  } catch {
    return undefined
  }
}
