/**
 * The offsets of a group on a simulated disk that loses, tears and reorders what was not synced, with compaction, transactions and a full disk, through
 * many lives of a broker that acknowledges what is durable.
 *
 * What anybody was told, by a commit that was acknowledged or by a fetch, is there after every crash: a partition's offset never goes back. What a
 * transaction committed is there wholly or not at all. And taking the sync away makes it fail: the disk is as bad as it should be.
 *
 * `MILLRACE_SEED=n` replays one seed.
 */
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { DiskError } from '@millrace/core'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import { ERROR_CODE } from '../../protocol/index.ts'
import { coordinatorLogOf, PartitionCoordinator, type LedPartition } from '../framework/index.ts'
import { commitOffsets } from '../offsets/commit.ts'
import { fetchOffsets } from '../offsets/fetch.ts'
import { cleanableOf } from '../../storage/cleaner/cleaner.ts'
import { compactLog } from '../../storage/cleaner/compaction.ts'
import { defaultLogConfig, type LogConfig } from '../../storage/config.ts'
import { LogDirectory } from '../../storage/directory/log-directory.ts'
import type { PartitionLog } from '../../storage/index.ts'
import { groupMachine } from './group-machine.ts'
import type { GroupRecord, GroupState } from './group-store.ts'
import { SETTINGS } from './testing/group-bench.ts'

type Case =
  | 'crash'
  | 'write-lost'
  | 'write-torn'
  | 'crash-in-commit'
  | 'crash-in-transaction'
  | 'compacted'
  | 'crash-in-compaction'
  | 'full-disk'
  | 'fetched'

const PARTITIONS = 3
const PLACE = { topic: '__consumer_offsets', partition: 0 }
const NO_ID = new Uint8Array(16)

class Life {
  readonly random: SeededRandom
  readonly clock = new VirtualClock()
  readonly disk: SimulatedDisk
  readonly cases: Map<Case, number>
  readonly config: LogConfig
  /** The largest offset anyone was told, by partition. */
  readonly told: number[] = Array.from({ length: PARTITIONS }, () => -1)
  readonly transactions = new Set<number>()
  next = 0
  epoch = 0
  transaction = 0
  directory!: LogDirectory
  log!: PartitionLog
  coordinator!: PartitionCoordinator<GroupState, GroupRecord>

  constructor(seed: number, cases: Map<Case, number>, durable: boolean) {
    this.random = new SeededRandom(seed)
    this.cases = cases
    this.disk = new SimulatedDisk({ random: this.random.fork(), clock: this.clock, latencyMs: [0, 4] })
    const segmentBytes = this.random.pick([700, 2500])
    this.config = {
      ...defaultLogConfig,
      segmentBytes,
      durable,
      cleanupDelete: false,
      cleanupCompact: true,
      minCleanableDirtyRatio: 0,
      fileDeleteDelayMs: 10,
    }
  }

  note(name: Case, count = 1): void {
    this.cases.set(name, (this.cases.get(name) ?? 0) + count)
  }

  async start(): Promise<void> {
    const { clock, random } = this
    await clock.run(this.#open())
    const partition: LedPartition = {
      leaderEpoch: this.epoch++,
      log: this.log,
      append: async (bytes, options) => {
        const { lastOffset } = await this.log.append(bytes, { ...options, leaderEpoch: this.epoch })
        this.log.raiseHighWatermark(lastOffset + 1)
      },
    }
    this.log.raiseHighWatermark(this.log.logEndOffset)
    const log = coordinatorLogOf(partition, 10_000)
    const machine = groupMachine(() => ({ ...SETTINGS, retentionMs: 1e12 }))
    this.coordinator = new PartitionCoordinator({ name: 'group', partition: 0, machine, log, clock, random: random.fork() })
    await clock.run(this.coordinator.loadSettled)
  }

  async #open(): Promise<void> {
    const { clock, random } = this
    const options = { path: '/data', disk: this.disk.attach(), clock, random, clusterId: 'c', brokerId: 1, onNotice: () => undefined }
    this.directory = await LogDirectory.open(options)
    const [loaded] = await this.directory.loadLogs(() => this.config)
    this.log = loaded ?? (await this.directory.createLog(PLACE, this.config, 'AAAAAAAAAAAAAAAAAAAAAA'))
  }

