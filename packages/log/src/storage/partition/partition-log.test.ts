import { test } from 'node:test'
import assert from 'node:assert/strict'
import { MillraceError } from '@millrace/core'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import { BatchView } from '../../records/batch.ts'
import { buildBatch, type BatchOptions } from '../../records/batch-builder.ts'
import { buildEndTransactionMarker } from '../../records/control-record.ts'
import { defaultLogConfig, type LogConfig } from '../config.ts'
import { LogDirectory } from '../directory/log-directory.ts'
import type { PartitionLog } from './partition-log.ts'
import { readRanges, type ReadOptions } from './read-plan.ts'

const partition = { topic: 't', partition: 0 }

interface Setting {
  readonly clock: VirtualClock
  readonly disk: SimulatedDisk
  readonly directory: LogDirectory
  readonly log: PartitionLog
}

async function setting(config: Partial<LogConfig> = {}): Promise<Setting> {
  const clock = new VirtualClock()
  const disk = new SimulatedDisk({ random: new SeededRandom(1), clock, latencyMs: [1, 1] })
  return { clock, disk, ...(await reopen({ clock, disk }, config)) }
}

async function reopen(
  { clock, disk }: Pick<Setting, 'clock' | 'disk'>,
  config: Partial<LogConfig> = {},
): Promise<Pick<Setting, 'directory' | 'log'>> {
  const options = { path: '/d', disk: disk.attach(), clock, random: new SeededRandom(2), clusterId: 'c', brokerId: 0 }
  const full = { ...defaultLogConfig, ...config }
  const directory = await clock.run(LogDirectory.open(options))
  const [loaded] = await clock.run(directory.loadLogs(() => full))
  return { directory, log: loaded ?? (await clock.run(directory.createLog(partition, full))) }
}

function batch(count: number, options: BatchOptions & { timestamp?: number; sizeBytes?: number } = {}): Uint8Array {
  const value = new Uint8Array(options.sizeBytes ?? 10)
  return buildBatch(
    Array.from({ length: count }, () => ({ key: null, value, timestamp: options.timestamp ?? 1000 })),
    options,
  ).whole
}

const code =
  (expected: string) =>
  (error: unknown): boolean =>
    error instanceof MillraceError && error.code === expected

async function read(
  { clock, log }: Setting,
  options: Partial<ReadOptions>,
): Promise<{ offsets: number[]; sizeBytes: number; aborted: number | undefined }> {
  const plan = await clock.run(log.read({ startOffset: 0, maxBytes: 1e6, isolation: 'log-end', minOneBatch: true, ...options }))
  const bytes = await clock.run(readRanges(plan))
  plan.release()
  const offsets: number[] = []
  for (let at = 0; at + 61 <= bytes.length; at += new BatchView(bytes, at).sizeBytes) offsets.push(new BatchView(bytes, at).baseOffset)
  return { offsets, sizeBytes: plan.sizeBytes, aborted: plan.abortedTransactions?.length }
}

test('appends of one turn are written with one call, in order; readers see them only then', async () => {
  const { clock, disk, log } = await setting()
  let writes = 0
  const before = disk.operationCount
  const results = [batch(2), batch(3), batch(1)].map((bytes) => log.append(bytes, { leaderEpoch: 4 }))
  assert.equal(log.logEndOffset, 0)
  const settled = await clock.run(Promise.all(results))
  writes = disk.operationCount - before
  assert.deepEqual(
    settled.map(({ firstOffset, lastOffset }) => [firstOffset, lastOffset]),
    [
      [0, 1],
      [2, 4],
      [5, 5],
    ],
  )
  assert.equal(writes, 2, 'opening the file and writing it')
  assert.equal(log.latestEpoch, 4)
})

