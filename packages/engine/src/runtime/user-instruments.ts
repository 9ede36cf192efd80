import { MetricRegistry, type Clock, type LogRecord, type MetricSnapshot } from '@millrace/core'
import type { Log, Metrics } from '../api/contexts.ts'
import type { ConnectorMetrics } from '../connectors/source.ts'

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

  ofConnector({ operator, subtask }: InstrumentLabels): ConnectorMetrics {
    const own = { operator, subtask: String(subtask) }
    return { gauge: (name, read, labels) => this.#registry.gauge(name, read, { labels: { ...labels, ...own } }) }
  }

  /** What is not known now is left out. */
  snapshot(): readonly MetricSnapshot[] {
    return this.#registry.snapshot().filter((metric) => metric.kind !== 'gauge' || !Number.isNaN(metric.value))
  }
}