  #commit(partitions: readonly number[], offset: number, producerId?: number): Promise<readonly number[]> {
    const producer = producerId === undefined ? {} : { producer: { producerId, producerEpoch: 0 } }
    const offsets = partitions.map((partition) => ({ topic: 't', topicId: NO_ID, partition, offset, leaderEpoch: -1, metadata: null }))
    const who = { groupId: 'g', memberId: '', instanceId: null, generationOrEpoch: -1, retentionTimeMs: -1 }
    const version = producerId === undefined ? 9 : undefined
    return this.coordinator.submit(commitOffsets({ ...who, version, offsets, ...producer }, SETTINGS))
  }

  async commit(): Promise<void> {
    const partition = this.random.between(0, PARTITIONS - 1)
    const offset = this.next++
    const [code] = await this.#commit([partition], offset)
    assert.equal(code, ERROR_CODE.NONE)
    this.tell(partition, offset)
  }

  /** All partitions get the same offset, which no plain commit has: whoever sees it in one sees it in all. */
  async commitInTransaction(): Promise<void> {
    const producerId = 1000 + this.transaction++
    const offset = this.next++
    this.transactions.add(offset)
    const all = Array.from({ length: PARTITIONS }, (_, partition) => partition)
    await this.#commit(all, offset, producerId)
    const isCommit = this.random.chance(0.7)
    await this.coordinator.writeMarker({ producerId, producerEpoch: 0, coordinatorEpoch: 0, isCommit })
    if (isCommit) for (const partition of all) this.tell(partition, offset)
  }

  async fetch(): Promise<void> {
    const floor = [...this.told]
    const offsets = await this.fetched()
    offsets.forEach((offset, partition) => {
      assert.ok(offset >= floor[partition]!, `partition ${partition}: ${floor[partition]} was told before the fetch, ${offset} by it`)
      this.tell(partition, offset)
      if (this.transactions.has(offset)) assert.ok(Math.min(...offsets) >= offset, `a part of a transaction is there: ${offsets.join()}`)
    })
    this.note('fetched')
  }

  async fetched(): Promise<number[]> {
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
    const topics = [{ topic: 't', topicId: NO_ID, partitions }]
    const reply = await this.coordinator.submit(
      fetchOffsets({ groupId: 'g', memberId: null, memberEpoch: -1, topics, requireStable: false }),
    )
    return reply.topics[0]!.partitions.map(({ committedOffset }) => committedOffset)
  }

  tell(partition: number, offset: number): void {
    this.told[partition] = Math.max(this.told[partition]!, offset)
  }

  async compact(): Promise<void> {
    await this.log.roll()
    const range = await cleanableOf(this.directory, this.log)
    const { cleanedUpTo } = await compactLog(this.log, range, 24 * 1000)
    await this.directory.checkpointCleaned(this.log, cleanedUpTo)
    this.note('compacted')
  }

  act(): { readonly name: Case | 'other'; readonly done: Promise<unknown> } {
    const kind = this.random.between(0, 9)
    if (kind === 0) return { name: 'crash-in-compaction', done: this.compact() }
    if (kind === 1) {
      this.disk.setCapacity(this.random.chance(0.4) ? this.disk.usedBytes + this.random.between(0, 300) : Infinity)
      return { name: 'other', done: Promise.resolve() }
    }
    if (kind < 4) return { name: 'crash-in-transaction', done: this.commitInTransaction() }
    const some = Array.from({ length: this.random.between(1, 4) }, () => (this.random.chance(0.7) ? this.commit() : this.fetch()))
    return { name: 'crash-in-commit', done: Promise.all(some) }
  }

  async live(): Promise<void> {
    await this.start()
    await this.clock.run(this.fetch())
    for (let round = this.random.between(1, 12); round > 0; round--) {
      await this.clock.run(this.act().done.catch((error: unknown) => this.#refused(error)))
      await this.clock.run(this.coordinator.loadSettled)
      if (this.random.chance(0.3)) await this.clock.advance(this.random.between(0, 50))
    }
    await this.#die()
  }

  #refused(error: unknown): void {
    if (error instanceof DiskError) return
    const { code } = error as { code?: string }
    if (code === 'COORDINATOR_UNAVAILABLE' || code === 'STORAGE_FULL') return this.note('full-disk')
    if (code !== 'COORDINATOR_LOADING') throw error
  }

  async #die(): Promise<void> {
    const { name, done } = this.act()
    done.catch(() => undefined)
    let isBusy = true
    for (let steps = this.random.between(0, 15); steps > 0 && isBusy; steps--) isBusy = await this.clock.step()
    const { writes } = this.disk.crash()
    this.note('crash')
    this.note('write-lost', writes.lost)
    this.note('write-torn', writes.torn)
    if (isBusy && name !== 'other') this.note(name)
    this.coordinator.close()
    this.disk.heal()
    this.disk.setCapacity(Infinity)
  }
}

async function simulate(seed: number, cases: Map<Case, number>, durable = true): Promise<void> {
  const life = new Life(seed, cases, durable)
  try {
    for (let lives = 0; lives < 6; lives++) await life.live()
    await life.start()
    await life.clock.run(life.fetch())
    life.coordinator.close()
  } catch (cause) {
    throw new Error(`seed ${seed} fails; replay it with MILLRACE_SEED=${seed}`, { cause })
  }
}

test('what was told of an offset survives crashes', async () => {
  const cases = new Map<Case, number>()
  const only = process.env['MILLRACE_SEED']
  if (only !== undefined) return await simulate(Number(only), cases)
  const seeds = Number(process.env['MILLRACE_SEEDS'] ?? 15)
  for (let seed = 0; seed < seeds; seed++) await simulate(seed, cases)
  if (process.env['MILLRACE_SEEDS'] !== undefined) console.log(Object.fromEntries(cases))
  const expected: Case[] = [
    'crash',
    'write-lost',
    'crash-in-commit',
    'crash-in-transaction',
    'compacted',
    'crash-in-compaction',
    'full-disk',
    'fetched',
  ]
  for (const name of expected) assert.ok((cases.get(name) ?? 0) > 0, `${name} never happened`)
})

test('without the sync an offset goes back', async () => {
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, (_, seed) => simulate(seed, new Map(), false)))
  assert.ok(outcomes.some(({ status }) => status === 'rejected'))
})
