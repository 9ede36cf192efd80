import {
  buildJob,
  checkJob,
  describeAsMermaid,
  describeAsText,
  describeJob,
  jobOptions,
  jobWarnings,
  loadJobModule,
  parseParams,
  planJob,
  planOptions,
  type JobDescription,
} from '@millrace/engine'
import type { ResolvedEngineOptions } from '@millrace/engine/options'
import { exitCodes } from '../exit-codes.ts'
import { readParams } from '../params.ts'
import { fileOf, resolveSettings, type ParsedFlags } from '../settings.ts'
import type { CommandIo } from '../terminal.ts'

type Form = (job: JobDescription, settings: ResolvedEngineOptions) => string

const forms: { readonly [format: string]: Form } = {
  text: (job, settings) => `${describeAsText(job)}${settingsText(settings)}`,
  mermaid: describeAsMermaid,
  json: (job, settings) => `${JSON.stringify({ ...job, settings: settings.values }, undefined, 2)}\n`,
}

/** `millrace info`: builds the job without running it, and prints what it is. */
export async function infoCommand(path: string, flags: ParsedFlags, io: CommandIo): Promise<number> {
  const below = await resolveSettings(io, flags)
  io.stdout.divertOthers?.(process.stderr)
  const job = await loadJobModule(fileOf(io, path))
  const { graph } = buildJob(job, { params: parseParams(job, readParams(flags['param'] as readonly string[])) })
  const settings = jobOptions(below, graph.settings)
  checkJob(graph, settings.values)
  const { checkpointing } = settings.values
  const description = describeJob(planJob(graph, planOptions(settings.values)), checkpointing, jobWarnings(graph, settings))
  io.stdout.write(forms[flags['format'] as string]!(description, settings))
  return exitCodes.done
}

/** What is set, and by whom; the defaults are in the reference. */
function settingsText({ values, origins }: ResolvedEngineOptions): string {
  const lines = Object.entries(origins).flatMap(([key, origin]) =>
    origin === 'the default' ? [] : [`  ${key} = ${String(valueAt(values, key))}, by ${origin}`],
  )
  return lines.length === 0 ? '' : `\nSettings (durations in milliseconds)\n${lines.join('\n')}\n`
}

function valueAt(values: unknown, key: string): unknown {
  return key.split('.').reduce<unknown>((node, name) => (node as { readonly [name: string]: unknown })[name], values)
}
