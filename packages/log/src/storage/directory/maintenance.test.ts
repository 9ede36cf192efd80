import { test } from 'node:test'
import assert from 'node:assert/strict'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import { buildBatch } from '../../records/batch-builder.ts'
import { defaultLogConfig, type LogConfig } from '../config.ts'
import type { StorageNotice } from '../partition/log-host.ts'
import type { PartitionLog } from '../partition/partition-log.ts'
import { LogDirectory } from './log-directory.ts'
import { maintain } from './maintenance.ts'

async function setting(
  config: Partial<LogConfig>,
  onNotice: (notice: StorageNotice) => void = () => {},
): Promise<{ clock: VirtualClock; disk: SimulatedDisk; directory: LogDirectory; log: PartitionLog }> {
  const clock = new VirtualClock()
  const disk = new SimulatedDisk({ random: new SeededRandom(1), clock })
  const directory = await clock.run(
    LogDirectory.open({ path: '/d', disk, clock, random: new SeededRandom(2), clusterId: 'c', brokerId: 0, onNotice }),
  )
  const log = await clock.run(directory.createLog({ topic: 't', partition: 0 }, { ...defaultLogConfig, ...config }))
  return { clock, disk, directory, log }
}

async function fill({ clock, log }: { clock: VirtualClock; log: PartitionLog }, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const record = { key: Buffer.from(`k${index % 3}`), value: new Uint8Array(50), timestamp: clock.now() }
    await clock.run(log.append(buildBatch([record]).whole))
  }
  log.raiseHighWatermark(log.logEndOffset)
}

test('old segments go, keys are compacted, checkpoints are written, in their time', async () => {
  const retained = await setting({ segmentBytes: 200, retentionMs: 3_600_000 })
  const compacted = await setting({ segmentBytes: 1000, cleanupDelete: false, cleanupCompact: true })
  for (const one of [retained, compacted]) {
    await fill(one, 20)
    const stop = maintain(one.directory)
    await one.clock.advance(2 * 3_600_000)
    await one.clock.run(stop())
    await one.clock.advance(120_000)
    assert.equal(one.clock.pending, 0, 'nothing is left to do')
  }
  assert.deepEqual([retained.log.logStartOffset, retained.log.segmentCount], [20, 1])
  assert.deepEqual([compacted.log.logStartOffset, compacted.log.logEndOffset], [0, 20])
  assert.ok(compacted.log.sizeBytes < 1500, `${compacted.log.sizeBytes} bytes`)
  const names = await compacted.clock.run(compacted.disk.list('/d'))
  for (const name of ['recovery-point', 'replication', 'cleaner']) assert.ok(names.includes(`${name}-offset-checkpoint`), name)
})

test('a duty that fails is tried again, and an offline directory is left in peace', async () => {
  const { clock, disk, directory, log } = await setting({})
  await fill({ clock, log }, 3)
  const stop = maintain(directory, { highWatermarkCheckpointIntervalMs: 100 })
  disk.fail({ path: /replication/, reason: 'no-space', times: 2 })
  await clock.advance(1000)
  assert.ok((await clock.run(disk.list('/d'))).includes('replication-offset-checkpoint'))
  directory.failed(new Error('gone'), '/d', true)
  await clock.advance(1_000_000)
  assert.equal(clock.pending, 0)
  await stop()
})

test('a log that cannot be compacted is told of, is tried again at the next look, and keeps no other from it', async () => {
  const told: StorageNotice[] = []
  const config = { ...defaultLogConfig, segmentBytes: 1000, cleanupDelete: false, cleanupCompact: true }
  const { clock, disk, directory, log } = await setting(config, (notice) => told.push(notice))
  // More of it is dirty, so that its turn comes first.
  await fill({ clock, log }, 40)
  const other = await clock.run(directory.createLog({ topic: 't', partition: 1 }, config))
  await fill({ clock, log: other }, 20)
  const wholeBytes = { log: log.sizeBytes, other: other.sizeBytes }
  const path = `${log.directory}/${(await clock.run(disk.list(log.directory))).find((name) => name.endsWith('.log'))!}`
  disk.flip(path, 100)
  const stop = maintain(directory, { cleanerBackoffMs: 15_000 })
  await clock.advance(16_000)
  assert.ok(other.sizeBytes < wholeBytes.other, `${other.sizeBytes} bytes`)
  const failures = (): readonly string[] => told.filter(({ kind }) => kind === 'background-failure').map((notice) => notice.path)
  assert.deepEqual(failures(), [log.directory])
  await clock.advance(15_000)
  assert.deepEqual(failures(), [log.directory, log.directory])
  disk.flip(path, 100)
  await clock.advance(15_000)
  assert.ok(log.sizeBytes < wholeBytes.log, `${log.sizeBytes} bytes`)
  await clock.run(stop())
})

test('what comes in the place of compacted records that the disk has lost is compacted again', async () => {
  const config = { ...defaultLogConfig, segmentBytes: 1000, cleanupDelete: false, cleanupCompact: true }
  const { clock, disk, directory, log } = await setting(config)
  await fill({ clock, log }, 40)
  const stop = maintain(directory)
  await clock.advance(20_000)
  await clock.run(stop())
  const cleanedUpTo = directory.cleanedUpTo(log)!
  assert.ok(cleanedUpTo > 20, `${cleanedUpTo}`)
  await clock.run(directory.close(1))
  for (const name of await clock.run(disk.list(log.directory))) {
    if (/^\d+\./.test(name)) await clock.run(disk.attach().remove(`${log.directory}/${name}`))
  }
  const options = { path: '/d', disk, clock, random: new SeededRandom(3), clusterId: 'c', brokerId: 0, onNotice: () => {} }
  const again = await clock.run(LogDirectory.open(options))
  const [shorter] = await clock.run(again.loadLogs(() => config))
  assert.equal(shorter!.logEndOffset, 0)
  await fill({ clock, log: shorter! }, 40)
  const wholeBytes = shorter!.sizeBytes
  const stopAgain = maintain(again)
  await clock.advance(20_000)
  await clock.run(stopAgain())
  assert.ok(shorter!.sizeBytes < wholeBytes / 2, `${shorter!.sizeBytes} of ${wholeBytes} bytes`)
})
