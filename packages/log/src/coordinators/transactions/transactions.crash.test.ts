/**
 * Transactions on a simulated disk that loses, tears and reorders what was not synced, through many lives of a broker that acknowledges what is
 * durable: the log of transactions and the partitions they write to lie in one directory.
 *
 * A transaction that was answered is as it was answered after every crash; one that was not is committed in all its partitions or in none; nothing
 * stays open. And taking the sync away makes it fail: the disk is as bad as it should be.
 *
 * `MILLRACE_SEED=n` replays one seed, `MILLRACE_SEEDS=n` runs so many.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiskError, MillraceError } from '@millrace/core'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import { ERROR_CODE } from '../../protocol/index.ts'
import { batches, buildBatch, buildEndTransactionMarker, records } from '../../records/index.ts'
import { defaultLogConfig, type LogConfig } from '../../storage/config.ts'
import { LogDirectory } from '../../storage/directory/log-directory.ts'
import { readRanges, type AppendOptions, type PartitionLog } from '../../storage/index.ts'
import { coordinatorLogOf } from '../framework/index.ts'
import type { Producer } from './decision.ts'
import type { MarkersRequest, MarkersResponse } from './marker-sender.ts'
import { TransactionCoordinator } from './transaction-coordinator.ts'
import { TRANSACTION_STATE_TOPIC } from './transaction-log.ts'
import { partitionSet } from './transaction.ts'
import { guardMarker, TransactionalWrites } from './transactional-writes.ts'

type Case =
  | 'crash'
  | 'write lost'
  | 'write torn'
  | 'crash in a write'
  | 'crash in an end'
  | 'crash with markers on their way'
  | 'full disk'
  | 'answered'

const PARTITIONS = 3
const SETTINGS = { timeoutMaxMs: 60_000, idExpirationMs: 1e9, abortIntervalMs: 100, expireIntervalMs: 1e6, patienceMs: 100 }
const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAA'

interface Written {
  /** Partitions whose batch was acknowledged. */
  readonly acknowledged: number[]
  outcome: 'commit' | 'abort' | undefined
}

class Refused extends Error {}

class Life {
  readonly random: SeededRandom
  readonly clock = new VirtualClock()
  readonly disk: SimulatedDisk
  readonly cases: Map<Case, number>
  readonly config: LogConfig
  readonly written: Written[] = []
  epoch = -1
  producerIds = 0
  /** What is under way, for the record of a crash. */
  doing: Case | undefined
  markersUnderWay = 0
  /** Whether the disk may be too small. */
  isShort = false
  state!: PartitionLog
  data!: readonly PartitionLog[]
  coordinator!: TransactionCoordinator
  writes!: TransactionalWrites

  constructor(seed: number, cases: Map<Case, number>, durable: boolean) {
    this.random = new SeededRandom(seed)
    this.cases = cases
    this.disk = new SimulatedDisk({ random: this.random.fork(), clock: this.clock, latencyMs: [0, 3] })
    this.config = { ...defaultLogConfig, segmentBytes: this.random.pick([1500, 5000]), durable, fileDeleteDelayMs: 10 }
  }

  note(name: Case, count = 1): void {
    this.cases.set(name, (this.cases.get(name) ?? 0) + count)
  }

