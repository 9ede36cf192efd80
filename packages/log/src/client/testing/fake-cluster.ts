/**
 * A cluster in memory that is as unreliable as it may be: leaders move, answers are errors before or after the fact, sessions are forgotten. What it says it keeps, it
 * keeps. It knows what the client's tests ask for and no more.
 */
import type { Clock, Connection, Network } from '@millrace/core'
import type { SeededRandom } from '@millrace/testkit'
import {
  apiByName,
  decodeRequest,
  encodeResponse,
  ERROR_CODE,
  FrameSplitter,
  readRequest,
  type ApiName,
  type ApiRequest,
  type ApiResponseToSend,
} from '../../protocol/index.ts'
import { FakePartition } from './fake-partition.ts'
import { FakeTransactions } from './fake-transactions.ts'

export interface FakeClusterOptions {
  readonly nodes: number
  readonly partitions: number
  readonly transactionVersion: 1 | 2
  /** That a request is answered by an error, before or after it took effect. */
  readonly errorChance: number
}

type Served =
  | 'ApiVersions'
  | 'Metadata'
  | 'Produce'
  | 'Fetch'
  | 'ListOffsets'
  | 'InitProducerId'
  | 'FindCoordinator'
  | 'AddPartitionsToTxn'
  | 'EndTxn'
  | 'OffsetForLeaderEpoch'
  | 'AddOffsetsToTxn'
  | 'TxnOffsetCommit'

const SERVED: readonly Served[] = [
  'ApiVersions',
  'Metadata',
  'Produce',
  'Fetch',
  'ListOffsets',
  'InitProducerId',
  'FindCoordinator',
  'AddPartitionsToTxn',
  'EndTxn',
  'OffsetForLeaderEpoch',
  'AddOffsetsToTxn',
  'TxnOffsetCommit',
]

type Answer = ApiResponseToSend<ApiName> | undefined

type FetchedPartition = ApiResponseToSend<'Fetch'>['responses'][number]['partitions'][number] & { readonly records: Uint8Array }

export const TOPIC = 'topic'
/** Nobody may see it. */
export const FORBIDDEN_TOPIC = 'forbidden'
const TOPIC_ID = new Uint8Array(16).fill(7)
const PORT = 9092

export class FakeCluster {
  readonly partitions: readonly FakePartition[]
  readonly #clock: Clock
  readonly #random: SeededRandom
  readonly #options: FakeClusterOptions
  readonly #transactions: FakeTransactions
  readonly #sessions = new Map<number, Map<number, number>>()
  #nextSession = 1
  errorChance: number
  /** What happened, to be sure that something did. */
  readonly counts = { duplicates: 0, leaderMoves: 0, errors: 0, refused: 0 }

