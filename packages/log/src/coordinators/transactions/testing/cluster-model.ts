/**
 * A cluster small enough to think about: partitions in memory, one partition of the transaction log, and coordinators over it that
 * crash, are replaced, or live on without knowing that they have been; requests and answers get lost, late and repeated.
 */
import type { SeededRandom, VirtualClock } from '@millrace/testkit'
import { MillraceError } from '@millrace/core'
import { ERROR_CODE } from '../../../protocol/index.ts'
import { buildBatch } from '../../../records/index.ts'
import { MemoryLog, type AppendFate } from '../../framework/testing/memory-log.ts'
import type { MarkersRequest, MarkersResponse } from '../marker-sender.ts'
import { TransactionCoordinator } from '../transaction-coordinator.ts'
import { recordOf, transactionFormat } from '../transaction-log.ts'
import type { Transaction } from '../transaction.ts'
import { guardMarker, TransactionalWrites } from '../transactional-writes.ts'
import { PartitionModel } from './partition-model.ts'

/** How often things go wrong; 0 to 1 each. */
export interface Weather {
  readonly requestLost: number
  readonly answerLost: number
  /** The client hears nothing, and the request is carried out long after. */
  readonly requestLate: number
  readonly markerRepeatedLate: number
  readonly noLeader: number
  readonly appendFails: number
  /** The coordinator is replaced while an append, or markers, are on their way. */
  readonly crash: number
}

export const CALM: Weather = { requestLost: 0, answerLost: 0, requestLate: 0, markerRepeatedLate: 0, noLeader: 0, appendFails: 0, crash: 0 }

/** An answer that did not come. */
export const LOST = 'lost'

/** What happened how often, so that a run that proves nothing is noticed. */
export type Counts = Map<string, number>

const codes: { readonly [code: string]: number } = {
  COORDINATOR_LOADING: ERROR_CODE.COORDINATOR_LOAD_IN_PROGRESS,
  COORDINATOR_UNAVAILABLE: ERROR_CODE.COORDINATOR_NOT_AVAILABLE,
  COORDINATOR_NOT_HERE: ERROR_CODE.NOT_COORDINATOR,
  PRODUCER_FENCED: ERROR_CODE.INVALID_PRODUCER_EPOCH,
  PRODUCER_COORDINATOR_FENCED: ERROR_CODE.TRANSACTION_COORDINATOR_FENCED,
  PRODUCER_OUT_OF_ORDER: ERROR_CODE.OUT_OF_ORDER_SEQUENCE_NUMBER,
  PRODUCER_TRANSACTION_STATE: ERROR_CODE.INVALID_TXN_STATE,
  STORAGE_UNAVAILABLE: ERROR_CODE.KAFKA_STORAGE_ERROR,
}

export function simulatedErrorCode(error: unknown): number {
  const code = error instanceof MillraceError ? codes[error.code] : undefined
  if (code === undefined) throw error
  return code
}

export class ClusterModel {
  readonly clock: VirtualClock
  readonly random: SeededRandom
  readonly counts: Counts
  readonly partitions: readonly PartitionModel[]
  readonly #log: Uint8Array[] = []
  weather: Weather
  #leaderEpoch = 0
  #memoryLog: MemoryLog
  #coordinators: TransactionCoordinator[] = []
  #writes: TransactionalWrites
  #nextProducerId = 1000

  constructor(clock: VirtualClock, random: SeededRandom, counts: Counts, weather: Weather, known: readonly Transaction[]) {
    this.clock = clock
    this.random = random
    this.counts = counts
    this.weather = weather
    this.partitions = [0, 1, 2].map((partition) => new PartitionModel('data', partition, clock, random.fork()))
    for (const one of known) this.#log.push(buildBatch([{ ...transactionFormat.encode(recordOf(one)), timestamp: clock.now() }]).whole)
    this.#memoryLog = this.#openLog()
    this.#writes = this.#lead()
  }

  count(event: string): void {
    this.counts.set(event, (this.counts.get(event) ?? 0) + 1)
  }

  get coordinator(): TransactionCoordinator {
    return this.#coordinators.at(-1)!
  }

  /** Of the leader of all data partitions, which lives as long as the coordinator beside it. */
  get writes(): TransactionalWrites {
    return this.#writes
  }

  /** Another coordinator takes over. The one before either crashes, or goes on for a while as if nothing had happened. */
  replaceCoordinator(): void {
    const before = this.coordinator
    this.#memoryLog.isFenced = true
    this.#leaderEpoch++
    this.#memoryLog = this.#openLog()
    this.#writes = this.#lead()
    if (this.random.chance(0.5)) {
      this.count('coordinator crashed')
      before.close()
    } else {
      this.count('coordinator lived on')
      this.clock.after(this.random.between(1, 500), () => before.close())
    }
  }

