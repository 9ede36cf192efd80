import { inspect } from 'node:util'
import { DiskError, MillraceError, NetworkError } from '@millrace/core'
import { CommanderError } from 'commander'
import { exitCodes } from './exit-codes.ts'
import { buildProgram, exitCodeOf } from './program.ts'
import type { CommandIo } from './terminal.ts'

/**
 * Runs one command line, without the names of Node and the program, and answers its exit code.
 * What the user can mend is said in a line, and so is what the machine refuses; anything else is a bug and keeps its stack.
 */
export async function main(flags: readonly string[], version: string, io: CommandIo): Promise<number> {
  const exitCode = await runCommandLine(flags, version, io)
  const failure = await io.stdout.settled?.()
  if (failure === undefined) return exitCode
  io.stderr.write(`millrace: the standard output cannot be written: ${failure.message}\n`)
  return exitCode === exitCodes.done ? exitCodes.failed : exitCode
}

async function runCommandLine(flags: readonly string[], version: string, io: CommandIo): Promise<number> {
  let exitCode: number = exitCodes.done
  const program = buildProgram(version, io, (code) => {
    exitCode = code
  })
  try {
    await program.parseAsync(flags, { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return exitCodeOf(error)
    const { describeError } = await import('./failure-text.ts')
    if (!(error instanceof MillraceError)) {
      const isOfTheWorld = error instanceof DiskError || error instanceof NetworkError
      io.stderr.write(isOfTheWorld ? `millrace: ${error.message}\n` : `millrace: this is a mistake of millrace itself: ${inspect(error)}\n`)
      return exitCodes.failed
    }
    io.stderr.write(`millrace: ${describeError(error)}\n`)
    return error.who === 'user' ? exitCodes.usage : exitCodes.failed
  }
}