test('a read is bounded by its isolation, and gives an oversized first batch whole', async () => {
  const all = await setting()
  const { clock, log } = all
  for (let count = 0; count < 4; count++) await clock.run(log.append(batch(1, { sizeBytes: 100 })))
  log.raiseHighWatermark(2)
  assert.deepEqual((await read(all, {})).offsets, [0, 1, 2, 3])
  assert.deepEqual((await read(all, { isolation: 'high-watermark' })).offsets, [0, 1])
  assert.deepEqual((await read(all, { startOffset: 2, isolation: 'high-watermark' })).offsets, [])
  assert.deepEqual((await read(all, { startOffset: 3, maxBytes: 1 })).offsets, [3])
  assert.equal((await read(all, { startOffset: 3, maxBytes: 70, minOneBatch: false })).sizeBytes, 0, 'a first batch that is cut off')
  assert.equal((await read(all, { startOffset: 2, maxBytes: 250, minOneBatch: false })).sizeBytes, 250, 'a later one may be')
  await assert.rejects(
    clock.run(log.read({ startOffset: 5, maxBytes: 1, isolation: 'log-end', minOneBatch: true })),
    code('STORAGE_OFFSET_OUT_OF_RANGE'),
  )
})

test('a read goes on over the end of a segment, and files stay while it is pinned', async () => {
  const all = await setting({ segmentBytes: 200, retentionBytes: 0, fileDeleteDelayMs: 10 })
  const { clock, disk, log } = all
  for (let count = 0; count < 5; count++) await clock.run(log.append(batch(1, { sizeBytes: 100 })))
  assert.equal(log.segmentCount, 5)
  assert.deepEqual((await read(all, { startOffset: 1 })).offsets, [1, 2, 3, 4])
  const plan = await clock.run(log.read({ startOffset: 0, maxBytes: 1e6, isolation: 'log-end', minOneBatch: true }))
  log.raiseHighWatermark(5)
  const removed = await clock.run(log.applyRetention())
  assert.equal(removed.length, 5)
  assert.equal(log.logStartOffset, 5)
  await clock.advance(1000)
  assert.equal((await clock.run(readRanges(plan))).length, plan.sizeBytes)
  plan.release()
  await clock.advance(1000)
  assert.deepEqual(
    (await clock.run(disk.list('/d/t-0'))).filter((name) => name.endsWith('.log')),
    ['00000000000000000005.log'],
  )
})

test('segments roll by size, by the time of records, by a full index, and when offsets would not fit', async () => {
  const bySize = await setting({ segmentBytes: 150 })
  const byTime = await setting({ segmentMs: 100 })
  const byIndex = await setting({ segmentIndexBytes: 24, indexIntervalBytes: 0 })
  for (let count = 0; count < 6; count++) {
    await bySize.clock.run(bySize.log.append(batch(1)))
    await byTime.clock.run(byTime.log.append(batch(1, { timestamp: 1000 + 60 * count })))
    await byIndex.clock.run(byIndex.log.append(batch(1)))
  }
  assert.deepEqual([bySize.log.segmentCount, byTime.log.segmentCount, byIndex.log.segmentCount], [6, 3, 3])
  const overflow = await setting()
  for (const baseOffset of [0, 0x7fff_ffff, 0x8000_0000])
    await overflow.clock.run(overflow.log.append(batch(1, { baseOffset }), { origin: 'replication' }))
  assert.equal(overflow.log.segmentCount, 2)
  assert.deepEqual((await read(overflow, { startOffset: 1 })).offsets, [0x7fff_ffff, 0x8000_0000])
})

test('the jitter makes segments roll earlier, never later', async () => {
  const { clock, log } = await setting({ segmentMs: 1000, segmentJitterMs: 900 })
  for (let count = 0; count < 20; count++) await clock.run(log.append(batch(1, { timestamp: 100 * count })))
  assert.ok(log.segmentCount > 2 && log.segmentCount <= 20, `${log.segmentCount}`)
})

