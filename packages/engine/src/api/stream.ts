import type { Sink } from '../connectors/sink.ts'
import type { BroadcastConnected, BroadcastStream } from './broadcast.ts'
import type { ConnectedStreams } from './connected.ts'
import type { RecordContext } from './contexts.ts'
import type { KeyedStream } from './keyed-stream.ts'
import type { OperatorStateDeclarations } from './operator-state.ts'
import type { Failure, OnError, ProcessFunction } from './process-functions.ts'
import type { Key, StateDeclarations } from './state.ts'
import type { Declared, MaybePromise, SideTypes, TypeOf, WidenKey } from './types.ts'

declare const phantom: unique symbol

/**
 * How records are spread over the subtasks of the next operator: `forward` to the one of the same number, `rebalance` round robin over all,
 * `rescale` round robin over a fixed share of them, `shuffle` at random, `global` all to the first, `broadcast` each to all;
 * or a function that answers a subtask from 0 to `partitions - 1`.
 */
export type PartitioningChoice<T> =
  | 'forward'
  | 'rebalance'
  | 'rescale'
  | 'shuffle'
  | 'global'
  | 'broadcast'
  | ((value: T, partitions: number) => number)

/** A stream of records that is no operator of its own: a union, another partitioning, a side output. Every `Stream` is one as well. */
export interface StreamView<T> {
  readonly [phantom]?: T
  /** One record for each. What `fn` answers may be a promise. */
  map<U>(fn: (value: T, ctx: RecordContext) => U): Stream<Readonly<Awaited<U>>>
  /** Any number of records for each. */
  flatMap<U>(fn: (value: T, ctx: RecordContext) => MaybePromise<Iterable<U>>): Stream<Readonly<U>>
  /** Keeps the records for which `fn` holds; a type guard narrows the stream. */
  filter<U extends T>(fn: (value: T, ctx: RecordContext) => value is U): Stream<U>
  filter(fn: (value: T, ctx: RecordContext) => MaybePromise<boolean>): Stream<T>
  /** Groups records by key: state and timers of the next operator are per key. The selector must be pure: it is asked more than once for a record, and must answer the same each time. @throws KEY_CHANGED, where that shows */
  keyBy<const K extends Key>(key: (value: T) => K): KeyedStream<T, WidenKey<K>>
  /** The records of this and the others, in no particular order between them. */
  union<U = T>(...others: readonly [StreamView<U>, ...(readonly StreamView<U>[])]): StreamView<T | U>
  /** Two inputs of different types for one operator. */
  connect<U>(other: StreamView<U>): ConnectedStreams<T, U>
  /** This stream with a broadcast one, whose state every subtask holds in full. */
  connect<U, B extends StateDeclarations>(other: BroadcastStream<U, B>): BroadcastConnected<T, U, B>
  /** Sends every record to every subtask of the next operator, which keeps the declared state from them. */
  broadcast<B extends StateDeclarations>(state: B): BroadcastStream<T, B>
  /** The general operator. Without keys, so without state and timers. */
  process<Out extends Declared = never, Side extends SideTypes = {}, E extends OnError = 'fail', O extends OperatorStateDeclarations = {}>(
    fn: ProcessFunction<T, Out, Side, E, O>,
  ): Output<TypeOf<Out>, Side, T, E>
  /** Sets how records reach the next operator. The default is `forward`, or `rebalance` where the parallelisms differ. */
  partition(how: PartitioningChoice<T>): StreamView<T>
  /** Ends the stream. */
  sinkTo(sink: Sink<T>): Stage
}

/** Settings of an operator. Each answers the operator itself. */
export interface OperatorSettings {
  /** What the operator's state is found by after the job has changed. Unique in the job; give one to every stateful operator. */
  uid(uid: string): this
  /** For people: in logs, errors, metrics and drawings. Default: the uid; without one, what the operator does (`map`). */
  name(name: string): this
  /** Subtasks; default: the job's. */
  parallelism(subtasks: number): this
  /** Key groups, which bound the parallelism; default: the job's. At most 32768. A restore with another number of them deals the keys out anew. */
  maxParallelism(keyGroups: number): this
  /** Whether it may run in one chain with its neighbours: `always` (default), `never`, or `start`: not with those before it. */
  chain(how: 'always' | 'never' | 'start'): this
}

/** What an operator emits, and the operator's settings. */
export interface Stream<T> extends StreamView<T>, OperatorSettings {}

/** A stream with its side outputs and failures: `stream.side.late`, `stream.failures`. */
export type Output<T, Side extends SideTypes, In = unknown, E extends OnError = 'fail'> = Stream<T> & {
  readonly side: { readonly [N in keyof Side]: StreamView<TypeOf<Side[N]>> }
} & (E extends 'side' ? { readonly failures: StreamView<Failure<In>> } : unknown)

/** A sink in the job. */
export interface Stage extends OperatorSettings {}