  async start(): Promise<void> {
    const { clock, random } = this
    await clock.run(this.#open())
    this.epoch++
    for (const log of [this.state, ...this.data]) {
      log.startEpoch(this.epoch)
      log.raiseHighWatermark(log.logEndOffset)
    }
    this.coordinator = new TransactionCoordinator({
      clock,
      random: random.fork(),
      settings: () => SETTINGS,
      partitionCount: () => 1,
      takeProducerId: () => Promise.resolve(this.producerIds++),
      markers: { leaderOf: () => 1, send: (_, request) => this.#sendMarkers(request) },
    })
    const append = (bytes: Uint8Array, options?: AppendOptions): Promise<void> => this.append(this.state, bytes, options)
    this.coordinator.load(0, coordinatorLogOf({ leaderEpoch: this.epoch, log: this.state, append }, 100_000))
    this.writes = new TransactionalWrites(this.coordinator, () => ERROR_CODE.COORDINATOR_NOT_AVAILABLE)
    await clock.run(this.coordinator.loadSettled(0))
  }

  async #open(): Promise<void> {
    const { clock, random } = this
    const options = { path: '/data', disk: this.disk.attach(), clock, random, clusterId: 'c', brokerId: 1, onNotice: () => undefined }
    const directory = await LogDirectory.open(options)
    await directory.loadLogs(() => this.config)
    const open = async (topic: string, partition: number): Promise<PartitionLog> =>
      directory.log({ topic, partition }) ?? (await directory.createLog({ topic, partition }, this.config, TOPIC_ID))
    this.state = await open(TRANSACTION_STATE_TOPIC, 0)
    const data: PartitionLog[] = []
    for (let partition = 0; partition < PARTITIONS; partition++) data.push(await open('t', partition))
    this.data = data
  }

  async append(log: PartitionLog, bytes: Uint8Array, options: AppendOptions = {}): Promise<void> {
    const { lastOffset } = await log.append(bytes, { ...options, leaderEpoch: this.epoch })
    log.raiseHighWatermark(lastOffset + 1)
  }

  async #sendMarkers({ markers }: MarkersRequest): Promise<MarkersResponse> {
    this.markersUnderWay++
    const answers = markers.map(async ({ topics, transactionResult, transactionVersion, ...marker }) => {
      const outcome = transactionResult ? 'commit' : 'abort'
      const results = topics[0]!.partitionIndexes.map(async (partitionIndex) => {
        const { whole } = buildEndTransactionMarker({ ...marker, outcome, timestamp: this.clock.now() })
        const guard = guardMarker(marker.producerEpoch, transactionVersion ?? 0)
        const errorCode = await this.append(this.data[partitionIndex]!, whole, { origin: 'coordinator', guard }).then(
          () => ERROR_CODE.NONE,
          () => ERROR_CODE.KAFKA_STORAGE_ERROR,
        )
        return { partitionIndex, errorCode }
      })
      return { producerId: marker.producerId, topics: [{ name: 't', partitions: await Promise.all(results) }] }
    })
    const response = { markers: await Promise.all(answers) }
    this.markersUnderWay--
    return response
  }

  /** A producer with some transactions, one after the other. */
  async produce(transactionalId: string): Promise<void> {
    const clientVersion = this.random.pick([0, 2] as const)
    const asked = { transactionalId, timeoutMs: 500, expected: undefined }
    let { errorCode, ...producer } = await this.coordinator.initProducerId(asked)
    if (errorCode !== ERROR_CODE.NONE) throw new Refused()
    for (let count = this.random.between(1, 3), sequence = 0; count > 0; count--) {
      const written: Written = { acknowledged: [], outcome: undefined }
      const tag = this.written.push(written) - 1
      this.doing = 'crash in a write'
      const first = this.random.between(0, PARTITIONS - 1)
      for (let partition = first; partition < PARTITIONS; partition++) {
        await this.#write(transactionalId, producer, clientVersion, partition, sequence, tag)
        written.acknowledged.push(partition)
      }
      const isCommit = this.random.chance(0.7)
      this.doing = 'crash in an end'
      const end = await this.coordinator.endTransaction(transactionalId, { ...producer, isCommit, clientVersion })
      if (end.errorCode !== ERROR_CODE.NONE) throw new Refused()
      written.outcome = isCommit ? 'commit' : 'abort'
      this.note('answered')
      // An older client's next sequence differs from partition to partition: a new epoch is simpler.
      if (clientVersion === 0) return
      producer = { producerId: end.producerId, producerEpoch: end.producerEpoch }
      sequence = 0
    }
  }

