import { geometricMean, median } from '../statistics.ts'
import { groups } from './queries.ts'
import type { Measurement, Pair } from './results.ts'

/** One query at one parallelism over all its alternations. */
export interface Summary {
  readonly query: string
  readonly parallelism: number
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
}

export function summarizePairs({ query, parallelism }: Measurement, pairs: readonly Pair[]): Summary {
  const ratios = pairs.map(({ first, second }) => first.eventsPerSecond / second.eventsPerSecond)
  const figures = (side: 'first' | 'second'): Figures => ({
    eventsPerSecond: median(pairs.map((pair) => pair[side].eventsPerSecond)),
    cpuSecondsPerMillion: median(pairs.map((pair) => pair[side].cpuSecondsPerMillion)),
    peakRssMb: Math.max(...pairs.map((pair) => pair[side].peakRssMb)),
  })
  return {
    query,
    parallelism,
    alternations: pairs.length,
    ratio: { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) },
    ours: figures('first'),
    flink: figures('second'),
  }
}

export function summaryLine({ query, parallelism, alternations, ratio, ours, flink }: Summary): string {
  const both = (name: keyof Figures, unit: number, digits: number): string =>
    `${(ours[name] / unit).toFixed(digits)} : ${(flink[name] / unit).toFixed(digits)}`
  return [
    `${query} p=${parallelism}`.padEnd(18),
    `${ratio.median.toFixed(2)} times (${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)}, n=${alternations})`.padEnd(36),
    `${both('eventsPerSecond', 1e6, 2)} M events/s`.padEnd(26),
    `${both('cpuSecondsPerMillion', 1, 2)} CPU s/M`.padEnd(20),
    `${both('peakRssMb', 1, 0)} MB`,
  ].join('  ')
}

/** The geometric mean of each group at each parallelism, with what is asked of it. Groups that were measured only in part are said to be so. */
export function groupLines(summaries: readonly Summary[]): readonly string[] {
  const parallelisms = [...new Set(summaries.map(({ parallelism }) => parallelism))]
  return parallelisms.flatMap((parallelism) =>
    groups.flatMap(({ name, queries, meanMin, eachMin }) => {
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