test('an exact duplicate gets the offsets it got before, one after it is out of order, a lower epoch is fenced', async () => {
  const { clock, log } = await setting()
  const from = (baseSequence: number, producerEpoch = 0, count = 1): Promise<{ firstOffset: number; isDuplicate: boolean }> =>
    clock.run(log.append(batch(count, { producerId: 9, producerEpoch, baseSequence })))
  assert.equal((await from(40, 0, 2)).firstOffset, 0, 'an unknown producer may start anywhere')
  for (let sequence = 42; sequence < 47; sequence++) await from(sequence)
  assert.deepEqual(
    [await from(42), await from(46)].map(({ firstOffset, isDuplicate }) => [firstOffset, isDuplicate]),
    [
      [2, true],
      [6, true],
    ],
  )
  await assert.rejects(from(40, 0, 2), code('PRODUCER_OUT_OF_ORDER'), 'six batches ago')
  await assert.rejects(from(48), code('PRODUCER_OUT_OF_ORDER'))
  await assert.rejects(from(5, 1), code('PRODUCER_OUT_OF_ORDER'), 'a new epoch starts at 0')
  await from(0, 1)
  await assert.rejects(from(47, 0), code('PRODUCER_FENCED'))
  assert.equal(log.logEndOffset, 8)
})

test('the last five batches of a producer are known after a restart, and across a new segment', async () => {
  const { clock, disk, log } = await setting()
  const from = (on: PartitionLog, baseSequence: number): Promise<{ firstOffset: number; isDuplicate: boolean }> =>
    clock.run(on.append(batch(1, { producerId: 9, producerEpoch: 0, baseSequence })))
  for (let sequence = 0; sequence < 4; sequence++) await from(log, sequence)
  await clock.run(log.roll())
  for (let sequence = 4; sequence < 6; sequence++) await from(log, sequence)
  await clock.run(log.sync())
  // First without a clean end, by the snapshot of the new segment; then with one, by that of the log's end.
  disk.kill()
  for (const isLast of [false, true]) {
    const { directory: again, log: loaded } = await reopen({ clock, disk })
    for (let sequence = 1; sequence < 6; sequence++) {
      const { firstOffset, isDuplicate } = await from(loaded, sequence)
      assert.deepEqual([firstOffset, isDuplicate], [sequence, true])
    }
    if (!isLast) await clock.run(again.close(1))
  }
})

test('sequences wrap, and duplicates of one turn are found too', async () => {
  const { clock, log } = await setting()
  const bytes = (): Uint8Array => batch(4, { producerId: 1, producerEpoch: 0, baseSequence: 0x7fff_fffe })
  const [first, second] = await clock.run(Promise.all([log.append(bytes()), log.append(bytes())]))
  assert.deepEqual([first.firstOffset, second.firstOffset, second.isDuplicate], [0, 0, true])
  await clock.run(log.append(batch(1, { producerId: 1, producerEpoch: 0, baseSequence: 2 })))
  assert.equal(log.logEndOffset, 5)
})

test('a transaction holds the last stable offset until its marker is replicated; readers hear of aborted ones', async () => {
  const all = await setting()
  const { clock, log } = all
  await clock.run(log.append(batch(1)))
  await clock.run(log.append(batch(2, { producerId: 5, producerEpoch: 0, baseSequence: 0, transactional: true })))
  await clock.run(log.append(batch(1)))
  log.raiseHighWatermark(4)
  assert.equal(log.lastStableOffset, 1)
  await assert.rejects(
    clock.run(log.append(batch(1, { producerId: 5, producerEpoch: 0, baseSequence: 2 }))),
    code('PRODUCER_TRANSACTION_STATE'),
  )
  const marker = buildEndTransactionMarker({ producerId: 5, producerEpoch: 0, coordinatorEpoch: 3, outcome: 'abort', timestamp: 1 })
  await clock.run(log.append(marker.whole, { origin: 'coordinator' }))
  assert.equal(log.lastStableOffset, 1)
  log.raiseHighWatermark(5)
  assert.equal(log.lastStableOffset, 5)
  assert.deepEqual(await clock.run(log.abortedTransactions(0, 5)), [{ producerId: 5, firstOffset: 1, lastOffset: 4, lastStableOffset: 5 }])
  assert.equal((await read(all, { isolation: 'last-stable' })).aborted, 1)
  assert.equal((await read(all, { isolation: 'last-stable', startOffset: 5 })).aborted, 0)
  const late = buildEndTransactionMarker({ producerId: 5, producerEpoch: 0, coordinatorEpoch: 2, outcome: 'commit', timestamp: 1 })
  await assert.rejects(clock.run(log.append(late.whole, { origin: 'coordinator' })), code('PRODUCER_COORDINATOR_FENCED'))
})

