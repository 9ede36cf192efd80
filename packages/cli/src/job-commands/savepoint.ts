import { cliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { placeOf, resolveSettings, type ParsedFlags } from '../settings.ts'
import type { CommandIo } from '../terminal.ts'
import { askRunningJob, folderOf, missingJob } from './ask-job.ts'

/** `millrace savepoint JOB [DIR]`: prints the savepoint's path. With `--dispose PATH`: removes one. */
export async function savepointCommand(
  job: string | undefined,
  dir: string | undefined,
  flags: ParsedFlags,
  io: CommandIo,
): Promise<number> {
  const { dispose } = flags
  if (typeof dispose === 'string') {
    if (job !== undefined) throw cliError('CLI_ARGUMENT', { flag: '--dispose', expected: 'stand without a job', value: job })
    const { removeSavepoint } = await import('@millrace/engine')
    const settings = await resolveSettings(io, flags)
    io.stderr.write(`savepoint ${await removeSavepoint(placeOf(io, dispose), { settings })} is removed\n`)
    return exitCodes.done
  }
  if (job === undefined) throw missingJob()
  return await askRunningJob(io, flags, job, { do: 'savepoint', ...folderOf(io, dir) }, ({ path }) => {
    io.stdout.write(`${path}\n`)
    return exitCodes.done
  })
}
