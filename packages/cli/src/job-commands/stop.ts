import type { StopAnswer } from '@millrace/engine/control'
import { cliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import type { ParsedFlags } from '../settings.ts'
import type { CommandIo } from '../terminal.ts'
import { askRunningJob, folderOf, missingJob } from './ask-job.ts'

/** `millrace stop JOB`: prints the path of the savepoint that the job has ended with. */
export async function stopCommand(named: string | undefined, flags: ParsedFlags, io: CommandIo): Promise<number> {
  const { job, place } = jobAndPlace(named, flags['savepointPath'])
  const savepoint = flags['savepoint'] !== false
  const drain = flags['drain'] === true
  if (!savepoint && drain) throw cliError('CLI_ARGUMENT', { flag: '--drain', expected: 'go with a savepoint', value: '--no-savepoint' })
  if (!savepoint && place !== undefined)
    throw cliError('CLI_ARGUMENT', { flag: '--savepoint-path', expected: 'go with a savepoint', value: '--no-savepoint' })
  return await askRunningJob(io, flags, job, { do: 'stop', savepoint, drain, ...folderOf(io, place) }, (answer) => tellEnd(io, job, answer))
}

/** `millrace cancel JOB`: ends it without a final checkpoint; with `-s` after a savepoint, whose path it prints. */
export async function cancelCommand(named: string | undefined, flags: ParsedFlags, io: CommandIo): Promise<number> {
  const { job, place } = jobAndPlace(named, flags['withSavepoint'])
  const request = { do: 'cancel', savepoint: flags['withSavepoint'] !== undefined, ...folderOf(io, place) } as const
  return await askRunningJob(io, flags, job, request, (answer) => tellEnd(io, job, answer))
}

/** `cancel -s JOB` and `stop -p JOB` name the job, as in Flink: where there is one word, it is not the place. */
function jobAndPlace(job: string | undefined, place: unknown): { readonly job: string; readonly place?: unknown } {
  if (job !== undefined) return { job, place }
  if (typeof place === 'string') return { job: place }
  throw missingJob()
}

function tellEnd(io: CommandIo, job: string, { state, savepoint, lastCheckpoint }: StopAnswer): number {
  const kept = savepoint ?? lastCheckpoint
  if (savepoint?.path !== undefined) io.stdout.write(`${savepoint.path}\n`)
  const from = kept?.path === undefined ? '' : `; ${savepoint === null ? 'checkpoint' : 'savepoint'} ${kept.path}`
  io.stderr.write(`job ${job} ${state}${from}\n`)
  return state === 'failed' ? exitCodes.failed : exitCodes.done
}
