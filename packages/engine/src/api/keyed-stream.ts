import type { KeyedBroadcastConnected, BroadcastStream } from './broadcast.ts'
import type { KeyedConnected } from './connected.ts'
import type { OperatorStateDeclarations } from './operator-state.ts'
import type { KeyedProcessFunction, OnError } from './process-functions.ts'
import type { Aggregate, StateDeclarations, StateOptions } from './state.ts'
import type { Output, Stream } from './stream.ts'
import type { Declared, NumericField, OrderedField, SideTypes, TypeOf } from './types.ts'

declare const phantom: unique symbol

/** How many records a key has had. */
export interface KeyCount<K> {
  readonly key: K
  readonly count: number
}

/** Records grouped by key. All aggregations emit their new result for every record; options are those of the state they keep. */
export interface KeyedStream<T, K> {
  /** A mapped type, so that two streams are compared member by member: judged by variance alone, the parameters `field` would make them invariant. */
  readonly [phantom]?: [{ readonly [N in keyof T]-?: T[N] }, K]
  /** The general operator, with state and timers per key. */
  process<
    S extends StateDeclarations = {},
    Out extends Declared = never,
    Side extends SideTypes = {},
    E extends OnError = 'fail',
    O extends OperatorStateDeclarations = {},
  >(
    fn: KeyedProcessFunction<T, K, S, Out, Side, E, O>,
  ): Output<TypeOf<Out>, Side, T, E>
  /** Folds the records of a key into one; the first is emitted as it is. `fn` must not change its arguments. */
  reduce(fn: (a: T, b: T) => T, options?: StateOptions<T>): Stream<T>
  /** Folds the records of a key into an accumulator and emits its result. */
  aggregate<Acc, Out>(aggregate: Aggregate<T, Acc, Out>, options?: StateOptions<Acc>): Stream<Readonly<Out>>
  count(): Stream<KeyCount<K>>
  /** The first record with the sum of `field` over all. */
  sum(field: NumericField<T>): Stream<T>
  /** The first record with the least `field` of all. */
  min(field: OrderedField<T>): Stream<T>
  /** The first record with the greatest `field` of all. */
  max(field: OrderedField<T>): Stream<T>
  /** The record with the least `field`; of equals the first. */
  minBy(field: OrderedField<T>): Stream<T>
  /** The record with the greatest `field`; of equals the first. */
  maxBy(field: OrderedField<T>): Stream<T>
  connect<U, B extends StateDeclarations>(other: BroadcastStream<U, B>): KeyedBroadcastConnected<T, U, K, B>
  /** Two streams with the same type of key, for one operator with state per key. Last, because it is the last of them that an error is about. */
  connect<U>(other: KeyedStream<U, K>): KeyedConnected<T, U, K>
}
