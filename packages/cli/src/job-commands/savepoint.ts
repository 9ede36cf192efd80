import { resolve } from 'node:path'
import { nodeDisk } from '@millrace/core'
import { cliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import type { ParsedFlags } from '../settings.ts'
import type { CommandIo } from '../terminal.ts'
import { askRunningJob, folderOf } from './ask-job.ts'

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
    const { disposeSavepoint } = await import('@millrace/engine/control')
    io.stderr.write(`savepoint ${await disposeSavepoint(nodeDisk, resolve(io.cwd, dispose))} is removed\n`)
    return exitCodes.done
  }
  if (job === undefined) throw cliError('CLI_ARGUMENT', { flag: 'JOB', expected: 'be the name of a running job', value: 'missing' })
  return await askRunningJob(io, flags, job, { do: 'savepoint', ...folderOf(io, dir) }, ({ path }) => {
    io.stdout.write(`${path}\n`)
    return exitCodes.done
  })
}
