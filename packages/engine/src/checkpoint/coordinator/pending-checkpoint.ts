import type { CheckpointKind, SavepointTarget } from './coordinator-events.ts'
import type { SubtaskId, SubtaskSnapshot } from '../handles.ts'

/** Of the subtasks that a checkpoint waits for, those that are named. */
const NAMED_MAX = 3

/** Names a subtask in maps. */
export function subtaskKey(subtask: SubtaskId): string {
  return `${subtask.task}/${subtask.subtask}`
}

export interface Acknowledgement {
  readonly subtask: SubtaskId
  readonly snapshot: SubtaskSnapshot
  /** From the trigger. */
  readonly delayMs: number
}

/**
 * A checkpoint from its trigger to its end.
 *
 * 1. `phase` goes from `collecting` to `acknowledged` with the last snapshot, to `persisting` when it is written; never back.
 * 2. Each subtask is counted once.
 */
export class PendingCheckpoint {
  readonly checkpointId: number
  readonly kind: CheckpointKind
  readonly triggeredAtMs: number
  /** The newest checkpoint that was complete at the trigger: what deltas build on is this one or newer. */
  readonly baseId: number
  readonly requestIds: readonly number[]
  readonly savepoint: SavepointTarget | undefined
  /** A region was lost after its snapshot: it goes back, and gives up what it staged for this one unless that is what it goes back to. */
  spoiled = false
  readonly acknowledged: Map<string, Acknowledgement> = new Map()
  readonly #waiting: Map<string, SubtaskId>
  #persisting = false

  constructor(
    facts: Pick<PendingCheckpoint, 'checkpointId' | 'kind' | 'triggeredAtMs' | 'baseId' | 'requestIds' | 'savepoint'>,
    subtasks: readonly SubtaskId[],
  ) {
    this.checkpointId = facts.checkpointId
    this.kind = facts.kind
    this.triggeredAtMs = facts.triggeredAtMs
    this.baseId = facts.baseId
    this.requestIds = facts.requestIds
    this.savepoint = facts.savepoint
    this.#waiting = new Map(subtasks.map((subtask) => [subtaskKey(subtask), subtask]))
  }

  get phase(): 'collecting' | 'acknowledged' | 'persisting' {
    if (this.#waiting.size > 0) return 'collecting'
    return this.#persisting ? 'persisting' : 'acknowledged'
  }

  /** Whose snapshots are not there, in words. Undefined: all are. */
  lacks(describe: (subtask: SubtaskId) => string = subtaskKey): string | undefined {
    const missing = [...this.#waiting.values()]
    if (missing.length === 0) return undefined
    const names = missing.slice(0, NAMED_MAX).map((subtask) => describe(subtask))
    const more = missing.length > names.length ? ` and ${missing.length - names.length} more` : ''
    return `no snapshot came of ${names.join('; ')}${more}`
  }

  /** Returns whether the subtask was awaited. */
  acknowledge(subtask: SubtaskId, snapshot: SubtaskSnapshot, atMs: number): boolean {
    const key = subtaskKey(subtask)
    if (!this.#waiting.delete(key)) return false
    this.acknowledged.set(key, { subtask, snapshot, delayMs: atMs - this.triggeredAtMs })
    return true
  }

  startPersisting(): void {
    this.#persisting = true
  }

  /** Whether sinks have staged output for it that is to be committed. */
  get hasStagedOutput(): boolean {
    const operators = [...this.acknowledged.values()].flatMap(({ snapshot }) => snapshot.operators)
    return operators.some(({ sinkHandles }) => sinkHandles !== undefined && sinkHandles.length > 0)
  }

  /** Files written for it alone. */
  newPaths(): string[] {
    return [...this.acknowledged.values()].flatMap(({ snapshot }) => snapshot.newFiles.map((file) => file.path))
  }
}
