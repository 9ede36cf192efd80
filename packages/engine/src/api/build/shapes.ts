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

/** What all streams have: where their records come from. */
export class StreamBase {
  readonly builder: GraphBuilder
  readonly ports: readonly Port[]
  readonly shape: 'plain' | 'keyed' | 'broadcast'
  protected readonly shapes: Shapes

  constructor(shapes: Shapes, builder: GraphBuilder, ports: readonly Port[], shape: StreamBase['shape']) {
    this.shapes = shapes
    this.builder = builder
    this.ports = ports
    this.shape = shape
  }

  /** The states of a broadcast stream. */
  get broadcastState(): StateDeclarations {
    return {}
  }
}
