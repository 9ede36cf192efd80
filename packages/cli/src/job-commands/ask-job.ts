import { resolve } from 'node:path'
import type { ControlAnswers, ControlRequest } from '@millrace/engine/control'
import type { MillraceError } from '@millrace/core'
import { cliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { placeOf, resolveSettings, type ParsedFlags } from '../settings.ts'
import type { CommandIo } from '../terminal.ts'

/** The folder of all state, as `run` would take it from the same place. */
export async function stateDirOf(io: CommandIo, flags: ParsedFlags): Promise<string> {
  const { values } = await resolveSettings(io, flags)
  return resolve(io.cwd, values.stateDir)
}

/** Asks the running job of a name; what it cannot do is said in a line. `done` says what it answered, and gives the exit code. */
export async function askRunningJob<const R extends ControlRequest>(
  io: CommandIo,
  flags: ParsedFlags,
  job: string,
  request: R,
  done: (result: ControlAnswers[R['do']]) => number,
): Promise<number> {
  checkJobName(job, 'JOB')
  const { askJob, controlSocketOf } = await import('@millrace/engine/control')
  const stateDir = await stateDirOf(io, flags)
  const answer = await askJob(controlSocketOf(stateDir, job), request)
  if (answer === undefined) {
    io.stderr.write(`millrace: no job ${job} runs with the state folder ${stateDir}\n`)
    return exitCodes.notRunning
  }
  if (answer.kind === 'result') return done(answer.result)
  io.stderr.write(`millrace: ${answer.error.message}\n`)
  return answer.error.who === 'user' ? exitCodes.usage : exitCodes.failed
}

/** @throws CLI_ARGUMENT where it is empty, as what a variable of a script gives that is not set */
export function checkJobName(job: string, flag: string): void {
  if (job === '') throw cliError('CLI_ARGUMENT', { flag, expected: 'be the name of a running job', value: 'empty' })
}

/** The name of a job is missing on the command line. */
export function missingJob(): MillraceError {
  return cliError('CLI_ARGUMENT', { flag: 'JOB', expected: 'be the name of a running job', value: 'missing' })
}

/** An optional folder of the command line, absolute, or a URL. */
export function folderOf(io: CommandIo, text: unknown): { readonly dir?: string } {
  return typeof text === 'string' ? { dir: placeOf(io, text) } : {}
}
