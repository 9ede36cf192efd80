import { isAsyncFunction, isThenable } from '../../operators/thenable.ts'
import type { BroadcastConnected, BroadcastStream, KeyedBroadcastConnected } from '../broadcast.ts'
import type { ConnectedStreams, KeyedConnected } from '../connected.ts'
import type { ErasedProcessFunction } from '../functions.ts'
import type { OperatorStateDeclarations } from '../operator-state.ts'
import type {
  BroadcastProcessFunction,
  CoProcessFunction,
  KeyedBroadcastProcessFunction,
  KeyedCoProcessFunction,
  OnError,
} from '../process-functions.ts'
import type { Key, StateDeclarations } from '../state.ts'
import type { Output, Stream } from '../stream.ts'
import { type, type Declared, type SideTypes, type TypeOf, type WidenKey } from '../types.ts'
import { checkFunction } from './checks.ts'
import type { GraphBuilder, Port } from './graph-builder.ts'
import { keyedPorts } from './inputs.ts'
import { processSpec, type ProcessKind } from './process-spec.ts'
import { StreamBase, type Shapes } from './shapes.ts'

/** Two streams on their way into one operator. */
class Pair {
  protected readonly left: StreamBase
  protected readonly right: StreamBase
  protected readonly shapes: Shapes

  constructor(shapes: Shapes, left: StreamBase, right: StreamBase) {
    this.shapes = shapes
    this.left = left
    this.right = right
  }

  protected operator(kind: ProcessKind, name: string, fn: unknown, broadcast?: StateDeclarations): StreamBase {
    const { builder } = this.left
    const spec = processSpec(kind, name, fn as ErasedProcessFunction, [this.left.ports, this.right.ports], broadcast)
    return this.shapes.operator(builder, builder.add(spec))
  }
}

export class Connected<A, B> extends Pair implements ConnectedStreams<A, B> {
  map<U, V = U>(left: (value: A, ctx: never) => U, right: (value: B, ctx: never) => V): Stream<Readonly<Awaited<U | V>>> {
    checkFunction('map', 'the first argument', left)
    checkFunction('map', 'the second argument', right)
    return this.operator('co-process', 'map', {
      emits: type<unknown>(),
      onLeft: emitting(left as Mapper),
      onRight: emitting(right as Mapper),
    }) as unknown as Stream<Readonly<Awaited<U | V>>>
  }

  process<Out extends Declared = never, Side extends SideTypes = {}, E extends OnError = 'fail', O extends OperatorStateDeclarations = {}>(
    fn: CoProcessFunction<A, B, Out, Side, E, O>,
  ): Output<TypeOf<Out>, Side, A | B, E> {
    return this.operator('co-process', 'process', fn) as unknown as Output<TypeOf<Out>, Side, A | B, E>
  }

  keyBy<const K extends Key>(left: (value: A) => K, right: (value: B) => Key): KeyedConnected<A, B, WidenKey<K>> {
    const { builder } = this.left
    const keyed = this.shapes.keyed(builder, keyedPorts(this.left.ports, left))
    const other = this.shapes.keyed(builder, keyedPorts(this.right.ports, right))
    return this.shapes.keyedConnected(keyed, other) as KeyedConnected<A, B, WidenKey<K>>
  }
}

type Mapper = (value: unknown, ctx: unknown) => unknown

/** A mapping as a method of a process function; what it answers may be a promise. An async function stays recognisable as one. */
function emitting(fn: Mapper): (value: unknown, ctx: { emit(value: unknown): void }) => unknown {
  if (isAsyncFunction(fn)) return async (value, ctx) => ctx.emit(await fn(value, ctx))
  return (value, ctx) => {
    const answer = fn(value, ctx)
    return isThenable(answer) ? answer.then((result) => ctx.emit(result)) : ctx.emit(answer)
  }
}

export class KeyedPair<A, B, K> extends Pair implements KeyedConnected<A, B, K> {
  process<
    S extends StateDeclarations = {},
    Out extends Declared = never,
    Side extends SideTypes = {},
    E extends OnError = 'fail',
    O extends OperatorStateDeclarations = {},
  >(fn: KeyedCoProcessFunction<A, B, K, S, Out, Side, E, O>): Output<TypeOf<Out>, Side, A | B, E> {
    return this.operator('keyed-co-process', 'process', fn) as unknown as Output<TypeOf<Out>, Side, A | B, E>
  }
}

/** A broadcast stream on its way into `connect`. */
export class Broadcast<T, B extends StateDeclarations> extends StreamBase implements BroadcastStream<T, B> {
  readonly #states: B

  constructor(shapes: Shapes, builder: GraphBuilder, ports: readonly Port[], states: B) {
    super(shapes, builder, ports, 'broadcast', 'a broadcast stream')
    this.#states = states
  }

  override get broadcastState(): B {
    return this.#states
  }
}

export class BroadcastPair<A, U, K, B extends StateDeclarations>
  extends Pair
  implements BroadcastConnected<A, U, B>, KeyedBroadcastConnected<A, U, K, B>
{
  process<
    S extends StateDeclarations = {},
    Out extends Declared = never,
    Side extends SideTypes = {},
    E extends OnError = 'fail',
    O extends OperatorStateDeclarations = {},
  >(
    fn: BroadcastProcessFunction<A, U, B, Out, Side, E, O> | KeyedBroadcastProcessFunction<A, U, K, S, B, Out, Side, E, O>,
  ): Output<TypeOf<Out>, Side, A | U, E> {
    const kind = this.left.shape === 'keyed' ? 'keyed-broadcast-process' : 'broadcast-process'
    return this.operator(kind, 'process', fn, this.right.broadcastState) as unknown as Output<TypeOf<Out>, Side, A | U, E>
  }
}
