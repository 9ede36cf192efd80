import type { Clock, Random } from '@millrace/core'
import type { LogDirectories } from '../storage/index.ts'
import { FetchSessionCache } from './apis/data/fetch-session-cache.ts'
import { LoopTurns } from './apis/data/loop-turns.ts'
import type { BrokerConfig } from './config/index.ts'
import { Faults } from './faults/faults.ts'
import { brokerGauges, type GaugeSources } from './metrics/broker-gauges.ts'
import { BrokerMetrics } from './metrics/broker-metrics.ts'
import { watchEventLoop, type EventLoopDelay } from './metrics/event-loop-delay.ts'
import type { NetworkLimits } from './network/network-limits.ts'
import type { RunningListener } from './running-listener.ts'
import type { Topics } from './topics/topics.ts'

/** What the data path of a broker keeps besides its logs. */
export interface DataParts {
  readonly fetchSessions: FetchSessionCache
  /** Of requests with much to look through. */
  readonly turns: LoopTurns
  readonly metrics: BrokerMetrics
  readonly faults: Faults
  /** Ends what the metrics have begun to measure. */
  stop(): void
}

export interface DataPartsOptions {
  readonly config: BrokerConfig
  readonly random: Random
  readonly clock: Clock
  readonly directories: LogDirectories
  readonly topics: Topics
  readonly network: NetworkLimits
  readonly listeners: readonly RunningListener[]
  readonly coordinators: GaugeSources['coordinators']
}

export function dataParts({ config, random, clock, directories, topics, network, listeners, coordinators }: DataPartsOptions): DataParts {
  const fetchSessions = new FetchSessionCache({ random, slots: config.get('max.incremental.fetch.session.cache.slots') })
  const metrics = new BrokerMetrics()
  // Measured from the first look on: who never looks does not pay.
  let eventLoop: EventLoopDelay | undefined
  const gauges = brokerGauges.bind(undefined, {
    partitions: () => topics.partitions(),
    directories,
    fetchSessions,
    budget: network.budget,
    coordinators,
    waitingConnections: () => network.waitingRoom.size,
    connections: () => listeners.map(({ name, listener }): [string, number] => [name, listener.connectionCount]),
  })
  metrics.observe({
    hasTopic: (name) => topics.named(name) !== undefined,
    gauges() {
      eventLoop ??= watchEventLoop()
      return [...gauges(), ...eventLoop.snapshot()]
    },
  })
  return { fetchSessions, turns: new LoopTurns(clock), metrics, faults: new Faults(clock), stop: () => eventLoop?.stop() }
}
