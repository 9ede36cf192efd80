import { inspect } from 'node:util'
import type { JobEvent, RunningJob } from '@millrace/engine'
import { cliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { readParams } from '../params.ts'
import { fileOf, placeOf, resolveSettings, type ParsedFlags } from '../settings.ts'
import { handleSignals } from '../signals.ts'
import type { CommandIo } from '../terminal.ts'
import { BACKLOG_BYTES_MAX } from '../view/bounded-output.ts'

/** `millrace replay`: a checkpoint of a job, run on this thread, so that a debugger has all of it. */
export async function replayCommand(path: string, flags: ParsedFlags, io: CommandIo): Promise<number> {
  const settings = await resolveSettings(io, flags)
  const params = readParams(flags['param'] as readonly string[])
  await openDebugger(flags)
  const { loadJobModule } = await import('@millrace/engine')
  const { replayJob } = await import('@millrace/engine/replay')
  const until = flags['until'] as number | undefined
  const print = flags['format'] === 'json' ? jsonLine : textLine
  io.stdout.divertOthers?.(process.stderr)
  const job = await loadJobModule(fileOf(io, path))
  let running: RunningJob | undefined
  const write = writer(io, () => void running?.stop())
  running = await replayJob({
    job,
    params,
    checkpoint: placeOf(io, flags['restore'] as string),
    allowNonRestoredState: flags['allowNonRestoredState'] === true,
    settings,
    ...(until === undefined ? {} : { until }),
    output: ({ name, uid }, value, timestamp) => write(print(uid ?? name, value, timestamp)),
    onEvent: (event) => tell(event, io),
  })
  const ignoreSignals = handleSignals(
    process,
    () => void running.stop(),
    (exitCode) => process.exit(exitCode),
  )
  const result = await running.done
  ignoreSignals()
  await io.stdout.drained?.()
  if (result.state !== 'failed') return exitCodes.done
  const { describeFailure } = await import('../failure-text.ts')
  io.stderr.write(`${describeFailure(result.jobName, result.failure)}\n`)
  return exitCodes.failed
}

/** Writes as slowly as the output takes it: a pager that nobody scrolls in must not fill the memory. `stop`: nobody reads any more. */
function writer({ stdout }: CommandIo, stop: () => void): (text: string) => Promise<void> | undefined {
  let room: Promise<void> | undefined
  return (text) => {
    stdout.write(text)
    if (stdout.isGone === true) stop()
    if ((stdout.backlogBytes ?? 0) < BACKLOG_BYTES_MAX) return undefined
    return (room ??= stdout.drained?.().finally(() => (room = undefined)))
  }
}

function textLine(sink: string, value: unknown): string {
  return `${sink}> ${typeof value === 'string' ? value : inspect(value, { depth: 6, breakLength: Infinity })}\n`
}

function jsonLine(sink: string, value: unknown, timestamp: number): string {
  const time = Number.isFinite(timestamp) ? { timestamp } : {}
  return `${JSON.stringify({ sink, value, ...time }, (_, member: unknown) => (typeof member === 'bigint' ? `${member}n` : member))}\n`
}

function tell(event: JobEvent, io: CommandIo): void {
  if (event.kind === 'started')
    io.stderr.write(`replaying ${event.jobName} from checkpoint ${event.restored?.id}: nothing is written, nothing is committed\n`)
  if (event.kind === 'log' && event.record.level !== 'debug') io.stderr.write(`${event.record.level}: ${event.record.message}\n`)
}

/** Opens the debugger of this very process, as the flags of Node do. */
async function openDebugger(flags: ParsedFlags): Promise<void> {
  const asked = flags['inspectBrk'] ?? flags['inspect']
  if (asked === undefined) return
  const { host, port } = typeof asked === 'string' ? inspectorPlace(asked) : {}
  const inspector = await import('node:inspector')
  inspector.open(port, host)
  if (flags['inspectBrk'] === undefined) return
  inspector.waitForDebugger()
  // The job's module is loaded next: breakpoints can be set now.
  // oxlint-disable-next-line no-debugger
  debugger
}

/** @throws CLI_ARGUMENT */
function inspectorPlace(text: string): { readonly host: string | undefined; readonly port: number } {
  const [, host, port] = /^(?:(.+):)?(\d{1,5})$/.exec(text) ?? []
  if (port === undefined || Number(port) > 65_535)
    throw cliError('CLI_ARGUMENT', { flag: '--inspect', expected: 'be a port, or a host and a port with a colon between', value: text })
  return { host, port: Number(port) }
}
