import { MillraceError } from '@millrace/core'
import { CommanderError } from 'commander'
import { exitCodes } from './exit-codes.ts'
import { buildProgram, exitCodeOf } from './program.ts'
import type { CommandIo } from './terminal.ts'

/**
 * Runs one command line, without the names of Node and the program, and answers its exit code.
 * What the user can mend is said in a line; anything else is a bug and keeps its stack.
 */
export async function main(flags: readonly string[], version: string, io: CommandIo): Promise<number> {
  let exitCode: number = exitCodes.done
  const program = buildProgram(version, io, (code) => {
    exitCode = code
  })
  try {
    await program.parseAsync(flags, { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return exitCodeOf(error)
    if (!(error instanceof MillraceError)) throw error
    const { describeError } = await import('./failure-text.ts')
    io.stderr.write(`millrace: ${describeError(error)}\n`)
    return error.who === 'user' ? exitCodes.usage : exitCodes.failed
  }
}
