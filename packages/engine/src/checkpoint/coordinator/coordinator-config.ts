import type { SubtaskId } from '../handles.ts'
import type { CheckpointOptions } from '../options.ts'
import type { CheckpointAccount } from './statistics.ts'

export interface CoordinatorConfig {
  readonly options: CheckpointOptions
  /** Of this run; messages of another are ignored. */
  readonly attempt: number
  /** Every subtask of the plan, at least one. */
  readonly subtasks: readonly SubtaskId[]
  /** A subtask as people know it, for what is said of a checkpoint that it keeps waiting; default: its numbers. */
  readonly describe?: (subtask: SubtaskId) => string
  /** Ids of the tasks of each region; default: all are in one. */
  readonly regions?: readonly (readonly number[])[]
  /** As `StorageReport.nextCheckpointId`, or the former attempt's `nextCheckpointId` if that is larger. */
  readonly nextCheckpointId: number
  /** Completed checkpoints that storage holds, damaged and newer ones than the restored one included. */
  readonly completed: readonly number[]
  /** Those of them that are known to be damaged, or were given up: nothing is restored from them. */
  readonly lost: readonly number[]
  readonly restoredId: number | undefined
  /** `Clock.now` less `Clock.monotonic`, as they are now: turns the time of events into that of people. It changes where the wall clock is put right. */
  readonly wallClockOffsetMs: () => number
  /** Over all attempts of a run; default: an account of this one alone. */
  readonly account?: CheckpointAccount
}
