import type { AlignmentDecline } from '../aligner/aligner-events.ts'
import type { SubtaskId, SubtaskSnapshot } from '../handles.ts'
import type { CheckpointOptions } from '../options.ts'

/** `final`: the last one, at the end of all input or on stop. `savepoint`: the user's alone; one taken on stop is a `final` with a target. */
export type CheckpointKind = 'periodic' | 'manual' | 'savepoint' | 'final'

/** Where a savepoint goes. Every subtask is told, by the master and by barriers: whichever comes first. */
export interface SavepointTarget {
  /** Its own folder, absolute. */
  readonly dir: string
  /** It is the job's last checkpoint as well: what is written goes to both places, and sinks commit. */
  readonly isCheckpoint: boolean
}

/** Asked for by the user: in a folder that was made for it. */
export interface SavepointRequest {
  readonly requestId: number
  readonly dir: string
}

/**
 * Why a subtask gives no snapshot. `snapshot-failed`: it tried and could not. `not-ready`: it does not run yet, or closes already.
 * Only `snapshot-failed` counts towards `tolerableFailures`.
 */
export type DeclineReason = AlignmentDecline | 'snapshot-failed' | 'not-ready'

/** Why a checkpoint came to nothing. */
export type AbortReason = DeclineReason | 'timeout' | 'subsumed' | 'persist-failed' | 'task-failed' | 'closed' | 'stopping'

/** What the coordinator is told. `atMs`: monotonic time, `Clock.monotonic`. */
export type CoordinatorEvent = { readonly atMs: number } & (
  | CoordinatorMessage
  /** All subtasks of the attempt run. */
  | { readonly kind: 'started' }
  /** The user has changed options while the job runs. What is under way keeps its trigger time; the interval counts from it anew. */
  | { readonly kind: 'options'; readonly options: CheckpointOptions }
  /** The time of the last `wake` command has come (telling it too early or too often does no harm). */
  | { readonly kind: 'tick' }
  /** Someone asks for a checkpoint; answered with `request-done`. */
  | { readonly kind: 'request'; readonly requestId: number }
  /** SIGTERM: take a final checkpoint, then stop. */
  | { readonly kind: 'stop' }
  /** A savepoint while the job goes on. */
  | ({ readonly kind: 'savepoint' } & SavepointRequest)
  /**
   * The final checkpoint as a savepoint, then stop; if that fails the job goes on. `drain`: sources end first, as if there were no more input: event time comes
   * to its end, operators finish, and there is no way back.
   */
  | ({ readonly kind: 'stop-with-savepoint'; readonly drain: boolean } & SavepointRequest)
  /** `persist` has succeeded: the metadata is durable. */
  | { readonly kind: 'persisted'; readonly checkpointId: number; readonly metadataBytes: number }
  | { readonly kind: 'persist-failed'; readonly checkpointId: number; readonly error: string }
  /**
   * A task of the region has failed, and the region alone is to start again: it needs another run of every subtask, so nothing begins until it is back. Only while
   * `isEnding` is false.
   */
  | { readonly kind: 'region-lost'; readonly region: number }
  /** Its subtasks start again, under this attempt, from `latestCompletedId`. */
  | { readonly kind: 'region-launched'; readonly region: number; readonly attempt: number }
  /** They all run. */
  | { readonly kind: 'region-restored'; readonly region: number }
  /** A task has failed or the job is cancelled: the attempt is over, everything pending is given up. */
  | { readonly kind: 'close'; readonly reason: 'task-failed' | 'closed' }
)

