import type { AsyncInputs, InFlightFile, KeyedStateFile, RawStateFile, StoredDatabase } from '../../checkpoint/handles.ts'
import type { Split } from '../../connectors/source.ts'
import type { StoredList } from '../../state/operator/operator-state.ts'

/** What one operator instance starts from. Plain data. */
export interface RestoredOperator {
  readonly operator: number
  readonly subtask: number
  /** Key groups at the time: where it is another number than today's, keys are dealt out anew. */
  readonly maxParallelism: number
  /** One chain of files for each former subtask whose key groups fall, in part, to this one; each chain oldest first. */
  readonly keyed: readonly (readonly KeyedStateFile[])[]
  /** Of the former subtasks whose key groups fall, in part, to this one: what the chains are changes over. */
  readonly databases: readonly StoredDatabase[]
  readonly broadcast: Uint8Array | undefined
  /** Elements of lists that come to this subtask. */
  readonly lists: readonly StoredList[]
  /** Of union lists: those of all subtasks, in their order. */
  readonly unions: readonly StoredList[]
  /** Parts of raw state that come to this subtask. */
  readonly raw: readonly RawStateFile[]
  readonly sinkHandles: readonly unknown[]
  readonly asyncInputs: readonly AsyncInputs[]
  /** Files with records that were in flight to subtasks whose records now come, in part, to this one: all of those without keys are its own. */
  readonly inFlight: readonly InFlightFile[]
  /** It had finished, and does not again, unless a record comes to it. */
  readonly finished: boolean
}

/** What the enumerator of one source starts from. */
export interface RestoredSource {
  readonly operator: number
  readonly enumerator: unknown
  readonly splits: readonly Split[]
}