test('silent producers are forgotten, those with an open transaction are not', async () => {
  const { clock, log } = await setting({ producerIdExpirationMs: 1000 })
  const timestamp = clock.now()
  await clock.run(log.append(batch(1, { producerId: 1, producerEpoch: 0, baseSequence: 0, timestamp })))
  await clock.run(log.append(batch(1, { producerId: 2, producerEpoch: 0, baseSequence: 0, timestamp, transactional: true })))
  assert.equal(log.expireProducers(), 0)
  await clock.advance(2000)
  assert.equal(log.expireProducers(), 1)
  assert.deepEqual(
    log.producers().map(({ producerId }) => producerId),
    [2],
  )
})

test('a producer whose records are old is forgotten when it has been silent, and not before', async () => {
  const { clock, log } = await setting({ producerIdExpirationMs: 1000 })
  const old = () => batch(1, { producerId: 1, producerEpoch: 0, baseSequence: 0, timestamp: clock.now() - 5000 })
  const written = old()
  const { firstOffset } = await clock.run(log.append(Uint8Array.from(written)))
  assert.equal(log.expireProducers(), 0)
  const again = await clock.run(log.append(written))
  assert.deepEqual([again.isDuplicate, again.firstOffset], [true, firstOffset])
  await clock.advance(2000)
  assert.equal(log.expireProducers(), 1)
})

test('a full disk refuses the append and keeps nothing of it; the log goes on once there is room', async () => {
  const all = await setting()
  const { clock, disk, log } = all
  await clock.run(log.append(batch(1, { producerId: 1, producerEpoch: 0, baseSequence: 0 })))
  disk.setCapacity(disk.usedBytes + 50)
  const both = [1, 2].map((baseSequence) => log.append(batch(1, { producerId: 1, producerEpoch: 0, baseSequence, sizeBytes: 100 })))
  for (const result of await clock.run(Promise.allSettled(both))) {
    assert.ok(result.status === 'rejected' && code('STORAGE_FULL')(result.reason))
  }
  disk.setCapacity(Infinity)
  const { firstOffset, isDuplicate } = await clock.run(log.append(batch(1, { producerId: 1, producerEpoch: 0, baseSequence: 1 })))
  assert.deepEqual([firstOffset, isDuplicate], [1, false])
  assert.deepEqual((await read(all, {})).offsets, [0, 1])
})

test('an input-output error takes the directory offline, at once and for good', async () => {
  for (const operation of ['write', 'sync'] as const) {
    const { clock, disk, directory, log } = await setting({ durable: true })
    disk.fail({ operations: [operation], reason: 'input-output', times: 1 })
    const before = disk.operationCount
    await assert.rejects(clock.run(log.append(batch(1))), code('STORAGE_OFFLINE'))
    const tried = disk.operationCount - before
    for (const use of [
      () => log.append(batch(1)),
      () => log.flush(),
      () => log.applyRetention(),
      () => directory.checkpointRecoveryPoints(),
    ]) {
      await assert.rejects(clock.run<unknown>(use()), code('STORAGE_OFFLINE'))
    }
    await assert.rejects(
      clock.run(log.read({ startOffset: 0, maxBytes: 1, isolation: 'log-end', minOneBatch: true })),
      code('STORAGE_OFFLINE'),
    )
    assert.equal(disk.operationCount - before, tried, 'nothing is tried again')
    await clock.run(directory.close(1))
    assert.equal(disk.openHandles, 0)
    assert.equal((await clock.run(disk.list('/d'))).includes('.kafka_cleanshutdown'), false)
  }
})

