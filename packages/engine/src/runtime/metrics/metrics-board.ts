import type { Clock, MetricSnapshot } from '@millrace/core'
import type { AbortReason } from '../../checkpoint/coordinator/coordinator-events.ts'
import type { ExecutionPlan } from '../../graph/plan-types.ts'
import type { Region } from '../../graph/regions.ts'
import type { CheckpointMetrics, JobMetrics, JobRegion, OperatorHotKeys, SubtaskMetrics } from '../job-types.ts'
import type { KeysReport, SlotReport } from '../deployment/messages.ts'
import { hotKeysOf } from './metrics-of-keys.ts'

/** Of a checkpoint, when it is complete. */
type CompletedFigures = Omit<NonNullable<CheckpointMetrics['last']>, 'ageMs'>

/** The latest figures of a job, as its slots report them. */
export class MetricsBoard {
  state: JobMetrics['state'] = 'starting'
  readonly #plan: ExecutionPlan
  readonly #regions: readonly Region[]
  readonly #clock: Clock
  /** Restarts of each region by itself. */
  readonly #regionRestarts: number[]
  /** Regions that do not run, while others do. */
  readonly #down: Set<number> = new Set()
  readonly #subtasks: Map<string, SubtaskMetrics> = new Map()
  readonly #user: Map<number, readonly MetricSnapshot[]> = new Map()
  readonly #keys: Map<number, readonly KeysReport[]> = new Map()
  #startedMs: number
  #failedMs: number | undefined
  #completed = 0
  #failed = 0
  #inProgress = 0
  #last: CompletedFigures | undefined
  #lastAtMs = 0
  #localCopies: CheckpointMetrics['localCopies']

  constructor(plan: ExecutionPlan, regions: readonly Region[], clock: Clock) {
    this.#plan = plan
    this.#regions = regions
    this.#regionRestarts = regions.map(() => 0)
    this.#clock = clock
    this.#startedMs = clock.monotonic()
  }

  started(): void {
    this.#startedMs = this.#clock.monotonic()
    this.#failedMs = undefined
    this.#subtasks.clear()
    this.#user.clear()
    this.#keys.clear()
    this.#inProgress = 0
    this.#down.clear()
    if (this.state !== 'stopping') this.state = 'running'
  }

  /** As a whole; it restarts. What follows before it has started again is the same failure. */
  failed(): void {
    this.state = 'restarting'
    this.#failedMs ??= this.#clock.monotonic()
  }

  regionFailed({ id }: Region): void {
    this.#regionRestarts[id]!++
    this.#down.add(id)
  }

  regionRestored({ id, tasks }: Region): void {
    this.#down.delete(id)
    for (const task of tasks)
      for (let subtask = 0; subtask < this.#plan.tasks[task]!.parallelism; subtask++) this.#subtasks.delete(`${task}:${subtask}`)
  }

  /** As people are told. */
  describe({ id, tasks }: Region): JobRegion {
    return { id, of: this.#regions.length, tasks: tasks.map((task) => this.#plan.tasks[task]!.name) }
  }

  report(slot: number, { tasks, user, keys }: SlotReport): void {
    for (const { task, metrics } of tasks) this.#subtasks.set(`${task}:${metrics.subtask}`, metrics)
    this.#user.set(slot, user)
    this.#keys.set(slot, keys)
  }

  /** Of one restore. */
  copiesLookedAt({ read, missed }: NonNullable<CheckpointMetrics['localCopies']>): void {
    const before = this.#localCopies ?? { read: 0, missed: 0 }
    this.#localCopies = { read: before.read + read, missed: before.missed + missed }
  }

  checkpointTriggered(): void {
    this.#inProgress++
  }

  /** Undefined: a savepoint, which is not what the job would go on from. */
  checkpointCompleted(last: CompletedFigures | undefined): void {
    this.#inProgress--
    this.#completed++
    if (last === undefined) return
    this.#last = last
    this.#lastAtMs = this.#clock.monotonic()
  }

  checkpointFailed(reason: AbortReason): void {
    this.#inProgress--
    if (reason !== 'subsumed') this.#failed++
  }

  get hotKeys(): readonly OperatorHotKeys[] {
    return hotKeysOf(this.#plan, [...this.#keys.values()].flat())
  }

  /** `committing`: completed checkpoints whose sinks' commits are under way. */
  read(restarts: number, committing: number): JobMetrics {
    return {
      timeMs: this.#clock.now(),
      state: this.state,
      uptimeMs: this.#failedMs === undefined ? this.#clock.monotonic() - this.#startedMs : 0,
      downtimeMs: this.#failedMs === undefined ? 0 : this.#clock.monotonic() - this.#failedMs,
      restarts,
      regions: this.#regions.map((region) => ({
        ...this.describe(region),
        state: this.#down.has(region.id) ? 'restarting' : 'running',
        restarts: this.#regionRestarts[region.id]!,
      })),
      tasks: this.#plan.tasks.map(({ id, name, parallelism, operators }) => ({
        id,
        name,
        isSource: this.#plan.graph.operators[operators[0]!]!.kind === 'source',
        subtasks: Array.from({ length: parallelism }, (_, subtask) => this.#subtasks.get(`${id}:${subtask}`) ?? silent(subtask)),
      })),
      checkpoints: {
        completed: this.#completed,
        failed: this.#failed,
        inProgress: Math.max(0, this.#inProgress),
        committing,
        last: this.#last && { ...this.#last, ageMs: Math.round(this.#clock.monotonic() - this.#lastAtMs) },
        ...(this.#localCopies === undefined ? {} : { localCopies: this.#localCopies }),
      },
      user: [...this.#user.values()].flat(),
      hotKeys: this.hotKeys,
    }
  }
}

function silent(subtask: number): SubtaskMetrics {
  return {
    subtask,
    numRecordsIn: 0,
    numRecordsOut: 0,
    numBytesIn: 0,
    numBytesOut: 0,
    busyRatio: 0,
    backPressuredRatio: 0,
    idleRatio: 1,
    watermarkMs: undefined,
  }
}
