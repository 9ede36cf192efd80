import { styleText } from 'node:util'
import { describeSize } from '@millrace/core'
import type { CheckpointMetrics, JobMetrics, OperatorHotKeys } from '@millrace/engine'
import { counted, formatCount, formatElapsed, formatPercent } from '../quantities.ts'
import { shown } from '../terminal.ts'
import type { TaskRates } from './rates.ts'

export interface Frame {
  readonly jobName: string
  readonly metrics: JobMetrics
  readonly rates: readonly TaskRates[]
}

/** One picture of a running job: lines of at most `columns` characters, at most `rows` of them. */
export function renderFrame({ jobName, metrics, rates }: Frame, columns: number, rows: number, color: boolean): readonly string[] {
  const style = (format: Parameters<typeof styleText>[0], text: string): string =>
    color ? styleText(format, text, { validateStream: false }) : text
  const restarts = metrics.restarts === 0 ? 'no restarts' : counted(metrics.restarts, 'restart')
  // One of the two is 0.
  const elapsed = formatElapsed(Math.max(metrics.uptimeMs, metrics.downtimeMs))
  const head = `${shown(jobName)}  ${metrics.state} for ${elapsed}  ${restarts}${regionsDown(metrics)}`
  const nameWidth = Math.max(4, Math.min(columns - figuresWidth, Math.max(4, ...rates.map(({ name }) => shown(name).length))))
  const hot = metrics.hotKeys.slice(0, Math.max(0, Math.min(hotLinesMax, rows - 6)))
  const room = Math.max(1, rows - 4 - hot.length)
  const tasks = rates.slice(0, room).map((task) => ({ task, line: taskLine(task, nameWidth, metrics.timeMs) }))
  const omitted = rates.length - tasks.length
  const lines = [
    style('bold', head.slice(0, columns)),
    style('dim', columnLine(['task', 'p', 'in/s', 'out/s', 'busy', 'back-pr.', 'idle', 'behind'], nameWidth).slice(0, columns)),
    ...tasks.map(({ task, line }) => style(taskStyle(task), line.slice(0, columns))),
    ...(omitted > 0 ? [`… and ${omitted} more`.slice(0, columns)] : []),
    ...hot.map((operator) => hotLine(operator).slice(0, columns)),
    checkpointLine(metrics.checkpoints).slice(0, columns),
  ]
  return lines.slice(0, Math.max(1, rows - 1))
}

/** Operators whose hot keys are shown. */
const hotLinesMax = 3

function hotLine({ operator, keys }: OperatorHotKeys): string {
  const texts = keys.map(({ key, share, subtask }) => `${shown(key)} ${formatPercent(share)} (subtask ${subtask})`)
  return `hot keys of ${shown(operator)}: ${texts.join(', ')}`
}

/** Regions that start again while the others go on. */
function regionsDown({ regions }: JobMetrics): string {
  const down = regions.filter(({ state }) => state === 'restarting')
  return down.map(({ id, of, tasks }) => `  region ${id} of ${of} restarting: ${tasks.map(shown).join(', ')}`).join('')
}

const figures = [4, 9, 9, 6, 9, 6, 9] as const
const figuresWidth = figures.reduce((sum, width) => sum + width, 0)

function columnLine([name, ...texts]: readonly string[], nameWidth: number): string {
  const cut = name!.length > nameWidth ? `${name!.slice(0, nameWidth - 1)}…` : name!
  return `${cut.padEnd(nameWidth)}${texts.map((text, index) => text.padStart(figures[index]!)).join('')}`
}

function taskLine(task: TaskRates, nameWidth: number, nowMs: number): string {
  return columnLine(
    [
      shown(task.name),
      String(task.parallelism),
      formatCount(task.inPerSecond),
      formatCount(task.outPerSecond),
      formatPercent(task.busyRatio),
      formatPercent(task.backPressuredRatio),
      formatPercent(task.idleRatio),
      task.watermarkMs === undefined ? '-' : formatElapsed(nowMs - task.watermarkMs),
    ],
    nameWidth,
  )
}

/** The task that holds the others up is busy; those before it wait for it. */
function taskStyle(task: TaskRates): 'red' | 'yellow' | 'reset' {
  if (task.busyRatio > 0.9) return 'red'
  return task.backPressuredRatio > 0.5 ? 'yellow' : 'reset'
}

export function checkpointLine(checkpoints: CheckpointMetrics): string {
  const { completed, failed, inProgress, last } = checkpoints
  const counts = `${completed} completed${failed > 0 ? `, ${failed} failed` : ''}${inProgress > 0 ? `, ${inProgress} under way` : ''}`
  if (last === undefined) return `checkpoints: ${counts}`
  const age = formatElapsed(last.ageMs)
  return `checkpoints: ${counts}; #${last.id} ${age} ago, took ${formatElapsed(last.durationMs)}, ${describeSize(last.sizeBytes)}`
}