  /** A request of a client: lost, answered into the void, or, where `mayBeLate`, carried out long after its client has given it up. */
  async request<T>(work: () => Promise<T>, mayBeLate: boolean): Promise<T | typeof LOST> {
    await this.#travel()
    if (this.random.chance(this.weather.requestLost)) return await this.#silence('request lost')
    if (mayBeLate && this.random.chance(this.weather.requestLate)) {
      this.clock.after(this.random.between(1, 200), () => void work().catch(simulatedErrorCode))
      return await this.#silence('request late')
    }
    const answer = await work()
    await this.#travel()
    return this.random.chance(this.weather.answerLost) ? await this.#silence('answer lost') : answer
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.after(ms, resolve))
  }

  close(): void {
    for (const one of this.#coordinators) one.close()
  }

  #openLog(): MemoryLog {
    const { clock, random } = this
    return new MemoryLog({
      clock,
      batches: this.#log,
      leaderEpoch: this.#leaderEpoch,
      delayMs: () => random.between(0, 2),
      fate: () => this.#fate(),
    })
  }

  #fate(): AppendFate {
    this.#mayCrash('between an append and its answer')
    if (!this.random.chance(this.weather.appendFails)) return 'acknowledged'
    const fate = this.random.pick(['refused', 'unacknowledged', 'torn'] as const)
    this.count(`log append ${fate}`)
    return fate
  }

  #lead(): TransactionalWrites {
    const { clock, random } = this
    const settings = { timeoutMaxMs: 60_000, idExpirationMs: 1e9, abortIntervalMs: 100, expireIntervalMs: 1e6, patienceMs: 100 }
    const coordinator = new TransactionCoordinator({
      clock,
      random: random.fork(),
      settings: () => settings,
      partitionCount: () => 1,
      takeProducerId: () => Promise.resolve(this.#nextProducerId++),
      markers: {
        leaderOf: () => (random.chance(this.weather.noLeader) ? 'none' : 1),
        send: (_, request) => this.#sendMarkers(request),
      },
      onNotice: ({ kind, ...notice }) => {
        if (kind === 'fault') throw new Error('a fault of the coordinator', { cause: notice.error })
      },
    })
    coordinator.load(0, this.#memoryLog)
    this.#coordinators.push(coordinator)
    const asked = {
      addPartitions: (...question: Parameters<TransactionCoordinator['addPartitions']>) =>
        this.#asked(() => coordinator.addPartitions(...question)),
      verifyPartitions: (...question: Parameters<TransactionCoordinator['verifyPartitions']>) =>
        this.#asked(() => coordinator.verifyPartitions(...question)),
    }
    return new TransactionalWrites(asked, simulatedErrorCode)
  }

  /** A leader of data asks a coordinator somewhere else. */
  async #asked<T>(question: () => Promise<T>): Promise<T> {
    await this.#travel()
    const answer = await question()
    await this.#travel()
    return answer
  }

  async #sendMarkers(request: MarkersRequest): Promise<MarkersResponse> {
    this.#mayCrash('before markers are written')
    await this.#travel()
    if (this.random.chance(this.weather.requestLost)) {
      this.count('marker request lost')
      throw new Error('lost')
    }
    const late = request.markers.filter(({ transactionVersion }) => transactionVersion === 2)
    if (late.length > 0 && this.random.chance(this.weather.markerRepeatedLate)) {
      this.count('marker request repeated late')
      this.clock.after(this.random.between(1, 300), () => void this.#writeMarkers({ markers: late }))
    }
    const response = await this.#writeMarkers(request)
    this.#mayCrash('between markers and their answer')
    await this.#travel()
    if (!this.random.chance(this.weather.answerLost)) return response
    this.count('marker answer lost')
    throw new Error('lost')
  }

  async #writeMarkers({ markers }: MarkersRequest): Promise<MarkersResponse> {
    const written = markers.map(async ({ topics, transactionResult, transactionVersion, ...marker }) => {
      const inTopics = topics.map(async ({ name, partitionIndexes }) => {
        const results = partitionIndexes.map(async (partitionIndex) => {
          const batch = { ...marker, kind: 'marker', isCommit: transactionResult } as const
          const guard = guardMarker(marker.producerEpoch, transactionVersion ?? 0)
          const errorCode = await this.partitions[partitionIndex]!.appendMarker(batch, guard).then(() => 0, simulatedErrorCode)
          if (errorCode !== 0) this.count(`marker refused with ${errorCode}`)
          return { partitionIndex, errorCode }
        })
        return { name, partitions: await Promise.all(results) }
      })
      return { producerId: marker.producerId, topics: await Promise.all(inTopics) }
    })
    return { markers: await Promise.all(written) }
  }

  #mayCrash(when: string): void {
    if (!this.random.chance(this.weather.crash)) return
    this.count(`crash ${when}`)
    this.clock.soon(() => this.replaceCoordinator())
  }

  async #silence(event: string): Promise<typeof LOST> {
    this.count(event)
    await this.pause(this.random.between(5, 50))
    return LOST
  }

  #travel(): Promise<void> {
    return this.pause(this.random.chance(0.05) ? this.random.between(20, 200) : this.random.between(0, 3))
  }
}
