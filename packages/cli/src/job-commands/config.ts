import type { OptionState } from '@millrace/core'
import type { ControlRequest } from '@millrace/engine/control'
import { exitCodes } from '../exit-codes.ts'
import { readPairs, type ParsedFlags } from '../settings.ts'
import { printRows } from '../table.ts'
import type { CommandIo } from '../terminal.ts'
import { askRunningJob } from './ask-job.ts'

const columns = ['option', 'value', 'by', 'running'] as const

/** `millrace config JOB [key=value…]`: the options of a running job, after changing these. */
export async function configCommand(job: string, changes: readonly string[], flags: ParsedFlags, io: CommandIo): Promise<number> {
  const request: ControlRequest =
    changes.length === 0 ? { do: 'config' } : { do: 'configure', changes: readPairs('millrace config', changes) }
  return await askRunningJob(io, flags, job, request, (options: readonly OptionState[]) => {
    const named = new Set(changes.map((text) => text.slice(0, text.indexOf('='))))
    // Whoever changes some wants to see those.
    const shown = changes.length === 0 ? options : options.filter(({ key }) => named.has(key))
    printRows(io, flags['format'], shown.map(rowOf), columns)
    return exitCodes.done
  })
}

function rowOf({ key, value, origin, dynamic }: OptionState): Readonly<Record<(typeof columns)[number], string | null>> {
  return { option: key, value: value ?? null, by: origin, running: dynamic ? 'can change' : 'fixed' }
}
