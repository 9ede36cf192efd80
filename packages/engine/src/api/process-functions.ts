import type { Emitter, Handles, KeyedContext, ReadonlyHandles, RecordContext } from './contexts.ts'
import type { OperatorHandles, OperatorStateDeclarations } from './operator-state.ts'
import type { StateDeclarations } from './state.ts'
import type { Declared, MaybePromise, SideTypes, TypeOf } from './types.ts'

/** What a thrown error does: fail the job (the default), or send record and error to `failures`; nothing half-applied remains. */
export type OnError = 'fail' | 'side'

/** A record whose processing threw, with `onError: 'side'`. */
export interface Failure<T> {
  readonly record: T
  readonly error: { readonly name: string; readonly message: string; readonly stack: string }
}

/** State of the subtask, as all calls of a function see it. */
export interface WithOperatorState<O extends OperatorStateDeclarations> {
  readonly operatorState: OperatorHandles<O>
}

/** What all process functions declare and may implement. */
export interface FunctionBase<Out extends Declared, Side extends SideTypes, E extends OnError, O extends OperatorStateDeclarations> {
  /** What `ctx.emit` takes. Undeclared: nothing is emitted. A Standard Schema also validates. */
  readonly emits?: Out
  /** Side outputs by name, for `ctx.emitTo`; read as `stream.side.NAME`. */
  readonly sides?: Side
  /** Default `fail`. */
  readonly onError?: E
  /**
   * Of asynchronous functions: invocations under way or waiting in a subtask, at most; then it takes no more records. From 1 to 1,000,000, default 100. Each may be
   * called again after a failure. As the capacity of Flink's `AsyncDataStream`.
   */
  readonly capacity?: number
  /** State of each subtask, by name: lists and raw state. Handles are on `ctx.operatorState`. */
  readonly operatorState?: O
  /** Before the first record of a subtask, when all state of the job is restored. */
  open?(ctx: RecordContext & WithOperatorState<O>): MaybePromise<void>
  /** At the end of bounded input; may still emit. That is late wherever it goes; the event-time timers that it sets there fire before that function finishes. */
  finish?(ctx: Emitter<TypeOf<Out>, Side> & WithOperatorState<O>): MaybePromise<void>
  /** At the end of whatever was opened, also where opening it failed, and after a failure. */
  close?(): MaybePromise<void>
}

/** Only keyed functions have state and timers; said here so that the compiler can say it. */
export interface Unkeyed {
  readonly state?: never
  readonly onEventTimer?: never
  readonly onProcessingTimer?: never
}

/** State and timers per key. */
export interface Keyed<K, S extends StateDeclarations, Out extends Declared, Side extends SideTypes, O extends OperatorStateDeclarations> {
  /** Declared states, by name; handles are on `ctx.state`. */
  readonly state?: S
  /** The watermark has passed `time`. */
  onEventTimer?(time: number, ctx: KeyedContext<K, S, TypeOf<Out>, Side> & WithOperatorState<O>): MaybePromise<void>
  /** The clock has passed `time`. */
  onProcessingTimer?(time: number, ctx: KeyedContext<K, S, TypeOf<Out>, Side> & WithOperatorState<O>): MaybePromise<void>
}

/** The general operator on one input without keys. `onElement` may answer a promise: then invocations overlap, up to `capacity`. */
export interface ProcessFunction<
  T,
  Out extends Declared = never,
  Side extends SideTypes = {},
  E extends OnError = 'fail',
  O extends OperatorStateDeclarations = {},
>
  extends FunctionBase<Out, Side, E, O>, Unkeyed {
  onElement(value: T, ctx: Emitter<TypeOf<Out>, Side> & WithOperatorState<O>): MaybePromise<void>
}

/** The general operator on one keyed input, with state and timers of the record's key. Invocations of one key never overlap, also where they answer promises. */
export interface KeyedProcessFunction<
  T,
  K,
  S extends StateDeclarations = {},
  Out extends Declared = never,
  Side extends SideTypes = {},
  E extends OnError = 'fail',
  O extends OperatorStateDeclarations = {},
