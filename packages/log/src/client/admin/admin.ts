/** What is administered of topics, configurations and the cluster. Answers that a retry may mend are tried again for `apiTimeoutMs`. */
import type { MillraceError } from '@millrace/core'
import { ERROR_CODE, type ApiName, type ApiRequestToSend, type ApiResponse } from '../../protocol/index.ts'
import { clientError, refusal } from '../errors.ts'
import type { Cluster } from '../metadata/cluster.ts'
import type { TopicView } from '../metadata/cluster-view.ts'
import { GroupAdmin } from './group-admin.ts'
import type { Coordinators } from '../metadata/coordinators.ts'
import { listOffsets, type FoundOffset, type OffsetQuery } from './list-offsets.ts'

/** A topic to be made; `configs` are its settings by Kafka's names, the cluster's for the rest. */
export interface NewTopic {
  readonly name: string
  /** `num.partitions` of the cluster by default. */
  readonly partitions?: number
  /** `default.replication.factor` of the cluster by default. */
  readonly replicationFactor?: number
  /** Brokers by partition; then the two above are not given. */
  readonly assignment?: readonly (readonly number[])[]
  readonly configs?: Readonly<Record<string, string>>
}

/** What settings belong to. Kafka's `ConfigResource.Type`, in lower case. */
export type ConfigResourceType = 'topic' | 'broker' | 'broker-logger' | 'group' | 'client-metrics'

const RESOURCE_TYPE: { readonly [T in ConfigResourceType]: number } = {
  topic: 2,
  broker: 4,
  'broker-logger': 8,
  'client-metrics': 16,
  group: 32,
}

const CONFIG_SOURCES = [
  'unknown',
  'topic',
  'dynamic-broker',
  'dynamic-default',
  'static',
  'default',
  'dynamic-logger',
  'client-metrics',
  'group',
] as const

/** A setting as it holds, and where its value comes from: `source` is Kafka's `ConfigSource`, shortened. */
export interface ConfigEntry {
  readonly name: string
  /** Null for secrets, and for what is unset. */
  readonly value: string | null
  readonly source: (typeof CONFIG_SOURCES)[number]
  readonly isReadOnly: boolean
  readonly isSensitive: boolean
}

/** One change of `incrementalAlterConfigs` (KIP-339); `value` is left out for `delete`. */
export interface ConfigChange {
  readonly name: string
  /** `append` and `subtract` change lists. `delete` goes back to the default. */
  readonly operation: 'set' | 'delete' | 'append' | 'subtract'
  readonly value?: string
}

const OPERATION = { set: 0, delete: 1, append: 2, subtract: 3 } as const

/** A cluster and its brokers; `controllerId` is -1 while there is none. */
export interface ClusterDescription {
  readonly clusterId: string
  readonly controllerId: number
  readonly brokers: readonly { readonly id: number; readonly host: string; readonly port: number; readonly rack: string | null }[]
}

const TIMEOUT_MS = 30_000

/** Looks at and changes topics, settings and groups; `LogClient.admin`. What a retry may mend is tried again for `apiTimeoutMs`. */
export class Admin {
  readonly groups: GroupAdmin
  readonly #cluster: Cluster

  constructor(cluster: Cluster, coordinators: Coordinators) {
    this.#cluster = cluster
    this.groups = new GroupAdmin(cluster, coordinators)
  }

  async describeCluster(): Promise<ClusterDescription> {
    await this.#cluster.patiently(() => this.#cluster.refresh([]))
    const { clusterId, controllerId, nodes } = this.#cluster.view
    return { clusterId: clusterId ?? '', controllerId, brokers: [...nodes.values()] }
  }

