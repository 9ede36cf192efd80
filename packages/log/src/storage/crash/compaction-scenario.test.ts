// A log of accounts that is compacted: what the crash tests of compaction have in common.
import assert from 'node:assert/strict'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import { BatchView } from '../../records/batch.ts'
import { batches } from '../../records/batch-cursor.ts'
import { buildBatch } from '../../records/batch-builder.ts'
import { batchEndTransactionMarker, buildEndTransactionMarker } from '../../records/control-record.ts'
import { records } from '../../records/record.ts'
import type { AbortedTransaction } from '../index/transaction-index.ts'
import { cleanableOf } from '../cleaner/cleaner.ts'
import { compactLog } from '../cleaner/compaction.ts'
import { defaultLogConfig, type LogConfig } from '../config.ts'
import { LogDirectory } from '../directory/log-directory.ts'
import type { PartitionLog } from '../partition/partition-log.ts'
import { readRanges } from '../partition/read-plan.ts'
import { assertSame, readAll } from './model.test.ts'

/** Names that are lost alone, or kept alone, show best which of them must be durable before another. */
const nameLosses = ['none', 'all', 'later', 'any', 'one', 'one', 'all-but-one', 'all-but-one'] as const

const partition = { topic: 'accounts', partition: 3 }

/** The last value of each key among the records below `end` by their order, aborted ones left out; tombstones leave `null`. */
function tableOf(batches: readonly BatchView[], end = Infinity): Map<string, string | null> {
  let undecided: { producerId: number; readonly key: string; readonly value: string | null }[] = []
  for (const batch of batches) {
    const { producerId } = batch
    if (batch.isControl) {
      if (batchEndTransactionMarker(batch)?.outcome === 'abort') undecided = undecided.filter((entry) => entry.producerId !== producerId)
      for (const entry of undecided) if (entry.producerId === producerId) entry.producerId = -1
      continue
    }
    for (const { offset, key, value } of records(batch)) {
      if (offset >= end) continue
      const text = value === null ? null : Buffer.from(value).toString('hex')
      undecided.push({ producerId: batch.isTransactional ? producerId : -1, key: Buffer.from(key!).toString(), value: text })
    }
  }
  return new Map(undecided.map(({ key, value }) => [key, value]))
}

/** The same as a client reads it: by the transaction index, not by the markers alone. */
function tableOfClient(batches: readonly BatchView[], aborted: readonly AbortedTransaction[]): Map<string, string | null> {
  const pending = [...aborted].sort((left, right) => left.firstOffset - right.firstOffset)
  const skipped = new Set<number>()
  const table = new Map<string, string | null>()
  for (const batch of batches) {
    while (pending.length > 0 && pending[0]!.firstOffset <= batch.lastOffset) skipped.add(pending.shift()!.producerId)
    if (batch.isControl) skipped.delete(batch.producerId)
    else if (!batch.isTransactional || !skipped.has(batch.producerId)) {
      for (const { key, value } of records(batch))
        table.set(Buffer.from(key!).toString(), value === null ? null : Buffer.from(value).toString('hex'))
    }
  }
  return table
}

/** The keys that have a value. */
function values(table: ReadonlyMap<string, string | null>): Record<string, string> {
  return Object.fromEntries([...table].filter((entry): entry is [string, string] => entry[1] !== null))
}

function recordsByOffset(batches: readonly BatchView[]): Map<number, string> {
  const found = new Map<number, string>()
  for (const batch of batches) {
    if (batch.isControl) continue
    for (const { offset, key, value, timestamp } of records(batch)) {
      found.set(offset, [Buffer.from(key!).toString(), value === null ? 'null' : Buffer.from(value).toString('hex'), timestamp].join(' '))
    }
  }
  return found
}

