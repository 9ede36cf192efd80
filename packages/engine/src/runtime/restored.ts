import type { AsyncInputs, KeyedStateFile } from '../checkpoint/handles.ts'

/** What one operator instance starts from. Plain data. */
export interface RestoredOperator {
  readonly operator: number
  readonly subtask: number
  /** Key groups at the time: where it is another number than today's, keys are dealt out anew. */
  readonly maxParallelism: number
  /** One chain of files for each former subtask whose key groups fall, in part, to this one; each chain oldest first. */
  readonly keyed: readonly (readonly KeyedStateFile[])[]
  readonly broadcast: Uint8Array | undefined
  readonly sinkHandles: readonly unknown[]
  readonly asyncInputs: readonly AsyncInputs[]
}
