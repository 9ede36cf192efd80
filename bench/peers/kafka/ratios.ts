import { median } from '../../statistics.ts'
import type { Figures } from './scenarios.ts'

/** One measurement. */
export interface Line {
  readonly broker: string
  readonly scenario: string
  readonly round: number
  readonly figures: Figures
}

/** By how much the second is better: above 1 it is, whatever the unit. */
export function ratioOf(figure: string, first: number, second: number): number {
  return figure.endsWith('PerSecond') ? second / first : first / second
}

/** For each scenario the medians of two brokers with their ratio, and the least and largest ratio of a round. */
export function ratios(lines: readonly Line[], first: string, second: string): string[] {
  const names = [...new Set(lines.map(({ scenario }) => scenario))]
  return names.flatMap((scenario) => {
    const of = (broker: string): readonly Line[] => lines.filter((line) => line.scenario === scenario && line.broker === broker)
    const [one, other] = [of(first), of(second)]
    if (one.length === 0 || other.length === 0) return []
    const compared = [...new Set(one.flatMap((line) => Object.keys(line.figures)))].map((figure) => {
      const [a, b] = [middle(one, figure), middle(other, figure)]
      const rounds = one.flatMap(({ round, figures }) => {
        const facing = other.find((line) => line.round === round)?.figures[figure]
        return figures[figure] === undefined || facing === undefined ? [] : ratioOf(figure, figures[figure], facing)
      })
      const spread = `${Math.min(...rounds).toFixed(2)} .. ${Math.max(...rounds).toFixed(2)}`
      const medians = `${first} ${shown(a).padStart(10)}   ${second} ${shown(b).padStart(10)}`
      return `  ${figure.padEnd(22)}${medians}   ${ratioOf(figure, a, b).toFixed(2)}   ${spread}`
    })
    return [scenario, ...compared]
  })
}

function middle(lines: readonly Line[], figure: string): number {
  return median(lines.flatMap((line) => line.figures[figure] ?? []))
}

function shown(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(2)
}
