/** The file of results: a JSON line for each run of either engine. What is in it is not run again. Beside it, what is asked. */
import { appendJsonLine, readJsonLines } from '../json-lines.ts'
import { machineName } from '../peers/results.ts'
import { median } from '../statistics.ts'
import type { FlinkRun } from './flink-run.ts'
import type { CheckpointPlan, MeasuredRun } from './our-run.ts'
import { lostShare } from './windows.ts'

interface Facts extends CheckpointPlan {
  readonly alternation: number
  readonly machine: string
  /** When it was finished, ISO 8601. */
  readonly at: string
}

export type RunLine =
  | (Facts & { readonly engine: 'millrace'; readonly run: MeasuredRun })
  | (Facts & { readonly engine: 'flink'; readonly run: FlinkRun })

const fields = ['backend', 'keys', 'dirtyShare', 'parallelism', 'checkpoints', 'windowMs', 'warmUpMs'] as const

/** Of this machine and this plan. */
export function linesOf(path: string, plan: CheckpointPlan): readonly RunLine[] {
  const machine = machineName()
  return (readJsonLines(path) as readonly RunLine[]).filter(
    (line) => line.machine === machine && fields.every((field) => line[field] === plan[field]),
  )
}

export function appendLine(path: string, line: RunLine): void {
  appendJsonLine(path, line)
}

/** Of throughput, at most. */
const lostMax = { heap: 0.02, rocksdb: 0.1 } as const

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`
}

/** All runs of one plan in a few words: windows of all of ours together. */
export function verdict(plan: CheckpointPlan, lines: readonly RunLine[]): string {
  const ours = lines.flatMap((line) => (line.engine === 'millrace' ? [line.run] : []))
  const flink = lines.flatMap((line) => (line.engine === 'flink' ? [line.run] : []))
  const windows = ours.flatMap((run) => run.windows)
  const { share, interval } = lostShare(windows)
  const max = lostMax[plan.backend]
  const beyond = windows.filter(({ isContained }) => !isContained).length
  const durations = (runs: readonly { readonly durationMs: number; readonly longestDurationMs: number }[]): string =>
    `${median(runs.map(({ durationMs }) => durationMs)).toFixed(0)} ms (at most ${Math.max(...runs.map((run) => run.longestDurationMs)).toFixed(0)})`
  return [
    `${plan.backend}, ${plan.keys} keys, ${percent(plan.dirtyShare)} dirty, p=${plan.parallelism}:`,
    `throughput lost ${percent(share)} (${percent(interval.low)} to ${percent(interval.high)}, ${windows.length} windows; asked: at most ${percent(max)}: ${share <= max ? 'met' : 'NOT met'});`,
    ...(beyond === 0 ? [] : [`${beyond} checkpoints outlasted their window, so it is more: take longer ones;`]),
    `checkpoints took ${durations(ours.map(({ summary }) => summary))}${flink.length === 0 ? '' : `, Flink's ${durations(flink)}`};`,
    `${[ours.map(({ summary }) => summary), ...(flink.length === 0 ? [] : [flink])].map(rates).join(' : ')} M records/s`,
  ].join(' ')
}

function rates(runs: readonly { readonly recordsPerSecond: number }[]): string {
  return (median(runs.map(({ recordsPerSecond }) => recordsPerSecond)) / 1e6).toFixed(2)
}
