/** What is asked of the figures, and whether it is met. */
import { median } from '../../statistics.ts'
import { ratioOf, type Line } from './ratios.ts'

export interface Criterion {
  readonly of: string
  readonly scenario: RegExp
  readonly figure: string
  /** The ratio to Kafka's, said so that above 1 ours is better; the tie band is taken off. */
  readonly ratioMin?: number
  /** Or a limit of our own figure. */
  readonly valueMax?: number
}

const CPU = 'brokerCpuSecondsAGb'
export const criteria: readonly Criterion[] = [
  { of: 'throughput, to produce', scenario: /^produce acks=all \d+B \w+ (none|lz4)$/, figure: 'recordsPerSecond', ratioMin: 1 },
  { of: 'throughput, to consume', scenario: /^consume \d/, figure: 'recordsPerSecond', ratioMin: 1 },
  { of: 'requests of 50 connections', scenario: /^50 connections/, figure: 'requestsPerSecond', ratioMin: 1 },
  { of: 'processor time at a fixed rate: at most 0.8 times', scenario: /^produce fixed/, figure: CPU, ratioMin: 1 / 0.8 },
  { of: 'processor time to consume: at most 1.5 times', scenario: /^consume \d/, figure: CPU, ratioMin: 1 / 1.5 },
  { of: 'processor time over TLS: at most 1 time', scenario: /^(consume|produce) TLS/, figure: CPU, ratioMin: 1 },
  { of: 'latency under load, p99', scenario: /^latency at/, figure: 'ackP99Us', ratioMin: 1 },
  { of: 'event loop, p99.9 under 10 ms', scenario: /^event loop/, figure: 'p999Ms', valueMax: 10 },
  { of: 'start to first produce under 200 ms', scenario: /^start/, figure: 'startToProduceMs', valueMax: 200 },
  { of: 'idle under 80 MB', scenario: /^start/, figure: 'idleMb', valueMax: 80 },
  { of: 'memory under load: a third', scenario: /^(produce|consume)/, figure: 'brokerPeakRssMb', ratioMin: 3 },
]

/**
 * A row a criterion and scenario: the value, its least and largest over the rounds, what is asked, and whether the median meets it.
 * @param tieBand how far apart equals come out: 0.05 lets a ratio of 0.95 pass for 1
 */
export function judged(lines: readonly Line[], kafka: string, ours: string, tieBand: number): readonly string[] {
  return criteria.flatMap(({ of, scenario, figure, ratioMin, valueMax }) => {
    const names = [...new Set(lines.map((line) => line.scenario))].filter((name) => scenario.test(name))
    return names.map((name) => {
      const rounds = [...new Set(lines.filter((line) => line.scenario === name).map(({ round }) => round))]
      const values = rounds.flatMap((round) => {
        const value = (broker: string): number | undefined =>
          lines.find((line) => line.scenario === name && line.round === round && line.broker === broker)?.figures[figure]
        const [theirs, own] = [value(kafka), value(ours)]
        if (own === undefined || (ratioMin !== undefined && theirs === undefined)) return []
        return ratioMin === undefined ? own : ratioOf(figure, theirs!, own)
      })
      const middle = median(values)
      const isMet = ratioMin === undefined ? middle <= valueMax! : middle >= ratioMin * (1 - tieBand)
      const asked = ratioMin === undefined ? `<= ${valueMax}` : `>= ${ratioMin.toFixed(2)}`
      const spread = `${Math.min(...values).toFixed(2)} .. ${Math.max(...values).toFixed(2)}`
      return `${isMet ? 'met   ' : 'MISSED'}  ${middle.toFixed(2).padStart(8)}  ${spread.padEnd(18)}  ${asked.padEnd(9)}  ${of}: ${name}`
    })
  })
}
