import * as aggregations from '../aggregations.ts'
import type { BroadcastStream, KeyedBroadcastConnected } from '../broadcast.ts'
import type { KeyedConnected } from '../connected.ts'
import type { ErasedProcessFunction } from '../functions.ts'
import type { KeyCount, KeyedStream } from '../keyed-stream.ts'
import type { OperatorStateDeclarations } from '../operator-state.ts'
import type { KeyedProcessFunction, OnError } from '../process-functions.ts'
import type { Aggregate, StateDeclarations, StateOptions } from '../state.ts'
import type { Output, Stream } from '../stream.ts'
import type { Declared, SideTypes, TypeOf } from '../types.ts'
import { checkFunction } from './checks.ts'
import type { GraphBuilder, Port } from './graph-builder.ts'
import { checkStream } from './inputs.ts'
import { processSpec } from './process-spec.ts'
import { StreamBase, type Shapes } from './shapes.ts'

/** A stream with a key selector: every operator on it is a keyed process function. */
export class Keyed<T, K> extends StreamBase implements KeyedStream<T, K> {
  constructor(shapes: Shapes, builder: GraphBuilder, ports: readonly Port[]) {
    super(shapes, builder, ports, 'keyed', 'a keyed stream')
  }

  process<
    S extends StateDeclarations = {},
    Out extends Declared = never,
    Side extends SideTypes = {},
    E extends OnError = 'fail',
    O extends OperatorStateDeclarations = {},
  >(fn: KeyedProcessFunction<T, K, S, Out, Side, E, O>): Output<TypeOf<Out>, Side, T, E> {
    return this.#keyed('process', fn) as unknown as Output<TypeOf<Out>, Side, T, E>
  }

  reduce(fn: (a: T, b: T) => T, options?: StateOptions<T>): Stream<T> {
    checkFunction('reduce', 'its argument', fn)
    return this.#aggregation('reduce', aggregations.reduce(fn, options))
  }

  aggregate<Acc, Out>(aggregate: Aggregate<T, Acc, Out>, options?: StateOptions<Acc>): Stream<Readonly<Out>> {
    for (const member of ['create', 'add', 'result'] as const) checkFunction('aggregate', member, aggregate?.[member])
    return this.#aggregation('aggregate', aggregations.aggregate(aggregate, options))
  }

  count(): Stream<KeyCount<K>> {
    return this.#aggregation('count', aggregations.count())
  }

  sum(field: keyof T): Stream<T> {
    return this.#aggregation(`sum(${String(field)})`, aggregations.sum(field as string))
  }

  min(field: keyof T): Stream<T> {
    return this.#aggregation(`min(${String(field)})`, aggregations.extremeField(field as string, 'least'))
  }

  max(field: keyof T): Stream<T> {
    return this.#aggregation(`max(${String(field)})`, aggregations.extremeField(field as string, 'greatest'))
  }

  minBy(field: keyof T): Stream<T> {
    return this.#aggregation(`minBy(${String(field)})`, aggregations.extremeRecord(field as string, 'least'))
  }

  maxBy(field: keyof T): Stream<T> {
    return this.#aggregation(`maxBy(${String(field)})`, aggregations.extremeRecord(field as string, 'greatest'))
  }

  connect<U>(other: KeyedStream<U, K>): KeyedConnected<T, U, K>
  connect<U, B extends StateDeclarations>(other: BroadcastStream<U, B>): KeyedBroadcastConnected<T, U, K, B>
  connect(other: unknown): unknown {
    const stream = checkStream('connect', this, other, ['keyed', 'broadcast'])
    return stream.shape === 'broadcast' ? this.shapes.broadcastConnected(this, stream) : this.shapes.keyedConnected(this, stream)
  }

  #aggregation<U>(name: string, fn: ErasedProcessFunction): Stream<U> {
    return this.#keyed(name, fn) as unknown as Stream<U>
  }

  #keyed(name: string, fn: ErasedProcessFunction): StreamBase {
    return this.shapes.operator(this.builder, this.builder.add(processSpec('keyed-process', name, fn, [this.ports])))
  }
}
