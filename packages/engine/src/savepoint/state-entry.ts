import type { Key, KeyAtom } from '../api/state.ts'
import type { OperatorKind, StateNode } from '../graph/graph.ts'

/** One thing that a checkpoint or savepoint holds for an operator, which is named by its uid. */
export type StateEntry =
  | ValueEntry
  | ListEntry
  | MapEntry
  | TimerEntry
  | OperatorListEntry
  | RawEntry
  | SourceEntry
  | SinkEntry
  | AsyncInputEntry
  | InFlightEntry
  | FinishedEntry

export const entryKinds: readonly StateEntry['kind'][] = [
  'value',
  'reducing',
  'aggregating',
  'list',
  'map',
  'event-timer',
  'processing-timer',
  'split-list',
  'union-list',
  'raw',
  'raw-keyed',
  'split',
  'enumerator',
  'sink-handle',
  'async-input',
  'in-flight',
  'finished',
]

interface Common {
  /** The operator's uid, or the id that was derived for it. */
  readonly operator: string
}

/** Whose state it is: that of a key, or broadcast state, which has none. */
type Owner = { readonly key: Key; readonly broadcast?: never } | { readonly key?: never; readonly broadcast: true }

/** A value, or what a codec of the job has made of it. */
export type EntryValue = { readonly value: unknown; readonly coded?: never } | { readonly value?: never; readonly coded: Uint8Array }

interface State extends Common {
  /** Its name in the declaration. */
  readonly state: string
  /** Of a state with a time to live: when it was last updated, milliseconds since 1970. */
  readonly updatedMs?: number
}

/** Of aggregating states `value` is the accumulator. */
export type ValueEntry = State & Owner & EntryValue & { readonly kind: 'value' | 'reducing' | 'aggregating' }

/** One element of a list; they come in their order. */
export type ListEntry = State & Owner & EntryValue & { readonly kind: 'list' }

/** One entry of map state, by the key of its owner and its own, `entry`. */
export type MapEntry = State & Owner & EntryValue & { readonly kind: 'map'; readonly entry: KeyAtom }

/** A timer that has not fired. */
export interface TimerEntry extends Common {
  readonly kind: 'event-timer' | 'processing-timer'
  readonly key: Key
  /** When it fires, milliseconds since 1970. */
  readonly time: number
}

/** One element of a list of the operator's. */
export type OperatorListEntry = Common &
  EntryValue & { readonly kind: 'split-list' | 'union-list'; readonly subtask: number; readonly state: string }

/** A run of bytes of raw state; several with the same `part` (of one subtask and state) are one behind the other. */
export interface RawEntry extends Common {
  readonly kind: 'raw' | 'raw-keyed'
  readonly subtask: number
  readonly state: string
  /** Of `raw-keyed`. */
  readonly keyGroup?: number
  readonly part: number
  readonly bytes: Uint8Array
}

/** A split with its position, or what the enumerator keeps. */
export type SourceEntry = Common &
  ({ readonly kind: 'split'; readonly subtask: number; readonly value: unknown } | { readonly kind: 'enumerator'; readonly value: unknown })

/** Output that is staged, and to be published again after a restore. */
export interface SinkEntry extends Common {
  readonly kind: 'sink-handle'
  readonly subtask: number
  readonly value: unknown
}

/** An input that an asynchronous function had not finished. */
export interface AsyncInputEntry extends Common {
  readonly kind: 'async-input'
  readonly subtask: number
  readonly value: unknown
}

/** Records that an unaligned checkpoint has overtaken, in the engine's own format; runs with the same `part` are one behind the other. */
export interface InFlightEntry extends Common {
  readonly kind: 'in-flight'
  readonly subtask: number
  readonly part: number
  readonly input: 0 | 1
  /** They came by key. */
  readonly keyed: boolean
  /** In the whole part. */
  readonly records: number
  readonly bytes: Uint8Array
}

/** All input of the subtask had ended. */
export interface FinishedEntry extends Common {
  readonly kind: 'finished'
  readonly subtask: number
}

/** An operator of a snapshot, without its state. */
export interface SnapshotOperator {
  /** Its uid, or the id that was derived for it: what a restore finds it by. */
  readonly operator: string
  readonly operatorKind: OperatorKind
  readonly name: string
  readonly maxParallelism: number
  readonly parallelism: number
  readonly states: readonly StateNode[]
}

/** What a snapshot is of. */
export interface SnapshotFacts {
  readonly jobName: string
  readonly fingerprint: string
  readonly params: { readonly [name: string]: string | number | boolean }
  readonly checkpointId: number
  readonly kind: 'checkpoint' | 'final' | 'savepoint'
  readonly attempt: number
  /** Milliseconds since 1970. */
  readonly triggeredMs: number
}

/** A line of a snapshot as text: first what it is of, then each operator before its state. */
export type SnapshotItem =
  | { readonly kind: 'snapshot'; readonly snapshot: SnapshotFacts }
  | ({ readonly kind: 'operator' } & SnapshotOperator)
  | StateEntry
