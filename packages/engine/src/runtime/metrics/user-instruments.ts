import { MetricRegistry, type Clock, type LogRecord, type MetricSnapshot } from '@millrace/core'
import type { Log, Metrics } from '../../api/contexts.ts'
import type { ConnectorMetrics } from '../../connectors/source.ts'
import { describeThrown, isError } from '../../operators/thrown.ts'

export interface InstrumentLabels {
  /** Its name, which others may have too. */
  readonly operator: string
  /** Its uid, or the id that is derived from its place: no other operator of the job has it. */
  readonly stateId: string
  readonly subtask: number
}

/** `ctx.log`: lines with operator and subtask attached. */
export function taskLog(clock: Clock, { operator, subtask }: InstrumentLabels, send: (record: LogRecord) => void): Log {
  const write =
    (level: LogRecord['level']) =>
    (message: string, fields?: object): void =>
      send({
        timeMs: clock.now(),
        level,
        message: describeThrown(message).message,
        fields: { operator, subtask, ...fieldsOf(message, fields) },
      })
  return { info: write('info'), warn: write('warn'), error: write('error') }
}

/** `catch (error)` gives what TypeScript takes for a message as well as for fields: an error is a field `error`, in place of either. */
function fieldsOf(message: unknown, fields: object | undefined): object | undefined {
  if (isError(fields)) return { error: fields }
  return isError(message) ? { error: message, ...fields } : fields
}

/** Labels are unique to the operator: those of two with one name must not become one series. */
function labelsOf({ operator, stateId, subtask }: InstrumentLabels): { readonly [label: string]: string } {
  return { operator, operator_id: stateId, subtask: String(subtask) }
}

/** `ctx.metrics` of all operators of a subtask. */
export class TaskMetricsRegistry {
  readonly #registry: MetricRegistry = new MetricRegistry()

  of(labels: InstrumentLabels): Metrics {
    const options = { labels: labelsOf(labels) }
    return {
      counter: (name) => this.#registry.counter(name, options),
      gauge: (name, read) => this.#registry.gauge(name, read, options),
      histogram: (name) => this.#registry.histogram(name, options),
    }
  }

  ofConnector(instrument: InstrumentLabels): ConnectorMetrics {
    const own = labelsOf(instrument)
    return { gauge: (name, read, labels) => this.#registry.gauge(name, read, { labels: { ...labels, ...own } }) }
  }

  /** What is not known now is left out. */
  snapshot(): readonly MetricSnapshot[] {
    return this.#registry.snapshot().filter((metric) => metric.kind !== 'gauge' || !Number.isNaN(metric.value))
  }
}
