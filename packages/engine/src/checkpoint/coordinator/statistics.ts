import type { AbortReason, CheckpointKind } from './coordinator-events.ts'
import type { SnapshotTimings, SubtaskId } from '../handles.ts'
import type { PendingCheckpoint } from './pending-checkpoint.ts'

/** What is known of one checkpoint, for people and metrics. Times are monotonic. */
export interface CheckpointRecord {
  readonly checkpointId: number
  readonly kind: CheckpointKind
  readonly triggeredAtMs: number
  readonly outcome:
    | { readonly kind: 'completed' }
    | { readonly kind: 'failed'; readonly reason: AbortReason; readonly error: string | undefined }
  /** From the trigger to the end, whichever it was. */
  readonly durationMs: number
  /** Bytes of all files that a restore reads. */
  readonly stateBytes: number
  /** Bytes written for it, metadata included. */
  readonly writtenBytes: number
  /** The subtasks that acknowledged. */
  readonly subtasks: readonly SubtaskRecord[]
}

export interface SubtaskRecord extends SnapshotTimings {
  readonly subtask: SubtaskId
  /** From the trigger to the acknowledgement. */
  readonly delayMs: number
}

export interface CheckpointStatistics {
  readonly triggered: number
  readonly completed: number
  /** Given up, for whatever reason but a newer one that completed first. */
  readonly failed: number
  readonly subsumed: number
  readonly inProgress: number
  readonly lastCompleted: CheckpointRecord | undefined
  readonly lastFailed: CheckpointRecord | undefined
  /** The newest few checkpoints, and the newest few savepoints, oldest first. */
  readonly history: readonly CheckpointRecord[]
}

/** Keeps account of a coordinator's checkpoints, in bounded space. */
export class CheckpointAccount {
  static readonly HISTORY_MAX = 10
  #triggered = 0
  #completed = 0
  #failed = 0
  #subsumed = 0
  #lastCompleted: CheckpointRecord | undefined
  #lastFailed: CheckpointRecord | undefined
  #history: CheckpointRecord[] = []
  /** Apart: they are few, and many checkpoints later still of interest. */
  #savepoints: CheckpointRecord[] = []

  /** A new attempt: what the one before has left undecided will not be decided any more. */
  begin(): void {
    this.#failed = this.#triggered - this.#completed - this.#subsumed
  }

  trigger(): void {
    this.#triggered++
  }

  complete(checkpoint: PendingCheckpoint, atMs: number, metadataBytes: number): void {
    this.#completed++
    this.#lastCompleted = this.#keep(describe(checkpoint, atMs, metadataBytes, { kind: 'completed' }))
  }

  fail(checkpoint: PendingCheckpoint, atMs: number, reason: AbortReason, error: string | undefined): void {
    const record = this.#keep(describe(checkpoint, atMs, 0, { kind: 'failed', reason, error }))
    if (reason === 'subsumed') {
      this.#subsumed++
      return
    }
    this.#failed++
    this.#lastFailed = record
  }

  summarize(): CheckpointStatistics {
    return {
      triggered: this.#triggered,
      completed: this.#completed,
      failed: this.#failed,
      subsumed: this.#subsumed,
      inProgress: this.#triggered - this.#completed - this.#failed - this.#subsumed,
      lastCompleted: this.#lastCompleted,
      lastFailed: this.#lastFailed,
      history: [...this.#savepoints, ...this.#history].toSorted((a, b) => a.checkpointId - b.checkpointId),
    }
  }

  #keep(record: CheckpointRecord): CheckpointRecord {
    if (record.kind === 'savepoint') this.#savepoints = newest(this.#savepoints, record)
    else this.#history = newest(this.#history, record)
    return record
  }
}

function newest(records: readonly CheckpointRecord[], record: CheckpointRecord): CheckpointRecord[] {
  return [...records.slice(1 - CheckpointAccount.HISTORY_MAX), record]
}

function describe(
  checkpoint: PendingCheckpoint,
  atMs: number,
  metadataBytes: number,
  outcome: CheckpointRecord['outcome'],
): CheckpointRecord {
  const subtasks = [...checkpoint.acknowledged.values()].map(({ subtask, snapshot, delayMs }) => ({
    ...snapshot.timings,
    subtask,
    delayMs,
  }))
  return {
    checkpointId: checkpoint.checkpointId,
    kind: checkpoint.kind,
    triggeredAtMs: checkpoint.triggeredAtMs,
    outcome,
    durationMs: atMs - checkpoint.triggeredAtMs,
    stateBytes: subtasks.reduce((sum, { stateBytes }) => sum + stateBytes, 0),
    writtenBytes: subtasks.reduce((sum, { writtenBytes }) => sum + writtenBytes, metadataBytes),
    subtasks,
  }
}
