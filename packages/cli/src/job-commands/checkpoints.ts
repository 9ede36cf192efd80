import { describeSize } from '@millrace/core'
import type { CheckpointHistoryEntry } from '@millrace/engine'
import { exitCodes } from '../exit-codes.ts'
import { formatElapsed } from '../quantities.ts'
import type { ParsedFlags } from '../settings.ts'
import { printRows } from '../table.ts'
import type { CommandIo } from '../terminal.ts'
import { askRunningJob } from './ask-job.ts'

const columns = [
  'id',
  'kind',
  'triggered',
  'outcome',
  'duration',
  'size',
  'written',
  'startDelay',
  'alignment',
  'aligned',
  'unaligned',
  'inFlight',
  'sync',
  'async',
  'path',
] as const

/** `millrace checkpoints JOB`: the newest checkpoints and savepoints, and what each took. */
export async function checkpointsCommand(job: string, flags: ParsedFlags, io: CommandIo): Promise<number> {
  return await askRunningJob(io, flags, job, { do: 'checkpoints' }, (history) => {
    if (flags['format'] === 'json') {
      for (const entry of history.history) io.stdout.write(`${JSON.stringify(entry)}\n`)
      return exitCodes.done
    }
    const { completed, failed, subsumed, inProgress } = history.counts
    io.stdout.write(`${completed} completed, ${failed} failed, ${subsumed} overtaken by newer ones, ${inProgress} under way\n`)
    printRows(io, 'table', history.history.map(rowOf), columns)
    return exitCodes.done
  })
}

/** Times of subtasks are those of the slowest; bytes and subtasks are added up. `aligned`: received during alignment; `unaligned`: snapshots that overtook barriers. */
function rowOf(entry: CheckpointHistoryEntry): Readonly<Record<string, unknown>> {
  const slowest = (of: 'startDelayMs' | 'alignmentMs' | 'syncMs' | 'asyncMs'): string | null =>
    entry.subtasks.length === 0 ? null : formatElapsed(Math.max(...entry.subtasks.map((subtask) => subtask[of])))
  const sum = (of: 'alignmentBytes' | 'inFlightBytes'): string =>
    describeSize(entry.subtasks.reduce((all, subtask) => all + subtask[of], 0))
  const { outcome } = entry
  return {
    id: entry.checkpointId,
    kind: entry.kind,
    triggered: new Date(entry.triggeredMs).toISOString(),
    outcome:
      outcome.kind === 'completed' ? 'completed' : `failed: ${outcome.reason}${outcome.error === undefined ? '' : `, ${outcome.error}`}`,
    duration: formatElapsed(entry.durationMs),
    size: describeSize(entry.stateBytes),
    written: describeSize(entry.writtenBytes),
    startDelay: slowest('startDelayMs'),
    alignment: slowest('alignmentMs'),
    aligned: sum('alignmentBytes'),
    unaligned: `${entry.subtasks.filter(({ unaligned }) => unaligned).length} of ${entry.subtasks.length}`,
    inFlight: sum('inFlightBytes'),
    sync: slowest('syncMs'),
    async: slowest('asyncMs'),
    path: entry.path ?? null,
  }
}
