import type { JobMetrics, TaskMetrics } from '@millrace/engine'

export interface TaskRates {
  readonly name: string
  readonly isSource: boolean
  readonly parallelism: number
  /** Records a second, all subtasks together. */
  readonly inPerSecond: number
  readonly outPerSecond: number
  /** Means over the subtasks. */
  readonly busyRatio: number
  readonly backPressuredRatio: number
  readonly idleRatio: number
  /** Of the subtask that is furthest behind; undefined before the first watermark, or once input has ended. */
  readonly watermarkMs: number | undefined
}

/**
 * Turns counts into rates, between one sample and the next that is far enough away to mean something.
 *
 * Invariant: a count that has fallen belongs to a restarted job and counts from 0.
 */
export class RateMeter {
  readonly #leastMs: number
  #base: JobMetrics | undefined
  #rates: readonly TaskRates[] = []

  /** `leastMs`: the shortest time that a rate is taken over. */
  constructor(leastMs: number) {
    this.#leastMs = leastMs
  }

  sample(metrics: JobMetrics): readonly TaskRates[] {
    const elapsedMs = this.#base === undefined ? 0 : metrics.timeMs - this.#base.timeMs
    if (this.#base !== undefined && this.#rates.length === metrics.tasks.length && elapsedMs < this.#leastMs) return this.#rates
    const before = this.#base
    this.#rates = metrics.tasks.map((task) =>
      ratesOf(
        task,
        before?.tasks.find((former) => former.id === task.id),
        elapsedMs,
      ),
    )
    this.#base = metrics
    return this.#rates
  }
}

function ratesOf(task: TaskMetrics, before: TaskMetrics | undefined, elapsedMs: number): TaskRates {
  const { subtasks } = task
  const rate = (count: (subtask: TaskMetrics['subtasks'][number]) => number): number => {
    if (elapsedMs <= 0) return 0
    const [now, then] = [sum(subtasks.map(count)), sum(before?.subtasks.map(count) ?? [])]
    return ((now - (now < then ? 0 : then)) * 1_000) / elapsedMs
  }
  const mean = (ratio: (subtask: TaskMetrics['subtasks'][number]) => number): number =>
    sum(subtasks.map(ratio)) / Math.max(1, subtasks.length)
  const watermarks = subtasks.flatMap(({ watermarkMs }) =>
    watermarkMs === undefined || !Number.isFinite(watermarkMs) ? [] : [watermarkMs],
  )
  return {
    name: task.name,
    isSource: task.isSource,
    parallelism: subtasks.length,
    inPerSecond: rate((subtask) => subtask.numRecordsIn),
    outPerSecond: rate((subtask) => subtask.numRecordsOut),
    busyRatio: mean((subtask) => subtask.busyRatio),
    backPressuredRatio: mean((subtask) => subtask.backPressuredRatio),
    idleRatio: mean((subtask) => subtask.idleRatio),
    watermarkMs: watermarks.length < subtasks.length ? undefined : Math.min(...watermarks),
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
