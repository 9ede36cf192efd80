/**
 * What the master of a job and its slots say to each other. Plain data: a slot may be on another thread.
 */
import type { LogRecord, MetricSnapshot } from '@millrace/core'
import type { CheckpointKind, CoordinatorMessage, SavepointTarget } from '../../checkpoint/coordinator/coordinator-events.ts'
import type { Split } from '../../connectors/source.ts'
import type { KeyLoadReport } from '../../keys/load/key-load.ts'
import type { SlotSettings } from './deployment.ts'
import type { SubtaskMetrics } from '../job-types.ts'

/** One operator's instance. */
export interface OperatorInstance {
  readonly operator: number
  readonly subtask: number
}

/** What a slot is told. */
export type MasterMessage =
  /** Every slot has what it restores, and the job goes on from there: tasks are opened. */
  | { readonly kind: 'open' }
  | {
      readonly kind: 'trigger'
      readonly checkpointId: number
      readonly triggeredMs: number
      /** The newest complete checkpoint, 0 if there is none. */
      readonly completedId: number
      readonly stopSources: boolean
      /** Subtasks need not wait for barriers. */
      readonly unaligned?: boolean
      readonly savepoint?: SavepointTarget
    }
  /** The user has changed options while the job runs. */
  | { readonly kind: 'settings'; readonly settings: SlotSettings }
  /** Sources read no further and end. */
  | { readonly kind: 'drain' }
  | { readonly kind: 'complete'; readonly checkpointId: number; readonly checkpoint: CheckpointKind }
  | { readonly kind: 'aborted'; readonly checkpointId: number }
  /** A savepoint of a job that goes on is complete: nothing is committed, and nothing builds on it. */
  | { readonly kind: 'savepoint-complete'; readonly checkpointId: number }
  | { readonly kind: 'splits'; readonly reader: OperatorInstance; readonly splits: readonly Split[] }
  | { readonly kind: 'no-more-splits'; readonly reader: OperatorInstance }
  /** The final checkpoint is complete: commit, close, then say `closed`. */
  | { readonly kind: 'finish' }
  /** Close without committing anything, then say `closed`. */
  | { readonly kind: 'cancel' }

/** What a slot tells. */
export type SlotMessage =
  /** All tasks are built, with their state, and wait for `open`; sent once. */
  | { readonly kind: 'restored' }
  /** All tasks are open; sent once. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'reader-ready'; readonly reader: OperatorInstance }
  | { readonly kind: 'coordinator'; readonly message: CoordinatorMessage }
  | { readonly kind: 'failed'; readonly failure: FailureReport }
  | { readonly kind: 'log'; readonly record: LogRecord }
  | { readonly kind: 'metrics'; readonly report: SlotReport }
  /** Nothing runs any more; sent once. */
  | { readonly kind: 'closed' }

/** The figures of a slot. */
export interface SlotReport {
  readonly tasks: readonly TaskReport[]
  readonly user: readonly MetricSnapshot[]
  readonly keys: readonly KeysReport[]
}

/** Of one operator's instance. */
export interface KeysReport extends OperatorInstance {
  readonly load: KeyLoadReport
}

export interface TaskReport {
  readonly task: number
  readonly metrics: SubtaskMetrics
}

export interface FailureCause {
  readonly name: string
  readonly message: string
  readonly stack: string
  readonly code: string | undefined
}

/** An error on its way between threads. */
export interface FailureReport {
  readonly name: string
  readonly message: string
  readonly stack: string
  readonly code: string | undefined
  readonly operator: string | undefined
  readonly stateId: string | undefined
  readonly subtask: number | undefined
  readonly during: string | undefined
  readonly position: string | undefined
  /** Of the user's own error, or whatever was thrown. */
  readonly cause: FailureCause | undefined
  /** Who must act. */
  readonly who: 'user' | 'operator' | 'bug'
  readonly retry: boolean
  /** No restart can mend it. */
  readonly final: boolean
  /** The checkpoint with this id and all later ones are of no use: the job may go on from one before them. */
  readonly restoreBefore: number | undefined
  readonly capsule: { readonly path: string; readonly command: string } | undefined
}
