import { MetricRegistry, type Clock, type LogRecord, type MetricSnapshot } from '@millrace/core'
import type { Log, Metrics } from '../api/contexts.ts'

export interface InstrumentLabels {
  readonly operator: string
  readonly subtask: number
}

/** `ctx.log`: lines with operator and subtask attached. */
export function taskLog(clock: Clock, labels: InstrumentLabels, send: (record: LogRecord) => void): Log {
  const write =
    (level: LogRecord['level']) =>
    (message: string, fields?: object): void =>
      send({ timeMs: clock.now(), level, message, fields: { ...labels, ...fields } })
  return { info: write('info'), warn: write('warn'), error: write('error') }
}

/** `ctx.metrics` of all operators of a subtask. */
export class TaskMetricsRegistry {
  readonly #registry: MetricRegistry = new MetricRegistry()

  of(labels: InstrumentLabels): Metrics {
    const options = { labels: { operator: labels.operator, subtask: String(labels.subtask) } }
    return {
      counter: (name) => this.#registry.counter(name, options),
      gauge: (name, read) => this.#registry.gauge(name, read, options),
      histogram: (name) => this.#registry.histogram(name, options),
    }
  }

  snapshot(): readonly MetricSnapshot[] {
    return this.#registry.snapshot()
  }
}
