/** Names and values that tell metrics of one name apart: `{ task: 'count', subtask: '0' }`. */
export type MetricLabels = { readonly [name: string]: string }

/** One metric as it stood at one moment, as plain data: it can cross threads, be shown, or be written as Prometheus text. */
export type MetricSnapshot = CounterSnapshot | GaugeSnapshot | HistogramSnapshot

interface Identified {
  /** Letters, digits and `_`; the unit last (`latency_ms`). */
  readonly name: string
  readonly labels: MetricLabels
  readonly help: string
}

/** How often something has happened. */
export interface CounterSnapshot extends Identified {
  readonly kind: 'counter'
  /** Never falls. */
  readonly value: number
}

/** How something stands; it may fall. */
export interface GaugeSnapshot extends Identified {
  readonly kind: 'gauge'
  readonly value: number
}

/** How values are distributed: their count, their sum and how many lie below some bounds. */
export interface HistogramSnapshot extends Identified {
  readonly kind: 'histogram'
  readonly count: number
  readonly sum: number
  /** Largest value recorded; 0 before the first. */
  readonly max: number
  /** Upper bounds, ascending; the last bucket, without a bound, is `count` minus all of these. */
  readonly buckets: readonly { readonly upTo: number; readonly count: number }[]
}
