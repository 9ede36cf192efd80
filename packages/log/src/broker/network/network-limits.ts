import type { Clock } from '@millrace/core'
import type { BrokerConfig } from '../config/index.ts'
import { listenerPrefix } from '../security/listeners.ts'
import { ConnectionLimits, parseOverrides } from './connection-limits.ts'
import { RequestBudget } from './request-budget.ts'
import { WaitingRoom } from './waiting-room.ts'
import { WindowPool } from './window-pool.ts'

/** What all listeners of a broker share. */
export interface NetworkLimits {
  readonly limits: ConnectionLimits
  readonly waitingRoom: WaitingRoom
  readonly budget: RequestBudget
  readonly windows: WindowPool
}

/** The limits as they are configured; those of connections also as they are changed while the broker runs. */
export function networkLimits(config: BrokerConfig, clock: Clock): NetworkLimits {
  const limits = new ConnectionLimits({
    connectionsMaxOf: (listener) => config.get('max.connections', listenerPrefix(listener)),
    connectionsMaxFrom: (host) =>
      parseOverrides(config.get('max.connections.per.ip.overrides')).get(host) ?? config.get('max.connections.per.ip'),
  })
  const waitingRoom = new WaitingRoom({
    clock,
    hasRoom: () => limits.count < config.get('max.connections'),
    hasRoomAt: (listener) => limits.hasRoomAt(listener),
    rateMax: () => config.get('max.connection.creation.rate'),
    rateMaxOf: (listener) => config.ownOf('max.connection.creation.rate', listenerPrefix(listener)),
    window: { windows: config.get('quota.window.num'), windowMs: config.get('quota.window.size.seconds') * 1000 },
    sizeMax: config.get('socket.listen.backlog.size'),
  })
  const bytesMax = config.get('queued.max.request.bytes')
  return { limits, waitingRoom, budget: new RequestBudget(bytesMax < 0 ? Infinity : bytesMax, clock), windows: new WindowPool() }
}