>
  extends FunctionBase<Out, Side, E, O>, Keyed<K, S, Out, Side, O> {
  onElement(value: T, ctx: KeyedContext<K, S, TypeOf<Out>, Side> & WithOperatorState<O>): MaybePromise<void>
}

/** Two inputs, each with a method of its own; they never run at the same time in a subtask. */
export interface CoProcessFunction<
  A,
  B,
  Out extends Declared = never,
  Side extends SideTypes = {},
  E extends OnError = 'fail',
  O extends OperatorStateDeclarations = {},
>
  extends FunctionBase<Out, Side, E, O>, Unkeyed {
  onLeft(value: A, ctx: Emitter<TypeOf<Out>, Side> & WithOperatorState<O>): MaybePromise<void>
  onRight(value: B, ctx: Emitter<TypeOf<Out>, Side> & WithOperatorState<O>): MaybePromise<void>
}

/** Two inputs with equal keys meet in the same state. */
export interface KeyedCoProcessFunction<
  A,
  B,
  K,
  S extends StateDeclarations = {},
  Out extends Declared = never,
  Side extends SideTypes = {},
  E extends OnError = 'fail',
  O extends OperatorStateDeclarations = {},
>
  extends FunctionBase<Out, Side, E, O>, Keyed<K, S, Out, Side, O> {
  onLeft(value: A, ctx: KeyedContext<K, S, TypeOf<Out>, Side> & WithOperatorState<O>): MaybePromise<void>
  onRight(value: B, ctx: KeyedContext<K, S, TypeOf<Out>, Side> & WithOperatorState<O>): MaybePromise<void>
}

/** Broadcast state as elements see it. */
export interface ReadsBroadcast<B extends StateDeclarations> {
  readonly broadcast: ReadonlyHandles<B>
}

/** Broadcast state as the broadcast input sees it: what it writes must be the same in every subtask, so from the record alone. */
export interface WritesBroadcast<B extends StateDeclarations> {
  readonly broadcast: Handles<B>
}

/** Elements without keys beside a broadcast input, whose state every subtask holds in full. */
export interface BroadcastProcessFunction<
  A,
  U,
  B extends StateDeclarations,
  Out extends Declared = never,
  Side extends SideTypes = {},
  E extends OnError = 'fail',
  O extends OperatorStateDeclarations = {},
>
  extends FunctionBase<Out, Side, E, O>, Unkeyed {
  onElement(value: A, ctx: Emitter<TypeOf<Out>, Side> & WithOperatorState<O> & ReadsBroadcast<B>): MaybePromise<void>
  /** Synchronous: broadcast state changes in the same order everywhere. */
  onBroadcast(value: U, ctx: Emitter<TypeOf<Out>, Side> & WithOperatorState<O> & WritesBroadcast<B>): undefined | void
}

/** Keyed elements beside a broadcast input: `ctx.state` is of the element's key, `ctx.broadcast` is the same in every subtask. */
export interface KeyedBroadcastProcessFunction<
  A,
  U,
  K,
  S extends StateDeclarations,
  B extends StateDeclarations,
  Out extends Declared = never,
  Side extends SideTypes = {},
  E extends OnError = 'fail',
  O extends OperatorStateDeclarations = {},
> extends FunctionBase<Out, Side, E, O> {
  readonly state?: S
  onElement(value: A, ctx: KeyedContext<K, S, TypeOf<Out>, Side> & WithOperatorState<O> & ReadsBroadcast<B>): MaybePromise<void>
  /** Synchronous: broadcast state changes in the same order everywhere. */
  onBroadcast(value: U, ctx: Emitter<TypeOf<Out>, Side> & WithOperatorState<O> & WritesBroadcast<B>): undefined | void
  onEventTimer?(time: number, ctx: KeyedContext<K, S, TypeOf<Out>, Side> & WithOperatorState<O> & ReadsBroadcast<B>): MaybePromise<void>
  onProcessingTimer?(
    time: number,
    ctx: KeyedContext<K, S, TypeOf<Out>, Side> & WithOperatorState<O> & ReadsBroadcast<B>,
  ): MaybePromise<void>
}
