import type { Clock, MetricSnapshot } from '@millrace/core'
import type { ExecutionPlan } from '../graph/plan-types.ts'
import type { CheckpointMetrics, JobMetrics, SubtaskMetrics } from './job-types.ts'
import type { TaskReport } from './messages.ts'

/** The latest figures of a job, as its slots report them. */
export class MetricsBoard {
  state: JobMetrics['state'] = 'starting'
  readonly #plan: ExecutionPlan
  readonly #clock: Clock
  readonly #subtasks: Map<string, SubtaskMetrics> = new Map()
  readonly #user: Map<number, readonly MetricSnapshot[]> = new Map()
  #startedMs: number
  #completed = 0
  #failed = 0
  #inProgress = 0
  #last: CheckpointMetrics['last']

  constructor(plan: ExecutionPlan, clock: Clock) {
    this.#plan = plan
    this.#clock = clock
    this.#startedMs = clock.monotonic()
  }

  started(): void {
    this.#startedMs = this.#clock.monotonic()
    this.#subtasks.clear()
    this.#user.clear()
    this.#inProgress = 0
    if (this.state !== 'stopping') this.state = 'running'
  }

  report(slot: number, tasks: readonly TaskReport[], user: readonly MetricSnapshot[]): void {
    for (const { task, metrics } of tasks) this.#subtasks.set(`${task}:${metrics.subtask}`, metrics)
    this.#user.set(slot, user)
  }

  checkpointTriggered(): void {
    this.#inProgress++
  }

  /** Undefined: a savepoint, which is not what the job would go on from. */
  checkpointCompleted(last: CheckpointMetrics['last']): void {
    this.#inProgress--
    this.#completed++
    this.#last = last ?? this.#last
  }

  checkpointFailed(): void {
    this.#inProgress--
    this.#failed++
  }

  read(restarts: number): JobMetrics {
    return {
      timeMs: this.#clock.now(),
      state: this.state,
      uptimeMs: this.#clock.monotonic() - this.#startedMs,
      restarts,
      tasks: this.#plan.tasks.map(({ id, name, parallelism }) => ({
        id,
        name,
        subtasks: Array.from({ length: parallelism }, (_, subtask) => this.#subtasks.get(`${id}:${subtask}`) ?? silent(subtask)),
      })),
      checkpoints: { completed: this.#completed, failed: this.#failed, inProgress: Math.max(0, this.#inProgress), last: this.#last },
      user: [...this.#user.values()].flat(),
    }
  }
}

function silent(subtask: number): SubtaskMetrics {
  return { subtask, numRecordsIn: 0, numRecordsOut: 0, busyRatio: 0, backPressuredRatio: 0, idleRatio: 1, watermarkMs: undefined }
}
