import { geometricMean, median } from '../statistics.ts'
import type { Backend, Measurement } from './engine-run.ts'
import { groupsOf } from './queries.ts'
import type { Pair } from './results.ts'

/** One query at one parallelism over all its alternations. */
export interface Summary {
  readonly query: string
  readonly parallelism: number
  readonly measurement: Measurement
  readonly alternations: number
  /** Of throughput, ours to Flink's, within one alternation. */
  readonly ratio: { readonly median: number; readonly min: number; readonly max: number }
  readonly ours: Figures
  readonly flink: Figures
}

interface Figures {
  readonly eventsPerSecond: number
  readonly cpuSecondsPerMillion: number
  readonly peakRssMb: number
  /** Undefined on the heap. */
  readonly storedMb: number | undefined
}

export function summarizePairs(measurement: Measurement, pairs: readonly Pair[]): Summary {
  const ratios = pairs.map(({ first, second }) => first.eventsPerSecond / second.eventsPerSecond)
  const figures = (side: 'first' | 'second'): Figures => ({
    eventsPerSecond: median(pairs.map((pair) => pair[side].eventsPerSecond)),
    cpuSecondsPerMillion: median(pairs.map((pair) => pair[side].cpuSecondsPerMillion)),
    peakRssMb: Math.max(...pairs.map((pair) => pair[side].peakRssMb)),
    storedMb: pairs.every((pair) => pair[side].storedMb !== undefined) ? median(pairs.map((pair) => pair[side].storedMb!)) : undefined,
  })
  const { query, parallelism } = measurement
  return {
    query,
    parallelism,
    measurement,
    alternations: pairs.length,
    ratio: { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) },
    ours: figures('first'),
    flink: figures('second'),
  }
}

export function summaryLine({ query, parallelism, measurement, alternations, ratio, ours, flink }: Summary): string {
  const both = (name: 'eventsPerSecond' | 'cpuSecondsPerMillion' | 'peakRssMb', unit: number, digits: number): string =>
    `${(ours[name] / unit).toFixed(digits)} : ${(flink[name] / unit).toFixed(digits)}`
  return [
    `${query} p=${parallelism}${kindOf(measurement)}`.padEnd(18),
    `${ratio.median.toFixed(2)} times (${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)}, n=${alternations})`.padEnd(36),
    `${both('eventsPerSecond', 1e6, 2)} M events/s`.padEnd(26),
    `${both('cpuSecondsPerMillion', 1, 2)} CPU s/M`.padEnd(20),
    `${both('peakRssMb', 1, 0)} MB`,
  ].join('  ')
}

/** What is not as it is by default, in words. */
function kindOf({ backend, keys, distribution, memoryMb }: Measurement): string {
  const words = [
    ...(backend === 'rocksdb' ? ['rocksdb'] : []),
    ...(keys === undefined ? [] : [`${keys} keys`]),
    ...(distribution === undefined ? [] : [distribution]),
    ...(memoryMb === undefined ? [] : [`in ${memoryMb} MB`]),
  ]
  return words.length === 0 ? '' : ` (${words.join(', ')})`
}

/** Least ratio with state beyond memory, by the distribution of its keys. */
const beyondMemoryMin: { readonly [distribution: string]: number } = { uniform: 1, 'zipf:0.99': 3 }
const STORED_MB_MIN = 2000

/** Of what ran in bounded memory, with what is asked of it. */
export function beyondMemoryLines(summaries: readonly Summary[]): readonly string[] {
  return summaries.map(({ measurement, ratio, ours, flink }) => {
    const { distribution = 'uniform' } = measurement
    const min = beyondMemoryMin[distribution]
    const stored = [ours, flink].map(({ storedMb = 0 }) => storedMb)
    const isLarge = stored.every((megabytes) => megabytes >= STORED_MB_MIN)
    const verdict = min === undefined ? 'nothing is asked' : `asked: ${min}: ${ratio.median >= min ? 'met' : 'NOT met'}`
    const sizes = stored.map((megabytes) => (megabytes / 1000).toFixed(2)).join(' and ')
    return `${distribution} keys in ${measurement.memoryMb} MB: ${ratio.median.toFixed(2)} times (${verdict}); state on the disk: ${sizes} GB (asked: ${STORED_MB_MIN / 1000}: ${isLarge ? 'met' : 'NOT met'})`
  })
}

/** The geometric mean of each group at each parallelism, with what is asked of it. Groups that were measured only in part are said to be so. */
export function groupLines(summaries: readonly Summary[], backend: Backend): readonly string[] {
  const parallelisms = [...new Set(summaries.map(({ parallelism }) => parallelism))]
  return parallelisms.flatMap((parallelism) =>
    groupsOf[backend].flatMap(({ name, queries, meanMin, eachMin }) => {
      const measured = summaries.filter((summary) => summary.parallelism === parallelism && queries.includes(summary.query))
      if (measured.length === 0) return []
      const ratios = measured.map(({ ratio }) => ratio.median)
      const mean = geometricMean(ratios)
      const low = measured.filter(({ ratio }) => ratio.median < eachMin).map(({ query }) => query)
      const part = measured.length < queries.length ? `, ${measured.length} of ${queries.length} queries` : ''
      const asked = `asked: ${meanMin}${eachMin > 0 ? `, none under ${eachMin}` : ''}`
      const verdict = mean >= meanMin && low.length === 0 ? 'met' : `NOT met${low.length > 0 ? `, under: ${low.join(' ')}` : ''}`
      return [`${name}, p=${parallelism}: geometric mean ${mean.toFixed(2)}${part} (${asked}: ${verdict})`]
    }),
  )
}
