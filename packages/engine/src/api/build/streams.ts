import { Broadcast, BroadcastPair, Connected, KeyedPair } from './connected.ts'
import { Keyed } from './keyed.ts'
import { OperatorStream } from './operator-stream.ts'
import type { Shapes } from './shapes.ts'
import { View } from './view.ts'

/** All kinds of stream there are. */
export const shapes: Shapes = {
  operator: (builder, draft) => new OperatorStream(shapes, builder, draft),
  view: (builder, ports, what) => new View(shapes, builder, ports, what),
  keyed: (builder, ports) => new Keyed(shapes, builder, ports),
  broadcast: (builder, ports, states) => new Broadcast(shapes, builder, ports, states),
  connected: (left, right) => new Connected(shapes, left, right),
  keyedConnected: (left, right) => new KeyedPair(shapes, left, right),
  broadcastConnected: (stream, broadcast) => new BroadcastPair(shapes, stream, broadcast),
}
