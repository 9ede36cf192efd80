/** What is asked of the medians, and whether it is met. */
import { median } from '../../statistics.ts'
import type { Contender } from './contenders.ts'
import type { Line } from '../kafka/ratios.ts'

/** Of the median over all rounds that have both, theirs divided by ours, or ours by theirs. */
interface Criterion {
  readonly scenario: string
  readonly figure: string
  readonly against: Contender
  readonly text: string
  isMet(ratio: number): boolean
}

const cpu = 'cpuSecondsPerMillion'
const throughput = 'recordsPerSecond'

const criteria: readonly Criterion[] = [
  { scenario: 'json', figure: cpu, against: 'flink', text: 'at most two thirds', isMet: (ratio) => ratio <= 2 / 3 },
  { scenario: 'bytes', figure: cpu, against: 'flink', text: 'at most half', isMet: (ratio) => ratio <= 0.5 },
  { scenario: 'json', figure: throughput, against: 'flink', text: 'no lower', isMet: (ratio) => ratio >= 1 },
  { scenario: 'bytes', figure: throughput, against: 'flink', text: 'no lower', isMet: (ratio) => ratio >= 1 },
  { scenario: 'json', figure: throughput, against: 'kafkajs', text: 'at least 3 times', isMet: (ratio) => ratio >= 3 },
]

const EXACTLY_ONCE_ABOVE_MS = 100
const AT_LEAST_ONCE_ABOVE_MS = 10

/** Ours by the other's, of each round that has both. */
function ratiosOf(lines: readonly Line[], { scenario, figure, against }: Criterion): readonly number[] {
  const of = (name: Contender): readonly Line[] => lines.filter((line) => line.scenario === scenario && line.broker === name)
  return of('millrace').flatMap(({ round, figures }) => {
    const theirs = of(against).find((line) => line.round === round)?.figures[figure]
    return theirs === undefined ? [] : [figures[figure]! / theirs]
  })
}

/** A line for each criterion that was measured. */
export function judged(lines: readonly Line[], checkpointMs: number): readonly string[] {
  const compared = criteria.flatMap((criterion) => {
    const ratios = ratiosOf(lines, criterion)
    if (ratios.length === 0) return []
    const ratio = median(ratios)
    const spread = `${Math.min(...ratios).toFixed(2)} .. ${Math.max(...ratios).toFixed(2)}, n=${ratios.length}`
    const { scenario, figure, against, text } = criterion
    return [
      `${scenario}: ${figure} is ${ratio.toFixed(2)} of that of ${against} (${spread}); asked: ${text}: ${verdict(criterion.isMet(ratio))}`,
    ]
  })
  return [...compared, ...latencies(lines, checkpointMs)]
}

function latencies(lines: readonly Line[], checkpointMs: number): readonly string[] {
  const figure = (scenario: string, name: string): number =>
    median(lines.flatMap((line) => (line.broker === 'millrace' && line.scenario === scenario ? (line.figures[name] ?? []) : [])))
  const exactly = figure('latency exactly-once', 'p99Ms')
  const above = figure('latency at-least-once', 'p99Ms') - figure('latency at-least-once', 'hopP99Ms')
  const bound = checkpointMs + EXACTLY_ONCE_ABOVE_MS
  return [
    ...(Number.isNaN(exactly)
      ? []
      : [`latency, exactly once: p99 ${exactly.toFixed(0)} ms; asked: at most ${bound}: ${verdict(exactly <= bound)}`]),
    ...(Number.isNaN(above)
      ? []
      : [
          `latency, at least once: p99 ${above.toFixed(1)} ms above the bare hop; asked: at most ${AT_LEAST_ONCE_ABOVE_MS}: ${verdict(above <= AT_LEAST_ONCE_ABOVE_MS)}`,
        ]),
  ]
}

function verdict(isMet: boolean): string {
  return isMet ? 'met' : 'NOT met'
}
