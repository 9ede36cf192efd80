/**
 * What whoever runs a job (the command line, a test, a server) gives to the runtime and gets back from it.
 * Plain data but for the callbacks: all of it may come from another thread.
 */
import type { LogRecord, MetricSnapshot } from '@millrace/core'
import type { AbortReason } from '../checkpoint/coordinator/coordinator-events.ts'
import type { CheckpointRecord, CheckpointStatistics } from '../checkpoint/coordinator/statistics.ts'
import type { ResolvedEngineOptions } from '../config/options.ts'
import type { ExecutionPlan } from '../graph/plan-types.ts'
import type { HotKey } from '../keys/load/hot-keys.ts'

/** A job on worker threads, by its module, for `runJob`. */
export interface RunJobOptions {
  /** Absolute path of the module whose default export is the job. */
  readonly modulePath: string
  /** Which state to start from: the newest checkpoint that can be read (none is fine), none at all, or the one in this folder. */
  readonly restore: 'latest' | 'none' | (string & {})
  /** Drops state of the checkpoint that belongs to no operator of the job, instead of refusing to start. Default false. */
  readonly allowNonRestoredState?: boolean
  /** As typed by the user (`--param name=value`); checked against the parameters that the job declares. */
  readonly params: { readonly [name: string]: string }
  /** Everything below the job's own settings in precedence; merge those over it with `overrideOptions`. Holds the parallelism. */
  readonly settings: ResolvedEngineOptions
  /** For measuring: `encodeAll` puts every keyed edge through the codec, also where both ends are on one thread. Default: only what crosses threads. */
  readonly plan?: { readonly encodeAll: boolean }
  /** Called on the caller's thread, in order, never before `runJob` has returned; must not throw. */
  onEvent(event: JobEvent): void
}

/** A job that has been started. */
export interface RunningJob {
  /** Resolves once all threads have ended and all files are closed; never rejects: a failure is a result. */
  readonly done: Promise<JobResult>
  /**
   * Takes a final checkpoint, then ends; resolves with `done`. Where it still looks through what there is to start from it ends at once, and where tasks are being opened, or a region starts again, after 5 s: the latest checkpoint stays what it was. If the checkpoint fails the job ends without and the result says so. Again: no effect.
   *
   * With `savepoint` the final checkpoint is stored as a savepoint as well, and answered; if that fails the job goes on.
   * @throws SAVEPOINT_FAILED, SAVEPOINT_JOB_ENDED, SAVEPOINT_PLACE_UNUSABLE, CHECKPOINT_URL_INVALID, CHECKPOINT_STORAGE_*, ARGUMENT_INVALID; none of them without `savepoint`
   */
  stop(options?: StopOptions): Promise<CompletedCheckpoint | undefined>
  /**
   * Takes a savepoint while the job goes on: a folder with everything in it, the user's to keep. It commits nothing, and no checkpoint builds on it.
   * @throws SAVEPOINT_FAILED, SAVEPOINT_JOB_ENDED, SAVEPOINT_PLACE_UNUSABLE, CHECKPOINT_URL_INVALID, CHECKPOINT_STORAGE_*, ARGUMENT_INVALID; the job goes on
   */
  savepoint(options?: SavepointOptions): Promise<CompletedCheckpoint>
  /** Ends without a checkpoint; resolves with `done`. Also after `stop`, which it cuts short. */
  cancel(): Promise<void>
  /** The latest figures at hand; cheap, may be called several times a second. */
  metrics(): JobMetrics
  /** The newest few checkpoints and savepoints of this run, whatever became of them. */
  checkpoints(): CheckpointHistory
}

/** Where a savepoint goes. */
export interface SavepointOptions {
  /** Folder in which the savepoint gets its own; default: the option `checkpointing.savepointDir`. */
  readonly dir?: string
}

/** What a stop does besides taking the final checkpoint. */
export interface StopOptions {
  /** Whether the final checkpoint is stored as a savepoint too, and where. Default false. */
  readonly savepoint?: boolean | SavepointOptions
  /**
   * Sources end first, as if there were no more input: event time comes to its end, every timer fires, operators finish. For a job that is not to go on.
   * Default false; only with `savepoint`.
   */
  readonly drain?: boolean
}