test('a durable append is acknowledged only after its sync; one sync serves all that wait', async () => {
  const { clock, disk, log } = await setting({ durable: true })
  await clock.run(log.append(batch(1)))
  disk.fail({ operations: ['sync'], delayMs: 1000, times: 1 })
  const start = clock.monotonic()
  const slow = log.append(batch(1))
  await clock.advance(500)
  assert.equal(log.logEndOffset, 2)
  assert.equal(log.syncedOffset, 1)
  const waiting = Array.from({ length: 5 }, () => log.append(batch(1)))
  await clock.run(slow)
  assert.ok(clock.monotonic() - start >= 1000)
  const before = disk.operationCount
  await clock.run(Promise.all(waiting))
  assert.equal(log.syncedOffset, 7)
  assert.ok(disk.operationCount - before <= 2, 'not a sync each')
})

test('flush.ms syncs what has been written so long ago', async () => {
  const { clock, log } = await setting({ flushMs: 500 })
  await clock.run(log.append(batch(3)))
  await clock.advance(400)
  assert.equal(log.syncedOffset, 0)
  await clock.advance(200)
  assert.equal(log.syncedOffset, 3)
})

test('look-ups by time find the exact record; records without a time are never found', async () => {
  const { clock, log } = await setting({ indexIntervalBytes: 0, segmentBytes: 250 })
  const times = [100, 300, 200, 500, 400, 600]
  for (const [index, timestamp] of times.entries()) {
    const records = [timestamp, timestamp + 5].map((time) => ({ key: null, value: new Uint8Array(5), timestamp: time }))
    await clock.run(log.append(buildBatch(records).whole, { leaderEpoch: index }))
  }
  const find = async (timestamp: number): Promise<number | undefined> => (await clock.run(log.findTimestamp(timestamp)))?.offset
  assert.deepEqual(await Promise.all([0, 101, 200, 302, 306, 506, 605, 606].map(find)), [0, 1, 2, 3, 6, 10, 11, undefined])
  assert.deepEqual(await clock.run(log.findMaxTimestamp()), { offset: 11, timestamp: 605, leaderEpoch: 5 })
  const empty = await setting()
  assert.equal(await empty.clock.run(empty.log.findMaxTimestamp()), undefined)
})

test('truncation takes whole batches, and epochs and producers with them', async () => {
  const all = await setting({ segmentBytes: 300 })
  const { clock, log } = all
  for (let count = 0; count < 8; count++) {
    await clock.run(log.append(batch(2, { producerId: 3, producerEpoch: 0, baseSequence: 2 * count }), { leaderEpoch: count >> 1 }))
  }
  await clock.run(log.flush())
  await clock.run(log.truncateTo(9))
  assert.equal(log.logEndOffset, 8)
  assert.deepEqual(
    log.epochs.map(({ epoch, startOffset }) => [epoch, startOffset]),
    [
      [0, 0],
      [1, 4],
    ],
  )
  assert.equal(log.producer(3)?.batches.at(-1)?.lastSequence, 7)
  assert.deepEqual(log.endOffsetOfEpoch(0), { epoch: 0, endOffset: 4 })
  assert.deepEqual(log.endOffsetOfEpoch(1), { epoch: 1, endOffset: 8 })
  await clock.run(log.truncateFullyAndStartAt(100))
  assert.deepEqual([log.logStartOffset, log.logEndOffset, log.highWatermark], [100, 100, 100])
  assert.deepEqual(log.producers(), [])
  assert.equal((await clock.run(log.append(batch(1)))).firstOffset, 100)
})

test('deleted records are gone for readers at once, also after a restart', async () => {
  const all = await setting()
  const { clock, disk, directory, log } = all
  for (let count = 0; count < 5; count++) await clock.run(log.append(batch(1)))
  log.raiseHighWatermark(4)
  await assert.rejects(clock.run(log.deleteRecordsBefore(5)), code('STORAGE_OFFSET_OUT_OF_RANGE'))
  await clock.run(log.deleteRecordsBefore(3))
  await assert.rejects(
    clock.run(log.read({ startOffset: 2, maxBytes: 1, isolation: 'log-end', minOneBatch: true })),
    code('STORAGE_OFFSET_OUT_OF_RANGE'),
  )
  await clock.run(directory.close(5))
  disk.crash()
  const again = await reopen(all)
  assert.deepEqual(again.directory.lastShutdown, { clean: true, brokerEpoch: 5 })
  assert.deepEqual([again.log.logStartOffset, again.log.highWatermark, again.log.logEndOffset], [3, 4, 5])
})

