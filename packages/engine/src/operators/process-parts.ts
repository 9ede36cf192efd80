import type { ErasedProcessFunction } from '../api/functions.ts'
import type { OperatorState } from '../state/operator/operator-state.ts'
import type { KeyedStateBackend } from '../state/state-types.ts'

/** What a process operator is made of. */
export interface ProcessParts {
  readonly fn: ErasedProcessFunction
  /** State by key; undefined in operators without keys. */
  readonly keyed: KeyedStateBackend | undefined
  /** One for each keyed input. */
  readonly keySelectors: readonly [((value: unknown) => unknown) | undefined, ((value: unknown) => unknown) | undefined]
  /** Whether the sender computed the key's hash (an exchange), or the operator must (a direct call). */
  readonly hashArrives: boolean
  /** Broadcast state: its handles to read, and to write. */
  readonly broadcast: { readonly reading: unknown; readonly writing: unknown } | undefined
  /** State of the subtask, if the function declares any. */
  readonly operatorState?: OperatorState | undefined
}
