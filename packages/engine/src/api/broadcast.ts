import type { OperatorStateDeclarations } from './operator-state.ts'
import type { BroadcastProcessFunction, KeyedBroadcastProcessFunction, OnError } from './process-functions.ts'
import type { StateDeclarations } from './state.ts'
import type { Output } from './stream.ts'
import type { Declared, SideTypes, TypeOf } from './types.ts'

declare const phantom: unique symbol

/** A stream whose every record goes to all subtasks, with the state that they keep from it. For `connect`. */
export interface BroadcastStream<T, B extends StateDeclarations> {
  readonly [phantom]?: [T, B]
  /** The states declared. */
  readonly broadcastState: B
}

/** A stream connected with a broadcast one. */
export interface BroadcastConnected<A, U, B extends StateDeclarations> {
  readonly [phantom]?: [A, U, B]
  process<Out extends Declared = never, Side extends SideTypes = {}, E extends OnError = 'fail', O extends OperatorStateDeclarations = {}>(
    fn: BroadcastProcessFunction<A, U, B, Out, Side, E, O>,
  ): Output<TypeOf<Out>, Side, A | U, E>
}

/** A keyed stream connected with a broadcast one. */
export interface KeyedBroadcastConnected<A, U, K, B extends StateDeclarations> {
  readonly [phantom]?: [A, U, K, B]
  process<
    S extends StateDeclarations = {},
    Out extends Declared = never,
    Side extends SideTypes = {},
    E extends OnError = 'fail',
    O extends OperatorStateDeclarations = {},
  >(
    fn: KeyedBroadcastProcessFunction<A, U, K, S, B, Out, Side, E, O>,
  ): Output<TypeOf<Out>, Side, A | U, E>
}
