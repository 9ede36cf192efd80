/**
 * Metrics in Prometheus' text format, version 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/).
 *
 * Written by hand: the usual client library takes 27 ms to import and keeps a registry of its own, into which snapshots that come
 * from other threads would have to be copied.
 */
import type { HistogramSnapshot, MetricLabels, MetricSnapshot } from './snapshot.ts'

export const prometheusContentType = 'text/plain; version=0.0.4; charset=utf-8'

/** All metrics as one page; names get `prefix`, counters end in `_total`. A name that is so made keeps the kind it is first met with; others of that name are left out, and so is a series that is there already. */
export function prometheusText(metrics: Iterable<MetricSnapshot>, prefix: string): string {
  const groups = Map.groupBy(metrics, ({ kind, name }) => (kind === 'counter' && !name.endsWith('_total') ? `${name}_total` : name))
  return [...groups].map(([name, group]) => family(`${prefix}${name}`, group)).join('')
}

function family(full: string, group: readonly MetricSnapshot[]): string {
  const { kind, help } = group[0]!
  const series = new Map<string, MetricSnapshot>()
  for (const metric of group) {
    const labels = labelText(metric.labels)
    if (metric.kind === kind && !series.has(labels)) series.set(labels, metric)
  }
  const lines = [...series.values()].flatMap((metric) => samples(full, metric))
  const head = help === '' ? [] : [`# HELP ${full} ${help.replace(/[\\\n]/g, escape)}`]
  return `${[...head, `# TYPE ${full} ${kind}`, ...lines].join('\n')}\n`
}

function samples(name: string, metric: MetricSnapshot): string[] {
  if (metric.kind === 'histogram') return histogramSamples(name, metric)
  return [`${name}${labelText(metric.labels)} ${numberText(metric.value)}`]
}

/** Buckets are cumulative in this format. */
function histogramSamples(name: string, { labels, buckets, count, sum }: HistogramSnapshot): string[] {
  let below = 0
  const lines = buckets.map((bucket) => {
    below += bucket.count
    return `${name}_bucket${labelText({ ...labels, le: numberText(bucket.upTo) })} ${below}`
  })
  return [
    ...lines,
    `${name}_bucket${labelText({ ...labels, le: '+Inf' })} ${count}`,
    `${name}_sum${labelText(labels)} ${numberText(sum)}`,
    `${name}_count${labelText(labels)} ${count}`,
  ]
}

function labelText(labels: MetricLabels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name.replace(/[^a-zA-Z0-9_]/g, '_')}="${value.replace(/[\\"\n]/g, escape)}"`,
  )
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

const escape = (character: string): string => (character === '\n' ? '\\n' : `\\${character}`)

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  return value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value)
}
