import type { BrokerConfig } from '../config/index.ts'
import { ConnectionLimits, parseOverrides } from './connection-limits.ts'
import { RequestBudget } from './request-budget.ts'
import { WindowPool } from './window-pool.ts'

/** What all listeners of a broker share. */
export interface NetworkLimits {
  readonly limits: ConnectionLimits
  readonly budget: RequestBudget
  readonly windows: WindowPool
}

/** The limits as they are configured; those of connections also as they are changed while the broker runs. */
export function networkLimits(config: BrokerConfig): NetworkLimits {
  const limits = new ConnectionLimits({
    connectionsMax: () => config.get('max.connections'),
    connectionsMaxFrom: (host) =>
      parseOverrides(config.get('max.connections.per.ip.overrides')).get(host) ?? config.get('max.connections.per.ip'),
  })
  const bytesMax = config.get('queued.max.request.bytes')
  return { limits, budget: new RequestBudget(bytesMax < 0 ? Infinity : bytesMax), windows: new WindowPool() }
}