/** What became of checkpoints and savepoints, for people to look at. */
export interface CheckpointHistory {
  /** Since the start of the run. */
  readonly counts: Omit<CheckpointStatistics, 'lastCompleted' | 'lastFailed' | 'history'>
  /** Oldest first. */
  readonly history: readonly CheckpointHistoryEntry[]
}

/** One checkpoint or savepoint, under way or over. */
export interface CheckpointHistoryEntry extends Omit<CheckpointRecord, 'triggeredAtMs'> {
  /** Wall clock, milliseconds since 1970. */
  readonly triggeredMs: number
  /** Folder that `--restore` takes; undefined for storage in memory, and for what came to nothing. */
  readonly path: string | undefined
}

/** How a job ended; `durationMs` since it was started, `restarts` with those of its regions. */
export type JobResult = {
  readonly jobName: string
  readonly durationMs: number
  readonly restarts: number
  /** The newest completed checkpoint, if there is one that is kept. */
  readonly lastCheckpoint: CompletedCheckpoint | undefined
} & (
  | { readonly state: 'finished' | 'stopped' | 'canceled' }
  /** `stopped` without its final checkpoint is a failure too: what happened since the last one will be done again. */
  | { readonly state: 'failed'; readonly failure: JobFailure }
)

/** A checkpoint or savepoint that can be restored. Ids grow over the whole life of a job, restarts included. */
export interface CompletedCheckpoint {
  readonly id: number
  /** Folder that `--restore` takes; undefined for storage in memory. */
  readonly path: string | undefined
}

/** Why a job failed: what the user needs in order to find the line. */
export interface JobFailure {
  /** With the stack as the user's code left it. A `MillraceError` keeps its code. */
  readonly error: Error
  /** Name of the operator whose function threw. */
  readonly operator?: string
  readonly subtask?: number
  /** Where the record stood in its source: 'access.log:8812'. */
  readonly position?: string
  readonly capsule?: CrashCapsule
  /** What the restart strategy had seen when it gave the job up: '3 failures within 5m (restart.failureRate.maxFailures)'. */
  readonly givenUp?: string
  /** Command that replays the job from its last checkpoint to the record that it failed on; only of jobs run from a module of their own, with a checkpoint that is kept. */
  readonly replay?: string
}

/** A failure on disk as a small runnable test. */
export interface CrashCapsule {
  readonly path: string
  /** Opens it in the Node debugger. */
  readonly command: string
}

/** What happens to a job, in order. `timeMs` is the wall clock, milliseconds since 1970; `durationMs` from the trigger to completion; `sizeBytes` what was written. */
export type JobEvent =
  | {
      readonly kind: 'started'
      readonly timeMs: number
      readonly jobName: string
      /** Grows with every start and restart of the job. */
      readonly attempt: number
      readonly plan: ExecutionPlan
      /** After merging what the job sets for itself. */
      readonly settings: ResolvedEngineOptions
      readonly restored: CompletedCheckpoint | undefined
    }
  | {
      readonly kind: 'checkpoint-completed'
      readonly timeMs: number
      readonly checkpoint: CompletedCheckpoint
      readonly durationMs: number
      readonly sizeBytes: number
      readonly final: boolean
    }
  /** `final`: it is the job's last checkpoint as well. */
  | {
      readonly kind: 'savepoint-completed'
      readonly timeMs: number
      readonly savepoint: CompletedCheckpoint
      readonly durationMs: number
      readonly sizeBytes: number
      readonly final: boolean
    }
  | {
      /** A checkpoint or savepoint has come to nothing; `subsumed`: as a newer one was complete first, and `closed`: as the job ends, which is no failure. */
      readonly kind: 'checkpoint-failed'
      readonly timeMs: number
      readonly checkpointId: number
      readonly reason: AbortReason
      readonly error: Error
    }
  | {
      readonly kind: 'restarting'
      readonly timeMs: number
      readonly failure: JobFailure
      readonly delayMs: number
      readonly restart: number
      /** What starts again, while the rest of the job goes on; absent: all of it. */
      readonly region?: JobRegion
    }
  /** A region that has failed runs again; `restored`: where it has started from. */
  | {
      readonly kind: 'region-restarted'
      readonly timeMs: number
      readonly region: JobRegion
      readonly attempt: number
      readonly restored: CompletedCheckpoint | undefined
    }
  | { readonly kind: 'stopping'; readonly timeMs: number }
  /** A line for the user: from the engine, or from `ctx.log` of the job. */
  | { readonly kind: 'log'; readonly record: LogRecord }
  /** The last event. */
  | { readonly kind: 'ended'; readonly timeMs: number; readonly result: JobResult }