export class Scenario {
  readonly random: SeededRandom
  readonly clock: VirtualClock = new VirtualClock()
  readonly disk: SimulatedDisk
  readonly config: LogConfig
  readonly notices: string[] = []
  directory!: LogDirectory
  log!: PartitionLog
  readonly #open = new Set<number>()
  readonly #sequences = new Map<number, number>()

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    this.disk = new SimulatedDisk({ random: this.random.fork(), clock: this.clock, latencyMs: [0, 2], nameLosses })
    this.config = {
      ...defaultLogConfig,
      cleanupDelete: false,
      cleanupCompact: true,
      segmentBytes: this.random.pick([700, 2000]),
      indexIntervalBytes: 100,
      deleteRetentionMs: this.random.pick([0, 1000]),
      fileDeleteDelayMs: this.random.pick([0, 100]),
      minCleanableDirtyRatio: 0,
    }
  }

  async opening(): Promise<void> {
    const { clock, random } = this
    const options = { path: '/data', disk: this.disk.attach(), clock, random, clusterId: 'c', brokerId: 1 }
    this.directory = await LogDirectory.open({ ...options, onNotice: ({ kind, problem }) => this.notices.push(`${kind} ${problem}`) })
    const [loaded] = await this.directory.loadLogs(() => this.config)
    this.log = loaded ?? (await this.directory.createLog(partition, this.config))
    this.log.raiseHighWatermark(this.log.logEndOffset)
  }

  async fill(): Promise<void> {
    for (let count = this.random.between(10, 40); count > 0; count--) {
      await this.log.append(this.#batch(), { origin: 'replication' })
    }
    this.log.raiseHighWatermark(this.log.logEndOffset)
    await this.log.flush()
    // Otherwise every segment would be scanned, and every index built anew, after a crash.
    await this.directory.checkpointRecoveryPoints()
  }

  #batch(): Uint8Array {
    const { random, log, clock } = this
    const producerId = random.between(0, 3)
    const baseOffset = log.logEndOffset
    if (this.#open.delete(producerId)) {
      const outcome = random.chance(0.5) ? 'abort' : 'commit'
      return buildEndTransactionMarker({ producerId, producerEpoch: 0, coordinatorEpoch: 0, outcome, timestamp: clock.now(), baseOffset })
        .whole
    }
    const count = random.between(1, 4)
    const toAppend = Array.from({ length: count }, () => ({
      key: Buffer.from(`k${random.between(0, 12)}`),
      value: random.chance(0.25) ? null : random.bytes(random.between(1, 60)),
      timestamp: clock.now(),
    }))
    if (producerId === 0) return buildBatch(toAppend, { baseOffset, compression: random.chance(0.3) ? 'gzip' : 'none' }).whole
    const baseSequence = this.#sequences.get(producerId) ?? 0
    this.#sequences.set(producerId, baseSequence + count)
    if (producerId > 1) this.#open.add(producerId)
    return buildBatch(toAppend, { baseOffset, producerId, producerEpoch: 0, baseSequence, transactional: producerId > 1 }).whole
  }

  async compact(): Promise<void> {
    const range = await cleanableOf(this.directory, this.log)
    if (!range.isDue) return
    const { cleanedUpTo } = await compactLog(this.log, range, this.random.pick([24 * 10, 24 * 1000]))
    await this.directory.checkpointCleaned(this.log, cleanedUpTo)
  }

  async contents(): Promise<BatchView[]> {
    return await readAll(this.log, 100_000)
  }
}

export function producersOf(log: PartitionLog): unknown[] {
  return log
    .producers()
    .map(({ producerId, producerEpoch, transactionFirstOffset, batches }) => [
      producerId,
      producerEpoch,
      transactionFirstOffset,
      batches.at(-1)?.lastOffset,
    ])
    .sort(([left], [right]) => Number(left) - Number(right))
}

export async function check(scenario: Scenario, before: readonly BatchView[], end: number, producers: unknown[]): Promise<void> {
  const after = await scenario.clock.run(scenario.contents())
  assert.equal(scenario.log.logEndOffset, end)
  assert.deepEqual(values(tableOf(after)), values(tableOf(before)))
  const { lastStableOffset } = scenario.log
  const stable = after.filter((batch) => batch.lastOffset < lastStableOffset)
  const aborted = await scenario.clock.run(scenario.log.abortedTransactions(0, lastStableOffset))
  assert.deepEqual(values(tableOfClient(stable, aborted)), values(tableOf(before, lastStableOffset)))
  const earlier = recordsByOffset(before)
  for (const [offset, record] of recordsByOffset(after)) assert.equal(record, earlier.get(offset), `the record at ${offset}`)
  assert.deepEqual(producersOf(scenario.log), producers)
  await scenario.clock.run(checkLookups(scenario, after))
  await scenario.clock.run(checkFiles(scenario))
  const { segments } = scenario.log.state
  for (const [index, segment] of segments.slice(0, -1).entries()) assert.equal(segment.nextOffset, segments[index + 1]!.baseOffset)
}

/** No log file reaches into the next one: never do both count, a compacted segment and one that it was made from. */
async function checkFiles({ disk, log }: Scenario): Promise<void> {
  const files = disk.attach()
  const names = (await files.list(log.directory)).filter((name) => name.endsWith('.log'))
  for (const [index, name] of names.entries()) {
    const last = [...batches(await files.readFile(`${log.directory}/${name}`))].at(-1)
    const next = names[index + 1]
    if (last !== undefined && next !== undefined) assert.ok(last.lastOffset < parseInt(next, 10), `${name} reaches into ${next}`)
  }
}

/** The indexes belong to the log files beside them: what is found by them is what a scan finds. */
async function checkLookups({ log, random }: Scenario, found: readonly BatchView[]): Promise<void> {
  for (let look = 0; look < 12 && found.length > 0; look++) {
    const target = random.pick(found)
    const offset = random.between(target.baseOffset, target.lastOffset)
    const plan = await log.read({ startOffset: offset, maxBytes: 1, isolation: 'log-end', minOneBatch: true })
    const bytes = await readRanges(plan)
    plan.release()
    assertSame(
      new BatchView(bytes),
      found.find((batch) => batch.lastOffset >= offset)!,
    )
    const timestamp = random.between(target.baseTimestamp - 1, target.maxTimestamp + 1)
    const first = found.flatMap((batch) => [...records(batch)]).find((record) => record.timestamp >= timestamp)
    assert.equal((await log.findTimestamp(timestamp))?.offset, first?.offset, `time ${timestamp}`)
  }
}
