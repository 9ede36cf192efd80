import type { Cancel, Clock } from '@millrace/core'
import type { JobEvent, JobMetrics, JobResult } from '@millrace/engine'
import { formatCount, formatPercent } from '../quantities.ts'
import type { TextOutput } from '../terminal.ts'
import { checkpointLine } from './frame.ts'
import type { JobView } from './job-view.ts'
import type { LogWriter } from './log-writer.ts'
import { RateMeter, type TaskRates } from './rates.ts'

const statusEveryMs = 10_000

/** Events as lines, and every ten seconds a line with the rates: for pipes, files and services. */
export class LineView implements JobView {
  readonly #output: TextOutput
  readonly #log: LogWriter
  readonly #clock: Clock
  readonly #meter = new RateMeter(0)
  #cancel: Cancel = () => {}

  constructor(output: TextOutput, log: LogWriter, clock: Clock) {
    this.#output = output
    this.#log = log
    this.#clock = clock
  }

  event(event: JobEvent): void {
    this.#write(this.#log.event(event))
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

  note(message: string): void {
    this.#write(this.#log.record({ timeMs: this.#clock.now(), level: 'info', message, fields: {} }))
  }

  close(_result: JobResult): void {
    this.abandon()
  }

  abandon(): void {
    this.#cancel()
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
