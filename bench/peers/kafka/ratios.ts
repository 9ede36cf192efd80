import { median } from '../../statistics.ts'
import type { Figures } from './scenarios.ts'

/** One measurement. */
export interface Line {
  readonly broker: string
  readonly scenario: string
  readonly round: number
  readonly figures: Figures
}

/** For each scenario the medians of two brokers, and by how much the second is better: above 1 it is, whatever the unit. */
export function ratios(lines: readonly Line[], first: string, second: string): string[] {
  const names = [...new Set(lines.map(({ scenario }) => scenario))]
  return names.flatMap((scenario) => {
    const of = (broker: string): Figures => medians(lines.filter((line) => line.scenario === scenario && line.broker === broker))
    const one = of(first)
    const other = of(second)
    const compared = Object.keys(one).map((figure) => {
      const [a, b] = [one[figure]!, other[figure] ?? Number.NaN]
      const ratio = figure.endsWith('PerSecond') ? b / a : a / b
      return `  ${figure.padEnd(22)}${first} ${shown(a).padStart(10)}   ${second} ${shown(b).padStart(10)}   ${ratio.toFixed(2)}`
    })
    return [scenario, ...compared]
  })
}

function medians(lines: readonly Line[]): Figures {
  const figures = new Set(lines.flatMap((line) => Object.keys(line.figures)))
  return Object.fromEntries([...figures].map((figure) => [figure, median(lines.flatMap((line) => line.figures[figure] ?? []))]))
}

function shown(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(2)
}
