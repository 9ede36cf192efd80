import { engineError } from '../../errors.ts'
import type { StateDeclarations } from '../state.ts'
import type { GraphBuilder, OperatorDraft, Port } from './graph-builder.ts'

/**
 * Makes the objects a user holds. Each kind of stream can lead to every other; going through this interface keeps their modules free of cycles.
 */
export interface Shapes {
  operator(builder: GraphBuilder, draft: OperatorDraft): StreamBase
  view(builder: GraphBuilder, ports: readonly Port[], what: string): StreamBase
  keyed(builder: GraphBuilder, ports: readonly Port[]): StreamBase
  broadcast(builder: GraphBuilder, ports: readonly Port[], states: StateDeclarations): StreamBase
  connected(left: StreamBase, right: StreamBase): unknown
  keyedConnected(left: StreamBase, right: StreamBase): unknown
  broadcastConnected(stream: StreamBase, broadcast: StreamBase): unknown
}

/** What all streams have: where their records come from. Settings are refused, with a clear error for those who do not compile with types. */
export class StreamBase {
  readonly builder: GraphBuilder
  readonly ports: readonly Port[]
  readonly shape: 'plain' | 'keyed' | 'broadcast'
  protected readonly shapes: Shapes
  /** What it is, for messages. */
  readonly #what: string

  constructor(shapes: Shapes, builder: GraphBuilder, ports: readonly Port[], shape: StreamBase['shape'], what: string) {
    this.shapes = shapes
    this.builder = builder
    this.ports = ports
    this.shape = shape
    this.#what = what
  }

  uid(_uid: string): unknown {
    return this.#refuse('uid')
  }
  name(_name: string): unknown {
    return this.#refuse('name')
  }
  parallelism(_subtasks: number): unknown {
    return this.#refuse('parallelism')
  }
  maxParallelism(_keyGroups: number): unknown {
    return this.#refuse('maxParallelism')
  }
  chain(_how: 'always' | 'never' | 'start'): unknown {
    return this.#refuse('chain')
  }

  #refuse(call: string): never {
    throw engineError('NOT_AN_OPERATOR', { call, view: this.#what })
  }

  /** The states of a broadcast stream. */
  get broadcastState(): StateDeclarations {
    return {}
  }
}
