import { engineError } from '../../errors.ts'
import type { Partitioning } from '../../graph/graph.ts'
import type { Sink } from '../../connectors/sink.ts'
import type { BroadcastConnected, BroadcastStream } from '../broadcast.ts'
import type { ConnectedStreams } from '../connected.ts'
import type { RecordContext } from '../contexts.ts'
import type { KeyedStream } from '../keyed-stream.ts'
import type { OperatorStateDeclarations } from '../operator-state.ts'
import type { OnError, ProcessFunction } from '../process-functions.ts'
import type { Key, StateDeclarations } from '../state.ts'
import type { Output, PartitioningChoice, Stage, Stream, StreamView } from '../stream.ts'
import type { Declared, MaybePromise, SideTypes, TypeOf, WidenKey } from '../types.ts'
import { checkChoice, checkFunction, show, stateNodes } from './checks.ts'
import type { GraphBuilder, OperatorSpec, Port } from './graph-builder.ts'
import { checkStream, keyedPorts, unionPorts } from './inputs.ts'
import { processSpec } from './process-spec.ts'
import { StreamBase, type Shapes } from './shapes.ts'

const partitionings: readonly Partitioning[] = ['forward', 'rebalance', 'rescale', 'shuffle', 'global', 'broadcast']

/** A stream that is no operator of its own. */
export class View<T> extends StreamBase implements StreamView<T> {
  constructor(shapes: Shapes, builder: GraphBuilder, ports: readonly Port[], what: string) {
    super(shapes, builder, ports, 'plain', what)
  }

  map<U>(fn: (value: T, ctx: RecordContext) => U): Stream<Readonly<Awaited<U>>> {
    return this.#stateless('map', fn)
  }

  flatMap<U>(fn: (value: T, ctx: RecordContext) => MaybePromise<Iterable<U>>): Stream<Readonly<U>> {
    return this.#stateless('flat-map', fn)
  }

  filter<U extends T>(fn: (value: T, ctx: RecordContext) => value is U): Stream<U>
  filter(fn: (value: T, ctx: RecordContext) => MaybePromise<boolean>): Stream<T>
  filter(fn: (value: T, ctx: RecordContext) => MaybePromise<boolean>): Stream<unknown> {
    return this.#stateless('filter', fn)
  }

  keyBy<const K extends Key>(key: (value: T) => K): KeyedStream<T, WidenKey<K>> {
    this.builder.open('keyBy')
    return this.shapes.keyed(this.builder, keyedPorts(this.ports, key)) as unknown as KeyedStream<T, WidenKey<K>>
  }

  union<U>(...others: readonly StreamView<U>[]): StreamView<T | U> {
    const streams = others.map((other) => checkStream('union', this, other, ['plain']))
    return this.shapes.view(this.builder, unionPorts([this, ...streams]), 'a union') as View<T | U>
  }

  connect<U>(other: StreamView<U>): ConnectedStreams<T, U>
  connect<U, B extends StateDeclarations>(other: BroadcastStream<U, B>): BroadcastConnected<T, U, B>
  connect(other: unknown): unknown {
    const stream = checkStream('connect', this, other, ['plain', 'broadcast'])
    return stream.shape === 'broadcast' ? this.shapes.broadcastConnected(this, stream) : this.shapes.connected(this, stream)
  }

  broadcast<B extends StateDeclarations>(state: B): BroadcastStream<T, B> {
    this.builder.open('broadcast')
    stateNodes('broadcast', state)
    const ports = this.#repartitioned({ partitioning: 'broadcast', chosen: true })
    return this.shapes.broadcast(this.builder, ports, state) as unknown as BroadcastStream<T, B>
  }

  process<Out extends Declared = never, Side extends SideTypes = {}, E extends OnError = 'fail', O extends OperatorStateDeclarations = {}>(
    fn: ProcessFunction<T, Out, Side, E, O>,
  ): Output<TypeOf<Out>, Side, T, E> {
    const spec = processSpec('process', 'process', fn, [this.ports])
    return this.#operator(spec) as unknown as Output<TypeOf<Out>, Side, T, E>
  }

  partition(how: PartitioningChoice<T>): StreamView<T> {
    this.builder.open('partition')
    if (typeof how !== 'function') checkChoice('partition', 'its argument', how, partitionings)
    const ports = this.#repartitioned(
      typeof how === 'function'
        ? { partitioning: 'custom', chosen: true, partitioner: how as (value: unknown, partitions: number) => number }
        : { partitioning: how, chosen: true },
    )
    return this.shapes.view(this.builder, ports, 'a partitioning') as View<T>
  }

  sinkTo(sink: Sink<T>): Stage {
    checkSink(sink)
    const { connector, delivery } = sink
    return this.#operator({
      kind: 'sink',
      name: `${connector} sink`,
      inputs: [this.ports],
      functions: { kind: 'sink', sink: sink as Sink<unknown> },
      sink: { connector, delivery },
    }) as unknown as Stage
  }

  #repartitioned(how: Pick<Port, 'partitioning' | 'chosen' | 'partitioner'>): readonly Port[] {
    return this.ports.map(({ operator, output }) => ({ operator, output, ...how }))
  }

  #stateless<U>(kind: 'map' | 'flat-map' | 'filter', fn: (value: T, ctx: RecordContext) => unknown): Stream<U> {
    checkFunction(kind === 'flat-map' ? 'flatMap' : kind, 'its argument', fn)
    const functions = { kind, fn: fn as (value: unknown, ctx: unknown) => unknown }
    return this.#operator({ kind, name: kind, inputs: [this.ports], functions }) as unknown as Stream<U>
  }

  #operator(spec: OperatorSpec): StreamBase {
    return this.shapes.operator(this.builder, this.builder.add(spec))
  }
}

function checkSink(sink: Sink<never>): void {
  const given = sink as Partial<Sink<never>> | null | undefined
  if (typeof given?.createWriter !== 'function' || typeof given.connector !== 'string') {
    throw engineError('ARGUMENT_INVALID', { call: 'sinkTo', argument: 'its argument', expected: 'a sink', value: show(sink) })
  }
  checkChoice('sinkTo', 'delivery', given.delivery, ['none', 'at-least-once', 'exactly-once'])
}
