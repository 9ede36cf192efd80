import type { StopAnswer } from '@millrace/engine/control'
import { cliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import type { ParsedFlags } from '../settings.ts'
import type { CommandIo } from '../terminal.ts'
import { askRunningJob, folderOf } from './ask-job.ts'

/** `millrace stop JOB`: prints the path of the savepoint that the job has ended with. */
export async function stopCommand(job: string, flags: ParsedFlags, io: CommandIo): Promise<number> {
  const savepoint = flags['savepoint'] !== false
  const drain = flags['drain'] === true
  if (!savepoint && drain) throw cliError('CLI_ARGUMENT', { flag: '--drain', expected: 'go with a savepoint', value: '--no-savepoint' })
  const dir = folderOf(io, flags['savepointPath'])
  return await askRunningJob(io, flags, job, { do: 'stop', savepoint, drain, ...dir }, (answer) => tellEnd(io, job, answer))
}

/** `millrace cancel JOB`: ends it without a final checkpoint; with `-s` after a savepoint, whose path it prints. */
export async function cancelCommand(job: string, flags: ParsedFlags, io: CommandIo): Promise<number> {
  const wanted = flags['withSavepoint']
  const request = { do: 'cancel', savepoint: wanted !== undefined, ...folderOf(io, wanted) } as const
  return await askRunningJob(io, flags, job, request, (answer) => tellEnd(io, job, answer))
}

function tellEnd(io: CommandIo, job: string, { state, savepoint, lastCheckpoint }: StopAnswer): number {
  const kept = savepoint ?? lastCheckpoint
  if (savepoint?.path !== undefined) io.stdout.write(`${savepoint.path}\n`)
  const from = kept?.path === undefined ? '' : `; ${savepoint === null ? 'checkpoint' : 'savepoint'} ${kept.path}`
  io.stderr.write(`job ${job} ${state}${from}\n`)
  return state === 'failed' ? exitCodes.failed : exitCodes.done
}