/** From subtasks; of a former attempt: ignored (its new files are discarded). */
export type CoordinatorMessage = { readonly attempt: number; readonly subtask: SubtaskId } & (
  | { readonly kind: 'acknowledged'; readonly checkpointId: number; readonly snapshot: SubtaskSnapshot }
  | {
      readonly kind: 'declined'
      readonly checkpointId: number
      readonly reason: DeclineReason
      readonly error?: string
      /** Whether it is the job's own fault: what it keeps cannot be stored. */
      readonly byJob?: boolean
    }
  /** What a sink had staged for a completed checkpoint, and for all before, is committed. Said of each that had handles in the acknowledgement. */
  | { readonly kind: 'committed'; readonly checkpointId: number; readonly stateId: string }
  /** All its input has ended, is processed, and the end is sent on. It stays and takes part in checkpoints until the final one is complete. */
  | { readonly kind: 'input-finished' }
)

/** What the edge does, in this order. */
export type CoordinatorCommand =
  /**
   * Snapshot the enumerators, then send `trigger` to every subtask, in one turn and on the channel on which splits are assigned:
   * a split is then in the enumerator's snapshot or in its reader's, never in both or neither.
   * `triggeredMs`: wall clock, for barriers and metadata. `stopSources`: sources emit nothing after this barrier.
   */
  | {
      readonly kind: 'trigger'
      readonly checkpointId: number
      readonly checkpoint: CheckpointKind
      readonly triggeredMs: number
      readonly stopSources: boolean
      /** Subtasks need not wait for barriers: what is in flight is part of the checkpoint. */
      readonly unaligned?: true
      readonly savepoint?: SavepointTarget
    }
  /** Sources read no further and end; told again when a region is back, which may not have heard it. */
  | { readonly kind: 'drain' }
  /**
   * Write the metadata, durably, then tell `persisted` or `persist-failed`. One at a time. Once begun it is not taken back:
   * before anything is restored, also after `close`, wait for it.
   */
  | {
      readonly kind: 'persist'
      readonly checkpointId: number
      readonly checkpoint: CheckpointKind
      readonly triggeredMs: number
      readonly savepoint?: SavepointTarget
      readonly snapshots: readonly { readonly subtask: SubtaskId; readonly snapshot: SubtaskSnapshot }[]
    }
  /** Complete and durable: tell every subtask. Sinks commit, backends may build on it. */
  | { readonly kind: 'notify-complete'; readonly checkpointId: number; readonly checkpoint: CheckpointKind }
  /**
   * A savepoint of a job that goes on is complete: tell every subtask, so that none builds on it. Nobody commits; what sinks prepared for it goes into the next
   * checkpoint as well.
   */
  | { readonly kind: 'notify-savepoint'; readonly checkpointId: number }
  /**
   * Given up: tell every subtask; forget the enumerators' snapshot. What sinks prepared for it must go into the next checkpoint's handles
   * (as long as a checkpoint is undecided, every later one repeats its handles), for nothing else holds those records.
   */
  | { readonly kind: 'notify-aborted'; readonly checkpointId: number; readonly reason: AbortReason; readonly error?: string }
  /** Remove these files, which belong to no completed checkpoint. */
  | { readonly kind: 'discard'; readonly checkpointId: number; readonly paths: readonly string[] }
  /** Remove this completed checkpoint and the files that no kept one refers to. */
  | { readonly kind: 'retire'; readonly checkpointId: number }
  /** A periodic checkpoint is due and waits, as these sinks, by state id, have fallen behind with their commits. Said once. */
  | { readonly kind: 'held-back'; readonly sinks: readonly string[] }
  /** The only timer: tell `tick` at `atMs`; replaces the one before; undefined: none. */
  | { readonly kind: 'wake'; readonly atMs: number | undefined }
  | {
      readonly kind: 'request-done'
      readonly requestId: number
      readonly outcome: { readonly kind: 'completed' | 'aborted'; readonly checkpointId: number; readonly reason?: AbortReason }
    }
  | {
      readonly kind: 'fail-job'
      readonly checkpointId: number
      readonly reason: AbortReason
      readonly failures: number
      readonly error?: string
    }
  /** After the last `notify-complete`: once all subtasks have committed, they end and the job is over. */
  | { readonly kind: 'finish'; readonly checkpointId: number; readonly stopped: boolean }