/** A job at one moment; `timeMs` is the wall clock, milliseconds since 1970. */
export interface JobMetrics {
  readonly timeMs: number
  readonly state: 'starting' | 'running' | 'restarting' | 'stopping' | 'ended'
  /** Since the last start or restart; 0 from a failure until the job has come back from it. */
  readonly uptimeMs: number
  /** Since the failure that the job has not come back from; 0 while it runs. */
  readonly downtimeMs: number
  /** Of the job and of its regions together. */
  readonly restarts: number
  readonly regions: readonly RegionMetrics[]
  /** In the order of the plan. */
  readonly tasks: readonly TaskMetrics[]
  readonly checkpoints: CheckpointMetrics
  /** Metrics of the user's functions, labelled with operator and subtask. */
  readonly user: readonly MetricSnapshot[]
  /** Operators a few of whose keys have a large part of their records, in the order of the plan. They show keys, which may be data of your users: `metricsText` leaves them out. */
  readonly hotKeys: readonly OperatorHotKeys[]
}

/** Keys with twice the records that each would have if all had the same, and one in a hundred at least. They are told from samples, over about the last minute. */
export interface OperatorHotKeys {
  readonly operator: string
  /** Its uid, or the id that is derived from its place. */
  readonly operatorId: string
  /** At most five, the hottest first. */
  readonly keys: readonly HotKey[]
}

/** A part of a job that no records come to from the rest of it. */
export interface JobRegion {
  /** From 0. */
  readonly id: number
  /** Regions of the job. */
  readonly of: number
  /** Names of its tasks. */
  readonly tasks: readonly string[]
}

/** A region of a job at one moment. */
export interface RegionMetrics extends JobRegion {
  /** `restarting`: it has failed and is not back yet, while the others run. */
  readonly state: 'running' | 'restarting'
  /** Of this region by itself. */
  readonly restarts: number
}

/** A task at one moment, by subtasks. */
export interface TaskMetrics {
  /** As in the plan. */
  readonly id: number
  readonly name: string
  /** Whether it begins with a source. */
  readonly isSource: boolean
  readonly subtasks: readonly SubtaskMetrics[]
}

/** Counts are since the last start or restart. The three ratios are over the last second or so and add up to about 1. */
export interface SubtaskMetrics {
  readonly subtask: number
  /** Records that entered the chain: read from channels, or emitted by its source. */
  readonly numRecordsIn: number
  /** Records that left the chain: written to channels, or to its sink. */
  readonly numRecordsOut: number
  /** Bytes of records that came encoded, from another thread; those of the same thread pass by reference. */
  readonly numBytesIn: number
  /** Bytes of records encoded for another thread. */
  readonly numBytesOut: number
  readonly busyRatio: number
  readonly backPressuredRatio: number
  readonly idleRatio: number
  /** Event time, milliseconds since 1970; undefined before the first watermark. */
  readonly watermarkMs: number | undefined
  /** Of a source: the wall clock minus the event time of a record, when it was emitted; undefined before the first that has one. */
  readonly emitLagMs?: number | undefined
}

/** Checkpoints of this run: `completed` and `failed` are counts since its start, `inProgress` are under way now. */
export interface CheckpointMetrics {
  readonly completed: number
  readonly failed: number
  readonly inProgress: number
  /** Completed ones whose sinks are still committing what they have staged for them. While there are two no periodic one begins. */
  readonly committing: number
  /** `completedMs` by the wall clock as it was then; `ageMs`: how long ago that is, also where the wall clock was put right since then; `sizeBytes`: what was written for it; `stateBytes`: all that a restore reads; `startDelayMs` and `alignmentMs`: of the subtask where they were longest. */
  readonly last:
    | {
        readonly id: number
        readonly completedMs: number
        readonly ageMs: number
        readonly durationMs: number
        readonly sizeBytes: number
        readonly stateBytes: number
        readonly startDelayMs: number
        readonly alignmentMs: number
      }
    | undefined
  /** With `checkpointing.localCopies`, over all restores of this process: state files found whole on this machine, and those that the storage was asked for. */
  readonly localCopies?: { readonly read: number; readonly missed: number }
}
