import type { OperatorKind, StateNode } from '../../graph/graph.ts'
import type { StateFileHandle, SubtaskOperatorState } from '../handles.ts'

/**
 * Everything a completed checkpoint holds, or refers to. Immutable once written; `docs/internals/checkpoint-format.md` describes its file.
 */
export interface CheckpointMetadata {
  readonly jobName: string
  /** Of the graph that took it. */
  readonly fingerprint: string
  readonly params: { readonly [name: string]: string | number | boolean }
  readonly checkpointId: number
  /** `savepoint`: the paths of its files are relative to its own folder, else to the one above. */
  readonly kind: 'checkpoint' | 'final' | 'savepoint'
  /** Of the run that took it; grows with every start and restart of the job. */
  readonly attempt: number
  /** Wall clock, milliseconds since 1970. */
  readonly triggeredMs: number
  readonly operators: readonly OperatorState[]
}

/** The state of one operator over all its subtasks. */
export interface OperatorState {
  readonly stateId: string
  readonly kind: OperatorKind
  readonly name: string
  readonly maxParallelism: number
  /** At the time. */
  readonly parallelism: number
  readonly states: readonly StateNode[]
  /** Of sources: `SplitEnumerator.snapshot`. */
  readonly enumerator?: unknown
  /** By subtask, `parallelism` of them. */
  readonly subtasks: readonly SubtaskState[]
}

export type SubtaskState = Omit<SubtaskOperatorState, 'stateId'>

/** Every state file that a checkpoint refers to, once. */
export function stateFilesOf(metadata: CheckpointMetadata): readonly StateFileHandle[] {
  const files = metadata.operators.flatMap((operator) => operator.subtasks.flatMap(filesOf))
  return [...new Map(files.map((file) => [file.path, file])).values()]
}

/** Paths of what holds the state files of a checkpoint outside of its metadata: each once. Several may be in one. */
export function storedPathsOf(metadata: CheckpointMetadata): ReadonlySet<string> {
  return new Set(stateFilesOf(metadata).flatMap(({ path, inline, within }) => (inline === undefined ? [within?.path ?? path] : [])))
}

function filesOf({ keyed, database, raw, inFlight }: SubtaskState): readonly StateFileHandle[] {
  const rows = database === undefined ? [] : [...database.shared, database.own]
  return [...keyed, ...rows, ...(raw === undefined ? [] : [raw]), ...(inFlight === undefined ? [] : [inFlight])]
}

/** The same checkpoint with its files changed one by one. */
export function withFiles(metadata: CheckpointMetadata, change: <F extends StateFileHandle>(file: F) => F): CheckpointMetadata {
  const operators = metadata.operators.map((operator) => ({
    ...operator,
    subtasks: operator.subtasks.map(({ raw, inFlight, database, ...subtask }) => ({
      ...subtask,
      keyed: subtask.keyed.map((file) => change(file)),
      ...(database === undefined
        ? {}
        : { database: { ...database, shared: database.shared.map((file) => change(file)), own: change(database.own) } }),
      ...(raw === undefined ? {} : { raw: change(raw) }),
      ...(inFlight === undefined ? {} : { inFlight: change(inFlight) }),
    })),
  }))
  return { ...metadata, operators }
}
