import type { RecordContext } from './contexts.ts'
import type { OperatorStateDeclarations } from './operator-state.ts'
import type { CoProcessFunction, KeyedCoProcessFunction, OnError } from './process-functions.ts'
import type { Key, StateDeclarations } from './state.ts'
import type { Output, Stream } from './stream.ts'
import type { Declared, SideTypes, TypeOf, WidenKey } from './types.ts'

declare const phantom: unique symbol

/** Two streams as the two inputs of one operator. */
export interface ConnectedStreams<A, B> {
  readonly [phantom]?: [A, B]
  /** One record for each, of either input. */
  map<U, V = U>(left: (value: A, ctx: RecordContext) => U, right: (value: B, ctx: RecordContext) => V): Stream<Readonly<Awaited<U | V>>>
  process<Out extends Declared = never, Side extends SideTypes = {}, E extends OnError = 'fail', O extends OperatorStateDeclarations = {}>(
    fn: CoProcessFunction<A, B, Out, Side, E, O>,
  ): Output<TypeOf<Out>, Side, A | B, E>
  /** Keys both inputs by the same type of key. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- const makes a tuple of what the second selector answers
  keyBy<const K extends Key, const R extends WidenKey<K>>(left: (value: A) => K, right: (value: B) => R): KeyedConnected<A, B, WidenKey<K>>
}

/** Two keyed streams as the two inputs of one operator: equal keys meet in the same state. */
export interface KeyedConnected<A, B, K> {
  readonly [phantom]?: [A, B, K]
  process<
    S extends StateDeclarations = {},
    Out extends Declared = never,
    Side extends SideTypes = {},
    E extends OnError = 'fail',
    O extends OperatorStateDeclarations = {},
  >(
    fn: KeyedCoProcessFunction<A, B, K, S, Out, Side, E, O>,
  ): Output<TypeOf<Out>, Side, A | B, E>
}
