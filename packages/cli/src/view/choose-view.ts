import { nodeClock, type LogLevel } from '@millrace/core'
import type { JobEvent, JobMetrics, JobResult } from '@millrace/engine'
import type { ResolvedEngineOptions } from '@millrace/engine/options'
import { wantsColor, type CommandIo } from '../terminal.ts'
import type { JobView } from './job-view.ts'
import { JsonView } from './json-view.ts'
import { LineView } from './line-view.ts'
import { LiveView } from './live-view.ts'
import { LogWriter } from './log-writer.ts'

export type OutputMode = 'live' | 'lines' | 'json'

/** The view the user asked for; by default live on a terminal that can show it and is ours to draw on, else lines. */
export function chooseView(io: CommandIo, asked: OutputMode | undefined, log: ResolvedEngineOptions['values']['log']): JobView {
  if (asked === 'json') return new JsonView(io.stdout, nodeClock)
  const color = wantsColor(io.stderr, io.environment) && log.format === 'text'
  const writer = new LogWriter({ format: log.format, level: log.level, color })
  const lines = new LineView(io.stderr, writer, nodeClock)
  const drawable = io.stderr.isTerminal && io.environment['TERM'] !== 'dumb'
  if (asked === 'lines' || !drawable || (asked === undefined && (log.format === 'json' || io.stderr.isInBackground === true))) return lines
  const outputs = [io.stdout, io.stderr].filter((output) => output.isTerminal)
  const live = (): JobView => new LiveView(io.stderr, writer, nodeClock, color, outputs)
  return new ViewOnceStarted(lines, (event) => (writesTo(io.stdout, event) ? lines : live()))
}

/** Whether the job itself writes to the terminal: a picture that is redrawn would wipe its lines out. */
function writesTo(stdout: CommandIo['stdout'], event: Started): boolean {
  return stdout.isTerminal && event.plan.graph.operators.some((operator) => operator.sink?.connector === 'print')
}

type Started = Extract<JobEvent, { readonly kind: 'started' }>

/** Chooses the view when the job is known; until then another serves. */
class ViewOnceStarted implements JobView {
  readonly #choose: (event: Started) => JobView
  #view: JobView
  #chosen = false
  #metrics: (() => JobMetrics) | undefined

  constructor(first: JobView, choose: (event: Started) => JobView) {
    this.#view = first
    this.#choose = choose
  }

  event(event: JobEvent): void {
    if (event.kind === 'started' && !this.#chosen) {
      this.#chosen = true
      this.#switchTo(this.#choose(event))
    }
    this.#view.event(event)
  }

  watch(metrics: () => JobMetrics): void {
    this.#metrics = metrics
    this.#view.watch(metrics)
  }

  note(message: string, level?: LogLevel): void {
    this.#view.note(message, level)
  }

  close(result: JobResult): void {
    this.#view.close(result)
  }

  abandon(): void {
    this.#view.abandon()
  }

  suspend(): void {
    this.#view.suspend?.()
  }

  resume(): void {
    this.#view.resume?.()
  }

  #switchTo(view: JobView): void {
    if (view === this.#view) return
    this.#view.abandon()
    this.#view = view
    if (this.#metrics !== undefined) view.watch(this.#metrics)
  }
}
