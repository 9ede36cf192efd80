import type { OperatorKind, StateNode } from '../graph/graph.ts'
import type { SubtaskOperatorState } from './handles.ts'

/**
 * Everything a completed checkpoint holds, or refers to. Immutable once written; `docs/internals/checkpoint-format.md` describes its file.
 */
export interface CheckpointMetadata {
  readonly jobName: string
  /** Of the graph that took it. */
  readonly fingerprint: string
  readonly params: { readonly [name: string]: string | number | boolean }
  readonly checkpointId: number
  readonly kind: 'checkpoint' | 'final'
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