  constructor(clock: Clock, random: SeededRandom, network: Network, options: FakeClusterOptions) {
    this.#clock = clock
    this.#random = random
    this.#options = options
    this.errorChance = options.errorChance
    this.partitions = Array.from({ length: options.partitions }, (_, index) => new FakePartition(index % options.nodes))
    this.#transactions = new FakeTransactions(options.transactionVersion, this.partitions, () => this.#fails())
    for (let node = 0; node < options.nodes; node++) {
      void network.listen({ host: 'simulated', port: PORT + node }, (connection) => this.#serve(node, connection))
    }
  }

  get bootstrap(): string {
    return `simulated:${PORT}`
  }

  /** One partition has another leader from now on. */
  moveLeader(): void {
    const partition = this.#random.pick(this.partitions)
    partition.leader = (partition.leader + 1) % this.#options.nodes
    partition.leaderEpoch++
    this.counts.leaderMoves++
  }

  forgetSessions(): void {
    this.#sessions.clear()
  }

  #serve(node: number, connection: Connection): void {
    const splitter = new FrameSplitter(1 << 24)
    let last: Promise<void> = Promise.resolve()
    let isOpen = true
    connection.onClose(() => (isOpen = false))
    connection.onData((bytes) => {
      splitter.push(Buffer.from(bytes))
      for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) {
        const request = frame
        last = last.then(async () => {
          if (!isOpen) return
          const { api, version, correlationId, body } = readRequest(request)
          const name = api.name as Served
          const answer = await this.#answer(node, name, version, decodeRequest(name, version, body))
          if (answer !== undefined && isOpen) connection.send(Buffer.concat(encodeResponse(name, version, correlationId, answer)))
        })
      }
    })
  }

  async #answer(node: number, name: Served, version: number, request: unknown): Promise<Answer> {
    switch (name) {
      case 'ApiVersions':
        return this.#apiVersions()
      case 'Metadata':
        return this.#metadata(request as ApiRequest<'Metadata'>)
      case 'Produce':
        return this.#produce(node, version, request as ApiRequest<'Produce'>)
      case 'Fetch':
        return await this.#fetch(node, request as ApiRequest<'Fetch'>)
      case 'ListOffsets':
        return this.#listOffsets(node, request as ApiRequest<'ListOffsets'>)
      case 'InitProducerId':
        return this.#transactions.initProducerId(request as ApiRequest<'InitProducerId'>)
      case 'FindCoordinator':
        return this.#findCoordinator(request as ApiRequest<'FindCoordinator'>)
      case 'AddPartitionsToTxn':
        return this.#transactions.addPartitions(request as ApiRequest<'AddPartitionsToTxn'>)
      case 'EndTxn':
        return this.#transactions.end(request as ApiRequest<'EndTxn'>)
      case 'OffsetForLeaderEpoch':
        return this.#endOfEpoch(request as ApiRequest<'OffsetForLeaderEpoch'>)
      case 'AddOffsetsToTxn':
      case 'TxnOffsetCommit':
        throw new Error(`the fake cluster keeps no offsets: ${name}`)
    }
  }

  #fails(): boolean {
    const isFailure = this.#random.chance(this.errorChance)
    if (isFailure) this.counts.errors++
    return isFailure
  }

  #apiVersions(): ApiResponseToSend<'ApiVersions'> {
    const apiKeys = SERVED.map((name) => {
      const { key, minVersion, maxVersion } = apiByName(name)
      return { apiKey: key, minVersion, maxVersion }
    })
    const level = {
      name: 'transaction.version',
      maxVersionLevel: this.#options.transactionVersion,
      minVersionLevel: this.#options.transactionVersion,
    }
    return { errorCode: 0, apiKeys, finalizedFeaturesEpoch: 1, finalizedFeatures: [level] }
  }

  #metadata({ topics: asked }: ApiRequest<'Metadata'>): ApiResponseToSend<'Metadata'> {
    const isStale = this.#fails()
    const brokers = Array.from({ length: this.#options.nodes }, (_, nodeId) => ({ nodeId, host: 'simulated', port: PORT + nodeId }))
    const partitions = this.partitions.map(({ leader, leaderEpoch }, partitionIndex) => ({
      errorCode: 0,
      partitionIndex,
      leaderId: isStale ? (leader + 1) % this.#options.nodes : leader,
      leaderEpoch: isStale ? Math.max(0, leaderEpoch - 1) : leaderEpoch,
      replicaNodes: [leader],
      isrNodes: [leader],
    }))
    const others = (asked ?? []).flatMap(({ name }) => (name === null || name === TOPIC ? [] : [name]))
    const errorOf = (name: string): number =>
      name === FORBIDDEN_TOPIC ? ERROR_CODE.TOPIC_AUTHORIZATION_FAILED : ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION
    const missing = others.map((name) => ({ errorCode: errorOf(name), name, partitions: [] }))
    const topics = [{ errorCode: 0, name: TOPIC, topicId: TOPIC_ID, partitions }, ...missing]
    return { brokers, clusterId: 'fake', controllerId: 0, topics }
  }

  #produce(node: number, version: number, request: ApiRequest<'Produce'>): ApiResponseToSend<'Produce'> {
    const responses = request.topicData.map(({ partitionData }) => ({
      name: TOPIC,
      topicId: TOPIC_ID,
      partitionResponses: partitionData.map(({ index, records }) => {
        const partition = this.partitions[index]!
        const refuse = (errorCode: number): { index: number; errorCode: number; baseOffset: number } => {
          this.counts.refused++
          return { index, errorCode, baseOffset: -1 }
        }
        if (partition.leader !== node) return refuse(ERROR_CODE.NOT_LEADER_OR_FOLLOWER)
        if (this.#fails()) return refuse(ERROR_CODE.NOT_ENOUGH_REPLICAS)
        if (request.transactionalId !== null) {
          const problem = this.#transactions.write(request.transactionalId, partition, records!, version)
          if (problem !== ERROR_CODE.NONE) return refuse(problem)
        }
        const before = partition.end
        const { errorCode, baseOffset } = partition.append(records!)
        if (errorCode === ERROR_CODE.NONE && partition.end === before) this.counts.duplicates++
        if (errorCode === ERROR_CODE.NONE && this.#fails()) return refuse(ERROR_CODE.REQUEST_TIMED_OUT)
        return { index, errorCode, baseOffset }
      }),
    }))
    return { responses }
  }

  async #fetch(node: number, request: ApiRequest<'Fetch'>): Promise<ApiResponseToSend<'Fetch'>> {
    const session = this.#session(request)
    if (session === undefined) return { errorCode: ERROR_CODE.FETCH_SESSION_ID_NOT_FOUND, responses: [] }
    const look = (): FetchedPartition[] =>
      [...session.offsets].map(([index, offset]) => this.#read(node, index, offset, request.isolationLevel === 1, request.maxBytes))
    let answers = look()
    if (answers.every(({ errorCode, records }) => errorCode === ERROR_CODE.NONE && records.length === 0)) {
      await new Promise<void>((resolve) => void this.#clock.after(request.maxWaitMs, resolve))
      answers = look()
    }
    const partitions = answers.filter(({ errorCode, records }) => session.isFull || errorCode !== ERROR_CODE.NONE || records.length > 0)
    return { errorCode: 0, sessionId: session.id, responses: [{ topic: TOPIC, topicId: TOPIC_ID, partitions }] }
  }

  #session(
    request: ApiRequest<'Fetch'>,
  ): { readonly id: number; readonly isFull: boolean; readonly offsets: Map<number, number> } | undefined {
    const isFull = request.sessionEpoch <= 0
    const id = isFull ? this.#nextSession++ : request.sessionId
    const offsets = isFull ? new Map<number, number>() : this.#sessions.get(id)
    if (offsets === undefined) return undefined
    for (const { partitions } of request.forgottenTopicsData) for (const index of partitions) offsets.delete(index)
    for (const { partitions } of request.topics) for (const { partition, fetchOffset } of partitions) offsets.set(partition, fetchOffset)
    this.#sessions.set(id, offsets)
    return { id, isFull, offsets }
  }

  #read(node: number, partitionIndex: number, offset: number, isCommitted: boolean, bytesMax: number): FetchedPartition {
    const partition = this.partitions[partitionIndex]!
    const empty = { partitionIndex, highWatermark: -1, abortedTransactions: null, records: new Uint8Array(0) }
    if (partition.leader !== node) return { ...empty, errorCode: ERROR_CODE.NOT_LEADER_OR_FOLLOWER }
    if (this.#fails()) return { ...empty, errorCode: ERROR_CODE.KAFKA_STORAGE_ERROR }
    if (offset > partition.end) return { ...empty, errorCode: ERROR_CODE.OFFSET_OUT_OF_RANGE }
    const end = isCommitted ? partition.lastStableOffset : partition.end
    const records = partition.read(offset, end, Math.min(bytesMax, 2000))
    const abortedTransactions = isCommitted
      ? partition.aborted.filter(({ lastOffset, firstOffset }) => lastOffset >= offset && firstOffset < end)
      : null
    return {
      partitionIndex,
      errorCode: 0,
      highWatermark: partition.end,
      lastStableOffset: partition.lastStableOffset,
      abortedTransactions,
      records,
    }
  }

  #listOffsets(node: number, request: ApiRequest<'ListOffsets'>): ApiResponseToSend<'ListOffsets'> {
    const topics = request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, timestamp }) => {
        const partition = this.partitions[partitionIndex]!
        if (partition.leader !== node) return { partitionIndex, errorCode: ERROR_CODE.NOT_LEADER_OR_FOLLOWER }
        return {
          partitionIndex,
          errorCode: 0,
          offset: timestamp === -2 ? 0 : partition.end,
          timestamp: -1,
          leaderEpoch: partition.leaderEpoch,
        }
      }),
    }))
    return { topics }
  }

  #endOfEpoch(request: ApiRequest<'OffsetForLeaderEpoch'>): ApiResponseToSend<'OffsetForLeaderEpoch'> {
    const topics = request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition, leaderEpoch }) => ({
        errorCode: 0,
        partition,
        leaderEpoch,
        endOffset: this.partitions[partition]!.endOfEpoch(leaderEpoch),
      })),
    }))
    return { topics }
  }

  #findCoordinator(request: ApiRequest<'FindCoordinator'>): ApiResponseToSend<'FindCoordinator'> {
    const errorCode = this.#fails() ? ERROR_CODE.COORDINATOR_NOT_AVAILABLE : ERROR_CODE.NONE
    return {
      coordinators: request.coordinatorKeys.map((key) => ({
        key,
        nodeId: 0,
        host: 'simulated',
        port: PORT,
        errorCode,
        errorMessage: null,
      })),
    }
  }
}
