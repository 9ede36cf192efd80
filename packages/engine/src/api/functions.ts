import type { Sink } from '../connectors/sink.ts'
import type { Source } from '../connectors/source.ts'
import type { WatermarkStrategy } from './watermarks.ts'
import type { OperatorStateDeclarations } from './operator-state.ts'
import type { StateDeclarations } from './state.ts'

/**
 * The user's functions of one build of a job, under the ids of its graph. Never serialised: each thread builds its own.
 */
export interface JobFunctions {
  readonly operators: ReadonlyMap<number, OperatorFunctions>
  /** Of edges with `hash` partitioning, and of chained edges into keyed operators, by edge id. */
  readonly keySelectors: ReadonlyMap<number, (value: unknown) => unknown>
  /** Of edges with `custom` partitioning, by edge id: answers a subtask in [0, partitions). */
  readonly partitioners: ReadonlyMap<number, (value: unknown, partitions: number) => number>
}

export type OperatorFunctions =
  | { readonly kind: 'source'; readonly source: Source<unknown>; readonly watermarks: WatermarkStrategy<unknown> | undefined }
  | { readonly kind: 'map'; readonly fn: (value: unknown, ctx: unknown) => unknown }
  | { readonly kind: 'flat-map'; readonly fn: (value: unknown, ctx: unknown) => unknown }
  | { readonly kind: 'filter'; readonly fn: (value: unknown, ctx: unknown) => unknown }
  | { readonly kind: 'process'; readonly fn: ErasedProcessFunction }
  | { readonly kind: 'keyed-process'; readonly fn: ErasedProcessFunction }
  | { readonly kind: 'co-process' | 'keyed-co-process'; readonly fn: ErasedProcessFunction }
  | {
      readonly kind: 'broadcast-process' | 'keyed-broadcast-process'
      readonly fn: ErasedProcessFunction
      readonly broadcast: StateDeclarations
    }
  | { readonly kind: 'sink'; readonly sink: Sink<unknown> }

/** Every process function with its types erased; which members are there depends on the operator's kind. */
export interface ErasedProcessFunction {
  readonly state?: StateDeclarations
  readonly operatorState?: OperatorStateDeclarations
  readonly emits?: unknown
  readonly sides?: { readonly [name: string]: unknown }
  readonly onError?: 'fail' | 'side'
  readonly capacity?: number
  open?(ctx: unknown): unknown
  finish?(ctx: unknown): unknown
  close?(): unknown
  onElement?(value: unknown, ctx: unknown): unknown
  onLeft?(value: unknown, ctx: unknown): unknown
  onRight?(value: unknown, ctx: unknown): unknown
  onBroadcast?(value: unknown, ctx: unknown): unknown
  onEventTimer?(time: number, ctx: unknown): unknown
  onProcessingTimer?(time: number, ctx: unknown): unknown
}