  async #write(
    transactionalId: string,
    producer: Producer,
    clientVersion: 0 | 2,
    partition: number,
    sequence: number,
    tag: number,
  ): Promise<void> {
    if (clientVersion === 0) {
      const added = await this.coordinator.addPartitions(transactionalId, {
        ...producer,
        partitions: partitionSet([['t', [partition]]]),
        clientVersion,
      })
      if (added.errorCode !== ERROR_CODE.NONE) throw new Refused()
    }
    const log = this.data[partition]!
    const record = { key: null, value: Buffer.from(`${tag}`), timestamp: this.clock.now() }
    const { whole } = buildBatch([record], { ...producer, baseSequence: sequence, transactional: true })
    const write = { transactionalId, ...producer, firstSequence: sequence, topic: 't', partition, isImplied: clientVersion === 2 }
    const { errorCode } = await this.writes.write(log, write, (guard) => this.append(log, whole, { guard }))
    if (errorCode !== ERROR_CODE.NONE) throw new Refused()
  }

  act(): Promise<unknown> {
    this.doing = undefined
    if (this.random.chance(0.2)) {
      this.isShort = this.random.chance(0.5)
      this.disk.setCapacity(this.isShort ? this.disk.usedBytes + this.random.between(0, 600) : Infinity)
    }
    return Promise.all(['a', 'b'].map((id) => this.produce(id)))
  }

  async live(): Promise<void> {
    await this.start()
    for (let round = this.random.between(0, 3); round > 0; round--) {
      await this.clock.run(this.act().catch((error: unknown) => this.#refused(error)))
      await this.clock.run(this.coordinator.loadSettled(0))
      if (this.random.chance(0.3)) await this.clock.advance(this.random.between(0, 50))
    }
    await this.#die()
  }

  #refused(error: unknown): void {
    if (this.isShort) this.note('full disk')
    if (error instanceof Refused || error instanceof DiskError) return
    if (!(error instanceof MillraceError) || !/^(COORDINATOR|STORAGE|PRODUCER)_/.test(error.code)) throw error
  }

  async #die(): Promise<void> {
    this.act().catch(() => undefined)
    let isBusy = true
    for (let steps = this.random.between(0, 60); steps > 0 && isBusy; steps--) isBusy = await this.clock.step()
    if (this.doing !== undefined) this.note(this.doing)
    if (this.markersUnderWay > 0) this.note('crash with markers on their way')
    const { writes } = this.disk.crash()
    this.note('crash')
    this.note('write lost', writes.lost)
    this.note('write torn', writes.torn)
    this.markersUnderWay = 0
    this.coordinator.close()
    this.disk.heal()
    this.isShort = false
    this.disk.setCapacity(Infinity)
  }

  /** After a last start, and time for all that is left to end. */
  async check(): Promise<void> {
    await this.start()
    await this.clock.advance(3000)
    for (const { transactionalId, state } of (await this.clock.run(this.coordinator.list()))!) {
      assert.ok(['Empty', 'CompleteCommit', 'CompleteAbort'].includes(state), `${transactionalId} stays ${state}`)
    }
    this.coordinator.close()
    const ends = this.written.map(() => new Map<number, string>())
    for (const [partition, log] of this.data.entries()) {
      assert.equal(log.lastStableOffset, log.logEndOffset, `partition ${partition} has open transactions`)
      for (const [tag, end] of await this.clock.run(endsIn(log))) ends[tag]!.set(partition, end)
    }
    for (const [tag, { acknowledged, outcome }] of this.written.entries()) {
      const found = ends[tag]!
      assert.ok(new Set(found.values()).size <= 1, `transaction ${tag} ended in different ways`)
      if (outcome === undefined) continue
      for (const partition of acknowledged) assert.equal(found.get(partition), outcome, `transaction ${tag} was answered ${outcome}`)
    }
  }
}

/** How each transaction ended here, by the marker behind its records. */
async function endsIn(log: PartitionLog): Promise<ReadonlyMap<number, string>> {
  const ends = new Map<number, string>()
  const open = new Map<number, number[]>()
  for (let offset = log.logStartOffset; offset < log.logEndOffset;) {
    const plan = await log.read({ startOffset: offset, maxBytes: 1 << 16, isolation: 'log-end', minOneBatch: true })
    const bytes = await readRanges(plan).finally(() => plan.release())
    for (const batch of batches(bytes)) {
      offset = batch.nextOffset
      const [record] = [...records(batch)]
      const tags = open.get(batch.producerId) ?? []
      if (!batch.isControl) open.set(batch.producerId, [...tags, Number(Buffer.from(record!.value!).toString())])
      else {
        for (const tag of tags) ends.set(tag, record!.key![3] === 1 ? 'commit' : 'abort')
        open.delete(batch.producerId)
      }
    }
  }
  return ends
}

async function simulate(seed: number, cases: Map<Case, number>, durable = true): Promise<void> {
  const life = new Life(seed, cases, durable)
  try {
    for (let lives = 0; lives < 5; lives++) await life.live()
    await life.check()
  } catch (cause) {
    throw new Error(`seed ${seed} fails; replay it with MILLRACE_SEED=${seed}`, { cause })
  }
}

test('transactions survive crashes as they were answered', async () => {
  const cases = new Map<Case, number>()
  const only = process.env['MILLRACE_SEED']
  if (only !== undefined) return await simulate(Number(only), cases)
  const seeds = Number(process.env['MILLRACE_SEEDS'] ?? 15)
  for (let seed = 0; seed < seeds; seed++) await simulate(seed, cases)
  if (process.env['MILLRACE_SEEDS'] !== undefined) console.log(Object.fromEntries(cases))
  const expected: Case[] = [
    'crash',
    'write lost',
    'crash in a write',
    'crash in an end',
    'crash with markers on their way',
    'full disk',
    'answered',
  ]
  for (const name of expected) assert.ok((cases.get(name) ?? 0) > 0, `${name} never happened`)
})

test('without the sync a transaction is lost or torn apart', async () => {
  const outcomes = await Promise.allSettled(Array.from({ length: 6 }, (_, seed) => simulate(seed, new Map(), false)))
  assert.ok(outcomes.some(({ status }) => status === 'rejected'))
})
