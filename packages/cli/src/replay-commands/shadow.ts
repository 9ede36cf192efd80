import { parseDuration } from '@millrace/core'
import type { ShadowFailure, ShadowReport } from '@millrace/engine/replay'
import { cliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { checkJobName, stateDirOf } from '../job-commands/ask-job.ts'
import { readParams } from '../params.ts'
import { counted } from '../quantities.ts'
import { fileOf, placeOf, resolveSettings, type ParsedFlags } from '../settings.ts'
import { handleSignals } from '../signals.ts'
import type { CommandIo } from '../terminal.ts'

/** `millrace shadow`: 0 if both versions put out the same, 1 if they differ, nothing was compared, or one fails. A signal ends it without a report. */
export async function shadowCommand(path: string, flags: ParsedFlags, io: CommandIo): Promise<number> {
  const idleMs = parseDuration(flags['idle'])
  if (idleMs === undefined || idleMs < 1)
    throw cliError('CLI_ARGUMENT', { flag: '--idle', expected: 'be a duration', value: flags['idle'] as string })
  checkJobName(flags['of'] as string, '--of')
  const settings = await resolveSettings(io, flags)
  const params = readParams(flags['param'] as readonly string[])
  const restore = flags['restore'] === undefined ? undefined : placeOf(io, flags['restore'] as string)
  const recentPath = fileOf(io, path)
  const oldPath = await oldModule(flags, io)
  const { loadJobModule } = await import('@millrace/engine')
  const { newestCheckpointOf, shadowRun, temporaryFolder } = await import('@millrace/engine/replay')
  io.stdout.divertOthers?.(process.stderr)
  const old = await loadJobModule(oldPath)
  const named = flags['of'] as string
  if (old.name !== named) throw cliError('CLI_SHADOW_OTHER', { job: named, module: oldPath, other: old.name })
  const recent = await loadJobModule(recentPath)
  const folder = await temporaryFolder('millrace-shadow-')
  const interruption = new AbortController()
  let interrupted: number | undefined
  const ignoreSignals = handleSignals(
    process,
    (exitCode) => {
      interrupted = exitCode
      interruption.abort()
    },
    (exitCode) => process.exit(exitCode),
  )
  try {
    const checkpoint = restore ?? (await newestCheckpointOf(old, settings, folder.path))
    const report = await shadowRun({
      old: { job: old, params: {} },
      recent: { job: recent, params },
      checkpoint,
      allowNonRestoredState: flags['allowNonRestoredState'] === true,
      settings,
      until: flags['until'] as number,
      idleMs,
      signal: interruption.signal,
      onEvent: (version, event) => {
        if (event.kind === 'log' && event.record.level !== 'debug')
          io.stderr.write(`${version}: ${event.record.level}: ${event.record.message}\n`)
      },
    })
    return await show(report, flags, io)
  } catch (error) {
    // Nothing was compared.
    if (interrupted !== undefined) return interrupted
    throw error
  } finally {
    await folder.remove()
    ignoreSignals()
  }
}

const NOTHING_COMPARED =
  'nothing was compared: the sources gave no record. Wait longer with --idle, or start from an older checkpoint with --restore'

/** The module of the job that runs, unless another is named. */
async function oldModule(flags: ParsedFlags, io: CommandIo): Promise<string> {
  const named = flags['old'] as string | undefined
  if (named !== undefined) return fileOf(io, named)
  const { askJob, controlSocketOf } = await import('@millrace/engine/control')
  const job = flags['of'] as string
  const answer = await askJob(controlSocketOf(await stateDirOf(io, flags), job), { do: 'status' })
  const module = answer?.kind === 'result' ? answer.result.module : null
  if (module === null) throw cliError('CLI_SHADOW_OLD', { job })
  return module
}

async function show(report: ShadowReport | ShadowFailure, flags: ParsedFlags, io: CommandIo): Promise<number> {
  if ('failed' in report) {
    const { describeFailure } = await import('../failure-text.ts')
    const { jobName, failure } = report.result
    io.stderr.write(`the ${report.failed} version: ${describeFailure(jobName, failure)}\n`)
    return exitCodes.failed
  }
  io.stdout.write(flags['format'] === 'json' ? `${JSON.stringify(report)}\n` : reportText(report))
  return report.same && !isEmpty(report) ? exitCodes.done : exitCodes.failed
}

/** Two versions that were given nothing, and have put nothing out, are the same in nothing. */
function isEmpty({ records, sinks }: ShadowReport): boolean {
  return records === 0 && sinks.every(({ same }) => same === 0)
}

function reportText(report: ShadowReport): string {
  const { records, sinks, newSources, lostSources, same } = report
  const lines = [
    `${counted(records, 'record')} ${records === 1 ? 'was' : 'were'} given to both versions`,
    ...newSources.map((id) => `source ${id} is new: it was given nothing`),
    ...lostSources.map((id) => `source ${id} is gone: what it read came to the old version alone`),
    ...sinks.flatMap(({ sink, same: equal, onlyOld, onlyNew }) => [
      `${sink}: ${equal} the same, ${onlyOld.count} of the old version alone, ${onlyNew.count} of the new one alone`,
      ...onlyOld.examples.map(({ record, times }) => `  - ${record}${times > 1 ? `  (${times} times)` : ''}`),
      ...onlyNew.examples.map(({ record, times }) => `  + ${record}${times > 1 ? `  (${times} times)` : ''}`),
    ]),
    !same ? 'the versions differ' : isEmpty(report) ? NOTHING_COMPARED : 'both versions put out the same',
  ]
  return `${lines.join('\n')}\n`
}
