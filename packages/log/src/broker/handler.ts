/** What the handler of an API is, and what it is given. */
import type { Clock, Logger } from '@millrace/core'
import type { ApiName, ApiRequest, ApiResponseToSend } from '../protocol/index.ts'
import type { BrokerConfig } from './config/index.ts'
import type { Groups } from './apis/groups/groups.ts'
import type { FetchSessionCache } from './apis/data/fetch-session-cache.ts'
import type { LoopTurns } from './apis/data/loop-turns.ts'
import type { Cluster } from './metadata/cluster.ts'
import type { ProducerIds } from '../controller/index.ts'
import type { LogDirectories } from '../storage/index.ts'
import type { Faults } from './faults/faults.ts'
import type { BrokerMetrics } from './metrics/broker-metrics.ts'
import type { RequestMeter } from './quotas/request-meter.ts'
import type { AclOperation, ResourceType } from './security/authorizer.ts'
import type { BrokerSecurity } from './security/broker-security.ts'
import type { Endpoint } from './security/listeners.ts'
import type { ClientFacts } from './security/principal.ts'
import type { ClientSession } from './security/session.ts'
import type { Topics } from './topics/topics.ts'
import type { BrokerTransactions } from './transactions/broker-transactions.ts'

/** An API as ApiVersions tells of it. */
export interface ServedApi {
  readonly key: number
  readonly minVersion: number
  readonly maxVersion: number
}

/** What handlers know of their broker. */
export interface BrokerFacts {
  /** What it is configured to do now: `config.get('num.partitions')`. */
  readonly config: BrokerConfig
  readonly nodeId: number
  readonly clusterId: string
  /** Where clients of a listener reach it. */
  readonly advertisedOn: (listener: string) => Endpoint
  readonly clock: Clock
  readonly logger: Logger
  readonly security: BrokerSecurity
  /** The controller, configurations that are set at run time, and the coordination service under both. */
  readonly cluster: Cluster
  readonly directories: LogDirectories
  readonly topics: Topics
  readonly producerIds: ProducerIds
  readonly groups: Groups
  readonly transactions: BrokerTransactions
  readonly fetchSessions: FetchSessionCache
  readonly turns: LoopTurns
  readonly metrics: BrokerMetrics
  readonly faults: Faults
  readonly servedApis: readonly ServedApi[]
}

/** The connection that a request came by. */
export interface RequestOrigin {
  readonly session: ClientSession
  readonly signal: AbortSignal
  /** Takes no more requests for so long; what is under way is answered. */
  mute(delayMs: number): void
  /** Begins no other request until the result is called: where what must keep their order needs more than one turn. */
  hold(): () => void
  /** Closes the connection once what is under way is answered. */
  end(): void
}

export interface RequestContext {
  readonly broker: BrokerFacts
  readonly version: number
  /** Whose request it is. */
  readonly client: ClientFacts
  /** Where clients of the same listener reach this broker. */
  readonly advertised: Endpoint
  /** Whether the client may do this to the resource; of type Cluster the name is `CLUSTER_NAME`. */
  readonly allows: (operation: AclOperation, resource: ResourceType, name: string) => boolean
  /** Whether there is any resource of the type that it may do this to. */
  readonly allowsSome: (operation: AclOperation, resource: ResourceType) => boolean
  /**
   * Counts partitions that are about to be made or deleted against the client's quota (KIP-599). False: the topic is to be refused with
   * THROTTLING_QUOTA_EXCEEDED.
   */
  readonly takeMutations: (count: number) => boolean
  /** Where anybody has a quota. */
  readonly meter: RequestMeter | undefined
  /** Aborted when the client has gone or the broker stops: nothing should wait any longer. */
  readonly signal: AbortSignal
  readonly origin: RequestOrigin
}

/** `none`: the client expects no response. `close`: it is told by the end of the connection. */
export type Reply<N extends ApiName> = ApiResponseToSend<N> | 'none' | 'close'

export interface ApiHandler<N extends ApiName> {
  readonly name: N
  /** The lowest version that is advertised, where it is not the lowest that is served. */
  readonly advertisedMinVersion?: number
  /** Begins while earlier requests of the same kind are under way on the connection: what must keep their order happens before the first await, or while the connection is held. */
  readonly isPipelined?: true
  /** Byte arrays of the request may be kept and changed. What it throws closes the connection. */
  handle(request: ApiRequest<N>, context: RequestContext): Reply<N> | Promise<Reply<N>>
}
