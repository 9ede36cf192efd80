import { MillraceError, serveMetrics, type MetricServer, type MetricServerOptions } from '@millrace/core'
import type { JobEvent, JobMetrics, JobResult, RunJobOptions, RunningJob } from '@millrace/engine'
import { exitCodes } from '../exit-codes.ts'
import { readParams } from '../params.ts'
import { unreadiness } from '../readiness.ts'
import { fileOf, placeOf, resolveSettings, type ParsedFlags } from '../settings.ts'
import { handleSignals, handleSuspension, type SignalSource } from '../signals.ts'
import type { CommandIo } from '../terminal.ts'
import { chooseView, type OutputMode } from '../view/choose-view.ts'
import type { JobView } from '../view/job-view.ts'

/** What `run` needs besides input and output, so that tests can run it without a job and a process of its own. */
export interface RunPorts {
  readonly start: (options: RunJobOptions) => RunningJob
  readonly signals: SignalSource
  exit(exitCode: number): void
  /** Comes back when the process goes on. */
  standStill(): void
}

async function processPorts(): Promise<RunPorts> {
  const { runJob } = await import('@millrace/engine')
  return {
    start: runJob,
    signals: process,
    exit: (exitCode) => process.exit(exitCode),
    standStill: () => void process.kill(process.pid, 'SIGTSTP'),
  }
}

/** `millrace run`: starts the job, shows it, and answers the exit code once it has ended. */
export async function runCommand(job: string, flags: ParsedFlags, io: CommandIo, given?: RunPorts): Promise<number> {
  const settings = await resolveSettings(io, flags)
  const modulePath = fileOf(io, job)
  const params = readParams(flags['param'] as readonly string[])
  // The engine is by far the most to load: mistakes on the command line are answered before.
  const ports = given ?? (await processPorts())
  const view = chooseView(io, flags['output'] as OutputMode | undefined, settings.values.log)
  let started = false
  let { tolerableFailures } = settings.values.checkpointing
  const running = ports.start({
    modulePath,
    restore: restoreOf(flags['restore'] as string, io),
    allowNonRestoredState: flags['allowNonRestoredState'] === true,
    params,
    settings,
    onEvent: (event: JobEvent) => {
      if (event.kind === 'started') {
        started = true
        tolerableFailures = event.settings.values.checkpointing.tolerableFailures
      }
      view.event(event)
    },
  })
  view.watch(() => running.metrics())
  const ignoreSignals = handleSignals(
    ports.signals,
    () => stop(running, view),
    (exitCode) => {
      view.abandon()
      ports.exit(exitCode)
    },
  )
  const ignoreSuspension = handleSuspension(ports.signals, view, () => ports.standStill())
  const server = await serve(settings.values.metrics, view, {
    figures: () => running.metrics(),
    unready: () => unreadiness(running.metrics(), running.checkpoints(), tolerableFailures),
  })
  const result = await running.done
  ignoreSignals()
  ignoreSuspension()
  view.close(result)
  await server?.close()
  return await exitCodeOf(result, started)
}

/** The words `latest` and `none`, a URL, or a folder; `./latest` is a folder of that name. */
function restoreOf(text: string, io: CommandIo): string {
  return text === 'latest' || text === 'none' ? text : placeOf(io, text)
}

function stop(running: RunningJob, view: JobView): void {
  view.note('asked to stop; again ends at once, without a final checkpoint')
  void running.stop()
}

/** Serves metrics and health where that is asked for. A port that is taken is said, and does not stop the job. */
async function serve(
  metrics: { readonly port: number | undefined; readonly host: string },
  view: JobView,
  { figures, unready }: Required<Pick<MetricServerOptions, 'unready'>> & { readonly figures: () => JobMetrics },
): Promise<MetricServer | undefined> {
  const { host, port } = metrics
  if (port === undefined) return undefined
  const { metricsText } = await import('@millrace/engine')
  try {
    const server = await serveMetrics({ host, port, read: () => metricsText(figures()), unready })
    view.note(`metrics at http://${host.includes(':') ? `[${host}]` : host}:${server.port}/metrics`)
    return server
  } catch (error) {
    view.note(`no metrics: port ${port} on ${host} cannot be used (${(error as NodeJS.ErrnoException).code ?? String(error)})`, 'warn')
    return undefined
  }
}

async function exitCodeOf(result: JobResult, started: boolean): Promise<number> {
  if (result.state !== 'failed') return exitCodes.done
  const { error } = result.failure
  const { ReportedError } = await import('@millrace/engine')
  // What it failed with once it had begun to run may pass, whoever must act.
  const isUsage = !started && error instanceof MillraceError && !(error instanceof ReportedError) && error.who === 'user'
  return isUsage ? exitCodes.usage : exitCodes.failed
}