  /** All topics, internal ones too, with leaders and replicas. */
  async listTopics(): Promise<readonly TopicView[]> {
    await this.#cluster.patiently(() => this.#cluster.refresh(null))
    return [...this.#cluster.view.topics()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** One topic as it is now. @throws `CLIENT_TOPIC_UNKNOWN` */
  async describeTopic(name: string): Promise<TopicView> {
    await this.#cluster.refresh([name])
    return await this.#cluster.topic(name, { waitMs: 0 })
  }

  /** Makes topics; those that could be made are, also where others were refused. @throws `CLIENT_REFUSED` for the first of those */
  async createTopics(topics: readonly NewTopic[], options: { readonly validateOnly?: boolean } = {}): Promise<void> {
    const request = {
      topics: topics.map(({ name, partitions, replicationFactor, assignment, configs = {} }) => ({
        name,
        numPartitions: assignment === undefined ? (partitions ?? -1) : -1,
        replicationFactor: assignment === undefined ? (replicationFactor ?? -1) : -1,
        assignments: (assignment ?? []).map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds })),
        configs: Object.entries(configs).map(([config, value]) => ({ name: config, value })),
      })),
      timeoutMs: TIMEOUT_MS,
      validateOnly: options.validateOnly ?? false,
    }
    const { topics: answers } = await this.#askController('CreateTopics', request, ({ topics: list }) =>
      list.map(({ errorCode }) => errorCode),
    )
    this.#checkEach(
      'CreateTopics',
      answers.map((answer) => ({ ...answer, subject: `topic ${answer.name}`, details: { topic: answer.name } })),
    )
    if (options.validateOnly !== true) await Promise.all(topics.map(({ name }) => this.#cluster.topic(name)))
  }

  /** @throws `CLIENT_REFUSED` for the first topic that was not deleted */
  async deleteTopics(names: readonly string[]): Promise<void> {
    const nodes = await this.#cluster.nodeIds()
    const connection = await this.#cluster.link(nodes[0]!).connection()
    const byName =
      (connection.versions.common('DeleteTopics') ?? 0) >= 6
        ? { topics: names.map((name) => ({ name, topicId: new Uint8Array(16) })) }
        : { topicNames: names }
    const request = { ...byName, timeoutMs: TIMEOUT_MS }
    const { responses } = await this.#askController('DeleteTopics', request, ({ responses: list }) =>
      list.map(({ errorCode }) => errorCode),
    )
    this.#checkEach(
      'DeleteTopics',
      responses.map((answer) => ({ ...answer, subject: `topic ${answer.name}`, details: { topic: answer.name ?? '' } })),
    )
    await this.#cluster.refresh(names)
  }

  /** Adds partitions up to `count`. */
  async createPartitions(topic: string, count: number): Promise<void> {
    const request = { topics: [{ name: topic, count, assignments: null }], timeoutMs: TIMEOUT_MS, validateOnly: false }
    const { results } = await this.#askController('CreatePartitions', request, ({ results: list }) =>
      list.map(({ errorCode }) => errorCode),
    )
    this.#checkEach(
      'CreatePartitions',
      results.map((answer) => ({ ...answer, subject: `topic ${answer.name}`, details: { topic: answer.name } })),
    )
    await this.#cluster.refresh([topic])
  }

  async describeConfigs(type: ConfigResourceType, name: string): Promise<readonly ConfigEntry[]> {
    const request = {
      resources: [{ resourceType: RESOURCE_TYPE[type], resourceName: name, configurationKeys: null }],
      includeSynonyms: false,
      includeDocumentation: false,
    }
    const { results } = await this.#askResource(type, name, 'DescribeConfigs', request, ({ results: list }) =>
      list.map(({ errorCode }) => errorCode),
    )
    this.#checkEach(
      'DescribeConfigs',
      results.map((answer) => ({ ...answer, subject: `${type} ${name}`, details: { [type]: name } })),
    )
    return (results[0]?.configs ?? []).map((config) => ({
      name: config.name,
      value: config.value,
      source: CONFIG_SOURCES[config.configSource] ?? 'unknown',
      isReadOnly: config.readOnly,
      isSensitive: config.isSensitive,
    }))
  }

  /** All changes, or none. */
  async alterConfigs(
    type: ConfigResourceType,
    name: string,
    changes: readonly ConfigChange[],
    options: { readonly validateOnly?: boolean } = {},
  ): Promise<void> {
    const configs = changes.map((change) => ({
      name: change.name,
      configOperation: OPERATION[change.operation],
      value: change.value ?? null,
    }))
    const request = {
      resources: [{ resourceType: RESOURCE_TYPE[type], resourceName: name, configs }],
      validateOnly: options.validateOnly ?? false,
    }
    const { responses } = await this.#askResource(type, name, 'IncrementalAlterConfigs', request, ({ responses: list }) =>
      list.map(({ errorCode }) => errorCode),
    )
    this.#checkEach(
      'IncrementalAlterConfigs',
      responses.map((answer) => ({ ...answer, subject: `${type} ${name}`, details: { [type]: name } })),
    )
  }

  /**
   * Offsets by time, and the first and the end of partitions, in the order of the queries. `isolation`: whose end, `read_uncommitted` by default, as with Kafka.
   * @throws `CLIENT_OPTION`, `CLIENT_*`
   */
  async listOffsets(queries: readonly OffsetQuery[], isolation?: 'read_committed' | 'read_uncommitted'): Promise<readonly FoundOffset[]> {
    return await listOffsets(this.#cluster, queries, isolation)
  }

  /** Deletes the records before an offset, -1 for all. Answers the partition's new first offset. */
  async deleteRecords(topic: string, partition: number, offset: number): Promise<number> {
    const { clock, apiTimeoutMs } = this.#cluster.settings
    const deadlineMs = clock.monotonic() + apiTimeoutMs
    for (let attempt = 1; ; attempt++) {
      const { leader } = await this.#cluster.leader(topic, partition)
      const link = this.#cluster.link(leader)
      const { topics } = await link.ask('DeleteRecords', {
        topics: [{ name: topic, partitions: [{ partitionIndex: partition, offset }] }],
        timeoutMs: TIMEOUT_MS,
      })
      const answer = topics[0]?.partitions[0]
      const code = answer?.errorCode ?? ERROR_CODE.UNKNOWN_SERVER_ERROR
      if (answer !== undefined && code === ERROR_CODE.NONE) return answer.lowWatermark
      const problem = refusal({
        api: 'DeleteRecords',
        subject: `${topic}-${partition}`,
        broker: link.broker,
        errorCode: code,
        details: { topic, partition, offset },
      })
      if (!problem.retry || clock.monotonic() >= deadlineMs) throw problem
      this.#cluster.view.invalidate(topic, partition)
      await this.#cluster.backOff(attempt)
    }
  }

  /** Any API by itself, at any broker or the one named, at the newest common version: for what has no method here. */
  async ask<N extends ApiName>(api: N, request: ApiRequestToSend<N>, nodeId?: number): Promise<ApiResponse<N>> {
    return nodeId === undefined ? await this.#cluster.askAny(api, request) : await this.#cluster.ask(nodeId, api, request)
  }

  /** Asks the controller, again where it has moved. */
  async #askController<N extends ApiName>(
    api: N,
    request: ApiRequestToSend<N>,
    codesOf: (response: ApiResponse<N>) => readonly number[],
  ): Promise<ApiResponse<N>> {
    const { clock, apiTimeoutMs } = this.#cluster.settings
    const deadlineMs = clock.monotonic() + apiTimeoutMs
    for (let attempt = 1; ; attempt++) {
      await this.#cluster.nodeIds()
      const { controllerId, nodes } = this.#cluster.view
      const response = nodes.has(controllerId)
        ? await this.#cluster.ask(controllerId, api, request)
        : await this.#cluster.askAny(api, request)
      const isMoved = codesOf(response).includes(ERROR_CODE.NOT_CONTROLLER)
      if (!isMoved || clock.monotonic() >= deadlineMs) return response
      await this.#cluster.backOff(attempt)
      await this.#cluster.refresh([])
    }
  }

  /** A broker's own settings are asked of that broker, all others of any. */
  async #askResource<N extends ApiName>(
    type: ConfigResourceType,
    name: string,
    api: N,
    request: ApiRequestToSend<N>,
    codesOf: (response: ApiResponse<N>) => readonly number[],
  ): Promise<ApiResponse<N>> {
    if ((type !== 'broker' && type !== 'broker-logger') || name === '') return await this.#askController(api, request, codesOf)
    const ids = await this.#cluster.nodeIds()
    if (!ids.includes(Number(name)))
      throw clientError('CLIENT_OPTION', { option: 'broker', expected: `be one of ${ids.join(', ')}`, value: name })
    return await this.#cluster.ask(Number(name), api, request)
  }

  #checkEach(
    api: string,
    answers: readonly {
      readonly errorCode: number
      readonly errorMessage: string | null
      readonly subject: string
      readonly details: Record<string, string>
    }[],
  ): void {
    const broker = this.#cluster.describe(this.#cluster.view.controllerId)
    const refused = answers.find(({ errorCode }) => errorCode !== ERROR_CODE.NONE)
    if (refused === undefined) return
    const { errorCode, errorMessage: message, subject, details } = refused
    throw refusal({ api, subject, broker, errorCode, message, details }) satisfies MillraceError
  }
}
