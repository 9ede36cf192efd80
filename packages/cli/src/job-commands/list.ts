import { DiskError, folderProblem } from '@millrace/core'
import type { KnownJob } from '@millrace/engine/control'
import { cliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import type { ParsedFlags } from '../settings.ts'
import type { CommandIo } from '../terminal.ts'
import { printRows } from '../table.ts'
import { stateDirOf } from './ask-job.ts'

const columns = ['job', 'state', 'pid', 'since', 'restarts', 'parallelism', 'checkpoint'] as const

/** `millrace list`: the jobs of a state folder. */
export async function listJobs(flags: ParsedFlags, io: CommandIo): Promise<number> {
  const jobs = await knownJobs(await stateDirOf(io, flags))
  const rows = jobs.map(({ job, status, problem }) => ({
    job,
    state: status?.state ?? (problem === undefined ? 'not running' : 'not answering'),
    pid: status?.pid ?? null,
    since: status === undefined ? null : new Date(status.startedMs).toISOString(),
    restarts: status?.restarts ?? null,
    parallelism: status?.parallelism ?? null,
    checkpoint: status?.lastCheckpoint?.id ?? null,
  }))
  for (const { job, problem } of jobs) if (problem !== undefined) io.stderr.write(`millrace: ${job}: ${problem}\n`)
  printRows(
    io,
    flags['format'],
    rows.filter(({ state }) => isWanted(state, flags)),
    columns,
  )
  return exitCodes.done
}

/** @throws CLI_STATE_DIR */
async function knownJobs(stateDir: string): Promise<readonly KnownJob[]> {
  const { jobsOf } = await import('@millrace/engine/control')
  try {
    return await jobsOf(stateDir)
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
    throw cliError('CLI_STATE_DIR', { path: stateDir, problem: folderProblem(error) })
  }
}

/** Without any flag all that are alive, as with `-r -s`. */
function isWanted(state: string, flags: ParsedFlags): boolean {
  if (flags['all'] === true) return true
  if (state === 'not running') return false
  const isWaiting = state === 'starting' || state === 'restarting'
  const [running, scheduled] = [flags['running'] === true, flags['scheduled'] === true]
  return running === scheduled || (isWaiting ? scheduled : running)
}
