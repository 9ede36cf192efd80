import { buildJob, checkJob, jobOptions, loadJobModule, parseParams, planJob, reportRestore } from '@millrace/engine'
import { exitCodes } from '../exit-codes.ts'
import { readParams } from '../params.ts'
import { fileOf, placeOf, resolveSettings, type ParsedFlags } from '../settings.ts'
import { printRows } from '../table.ts'
import type { CommandIo } from '../terminal.ts'

/** `millrace plan -s PATH JOB`: what a restore would do. Its exit code says whether the job would start. */
export async function planCommand(path: string, flags: ParsedFlags, io: CommandIo): Promise<number> {
  const below = await resolveSettings(io, flags)
  io.stdout.divertOthers?.(process.stderr)
  const job = buildOf(await loadJobModule(fileOf(io, path)), flags)
  const settings = jobOptions(below, job.graph.settings)
  checkJob(job.graph, settings.values)
  const { parallelism, maxParallelism } = settings.values
  const plan = planJob(job.graph, { parallelism, maxParallelism })
  const report = await reportRestore(placeOf(io, flags['restore'] as string), job, plan, {
    settings,
    allowNonRestoredState: flags['allowNonRestoredState'] === true,
  })
  for (const warning of report.warnings) io.stderr.write(`millrace: ${warning}\n`)
  const rows = report.fates.map(({ operator, state, outcome, detail }) => ({ operator, state: state ?? null, outcome, detail }))
  printRows(io, flags['format'], rows, ['operator', 'state', 'outcome', 'detail'])
  if (report.restorable) return exitCodes.done
  io.stderr.write(`millrace: the job would not start from ${report.path}\n`)
  return exitCodes.failed
}

function buildOf(job: Awaited<ReturnType<typeof loadJobModule>>, flags: ParsedFlags): ReturnType<typeof buildJob> {
  return buildJob(job, { params: parseParams(job, readParams(flags['param'] as readonly string[])) })
}