test('what is lost or damaged of an index is built anew', async () => {
  for (const damage of ['lost', 'flipped', 'zeros'] as const) {
    const all = await setting({ indexIntervalBytes: 0, segmentBytes: 400 })
    const { clock, disk, directory, log } = all
    for (let count = 0; count < 12; count++) await clock.run(log.append(batch(1, { timestamp: 1000 + count, sizeBytes: 20 })))
    await clock.run(directory.close(1))
    for (const name of ['/d/t-0/00000000000000000000.index', '/d/t-0/00000000000000000000.timeindex']) {
      if (damage === 'lost') await clock.run(disk.remove(name))
      if (damage === 'flipped') disk.flip(name, 3)
      if (damage === 'zeros') {
        const file = await clock.run(disk.open(name, 'append'))
        await clock.run(file.write(new Uint8Array(2400), 0))
        await clock.run(file.close())
      }
    }
    const again = { ...all, ...(await reopen(all, { indexIntervalBytes: 0, segmentBytes: 400 })) }
    for (let offset = 0; offset < 12; offset++) {
      assert.deepEqual((await read(again, { startOffset: offset, maxBytes: 1 })).offsets, [offset], damage)
      assert.equal((await clock.run(again.log.findTimestamp(1000 + offset)))?.offset, offset, damage)
    }
  }
})

test('a batch that is damaged on the disk ends the log there after an unclean stop', async () => {
  const all = await setting()
  const { clock, disk, log } = all
  for (let count = 0; count < 5; count++) await clock.run(log.append(batch(1, { sizeBytes: 100 })))
  await clock.run(log.flush())
  disk.kill()
  const { sizeBytes } = new BatchView(batch(1, { sizeBytes: 100 }))
  disk.flip('/d/t-0/00000000000000000000.log', 3 * sizeBytes + 80)
  const again = { ...all, ...(await reopen(all)) }
  assert.equal(again.log.logEndOffset, 3)
  assert.deepEqual((await read(again, {})).offsets, [0, 1, 2])
})

test('a log is removed by name first, its files later; a new one of the name is empty', async () => {
  const { clock, disk, directory, log } = await setting({ fileDeleteDelayMs: 1000 })
  await clock.run(log.append(batch(4)))
  await clock.run(directory.checkpointRecoveryPoints())
  await clock.run(directory.removeLog(partition))
  await assert.rejects(clock.run(log.append(batch(1))), code('STORAGE_CLOSED'))
  const fresh = await clock.run(directory.createLog(partition, defaultLogConfig, 'AAAAAAAAAAAAAAAAAAAAAQ'))
  assert.deepEqual([fresh.logEndOffset, fresh.topicId], [0, 'AAAAAAAAAAAAAAAAAAAAAQ'])
  assert.equal((await clock.run(disk.list('/d'))).filter((name) => name.startsWith('t-0')).length, 2)
  await clock.advance(2000)
  assert.deepEqual(
    (await clock.run(disk.list('/d'))).filter((name) => name.startsWith('t-0')),
    ['t-0'],
  )
})

test('a directory of another cluster or broker is refused', async () => {
  const { clock, disk } = await setting()
  const options = { path: '/d', disk, clock, random: new SeededRandom(2) }
  await assert.rejects(clock.run(LogDirectory.open({ ...options, clusterId: 'x', brokerId: 0 })), code('STORAGE_DIRECTORY_OF_OTHER'))
  await assert.rejects(clock.run(LogDirectory.open({ ...options, clusterId: 'c', brokerId: 1 })), code('STORAGE_DIRECTORY_OF_OTHER'))
})

test('few files stay open, however many segments there are', async () => {
  const { clock, disk, log } = await setting({ segmentBytes: 100 })
  for (let count = 0; count < 30; count++) await clock.run(log.append(batch(1)))
  assert.ok(disk.openHandles <= 1000)
  await clock.run(log.close())
  assert.equal(disk.openHandles, 0)
})
