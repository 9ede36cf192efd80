import type { Cancel, Clock, LogLevel } from '@millrace/core'
import type { JobEvent, JobMetrics, JobResult } from '@millrace/engine'
import { formatCount, formatPercent } from '../quantities.ts'
import type { TextOutput } from '../terminal.ts'
import { BoundedOutput, leftOutText } from './bounded-output.ts'
import { checkpointLine } from './frame.ts'
import type { JobView } from './job-view.ts'
import type { LogWriter } from './log-writer.ts'
import { RateMeter, type TaskRates } from './rates.ts'

const statusEveryMs = 10_000

/** Events as lines, and every ten seconds a line with the rates: for pipes, files and services. */
export class LineView implements JobView {
  readonly #output: BoundedOutput
  readonly #log: LogWriter
  readonly #clock: Clock
  readonly #meter = new RateMeter(0)
  #cancel: Cancel = () => {}

  constructor(output: TextOutput, log: LogWriter, clock: Clock) {
    this.#output = new BoundedOutput(output, (count) => this.#said('warn', leftOutText(count)))
    this.#log = log
    this.#clock = clock
  }

  event(event: JobEvent): void {
    const text = this.#log.event(event)
    if (event.kind === 'ended') this.#output.writeLast(text)
    else this.#write(text)
  }

  watch(metrics: () => JobMetrics): void {
    this.#meter.sample(metrics())
    const tick = (): void => {
      this.#cancel = this.#clock.after(statusEveryMs, () => {
        this.note(statusOf(metrics(), this.#meter))
        tick()
      })
    }
    tick()
  }

  note(message: string, level: LogLevel = 'info'): void {
    this.#write(this.#said(level, message))
  }

  close(_result: JobResult): void {
    this.abandon()
  }

  abandon(): void {
    this.#cancel()
  }

  #said(level: LogLevel, message: string): string {
    return this.#log.record({ timeMs: this.#clock.now(), level, message, fields: {} })
  }

  #write(text: string): void {
    if (text !== '') this.#output.write(text)
  }
}

function statusOf(metrics: JobMetrics, meter: RateMeter): string {
  const rates = meter.sample(metrics)
  const busiest = rates.toSorted((a, b) => b.busyRatio - a.busyRatio)[0]
  const busy = busiest === undefined ? '' : `; busiest: ${busiest.name}, ${formatPercent(busiest.busyRatio)}`
  return `${metrics.state}; ${throughput(rates)}${busy}; ${checkpointLine(metrics.checkpoints)}`
}

/** Of all sources together, for each alone says nothing of the job. */
function throughput(rates: readonly TaskRates[]): string {
  const sources = rates.filter(({ isSource }) => isSource)
  if (sources.length === 0) return 'no tasks yet'
  const perSecond = sources.reduce((sum, { inPerSecond }) => sum + inPerSecond, 0)
  return `${formatCount(perSecond)} records/s into ${sources.length === 1 ? sources[0]!.name : `${sources.length} sources`}`
}
