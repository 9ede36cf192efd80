import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import { buildBatch } from '../../records/batch-builder.ts'
import { defaultLogConfig } from '../config.ts'
import { LogDirectory } from '../directory/log-directory.ts'
import type { PartitionLog } from '../partition/partition-log.ts'
import { encodeProducerSnapshot } from '../producers/producer-snapshot.ts'

const clock = new VirtualClock()
const random = new SeededRandom(1)
const config = { ...defaultLogConfig, durable: true }

async function open(disk: SimulatedDisk): Promise<PartitionLog> {
  const directory = await LogDirectory.open({ path: '/data', disk: disk.attach(), clock, random, clusterId: 'c', brokerId: 1 })
  const [loaded] = await directory.loadLogs(() => config)
  return loaded ?? (await directory.createLog({ topic: 't', partition: 0 }, config))
}

async function append(log: PartitionLog, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    await log.append(buildBatch([{ key: null, value: Buffer.from('v'), timestamp: 0 }]).whole)
    log.raiseHighWatermark(log.logEndOffset)
  }
}

// A truncation that a crash has met after its cut leaves such a snapshot.
test('a snapshot beyond the end is gone for good once the log has been opened: it tells of producers that never wrote what is there now', async () => {
  const disk = new SimulatedDisk({ random, clock })
  await clock.run(
    (async () => {
      const log = await open(disk)
      await append(log, 4)
      const stale = `${log.directory}/00000000000000000006.snapshot`
      const entry = {
        producerId: 7,
        producerEpoch: 0,
        coordinatorEpoch: -1,
        lastTimestamp: 0,
        transactionFirstOffset: undefined,
        batches: [],
      }
      const files = disk.attach()
      const file = await files.open(stale, 'write')
      await file.writeAll([encodeProducerSnapshot([entry])], 0)
      await file.sync()
      await file.close()
      await files.syncDirectory(log.directory)
      disk.crash({ loss: 'none', at: 0 })
      await append(await open(disk), 6)
      // Nobody has synced the folder since, but for the load.
      disk.crash({ loss: 'all', at: 0 })
      const after = await open(disk)
      assert.equal(after.logEndOffset, 10)
      await after.truncateTo(8)
      assert.deepEqual(after.producers(), [])
      await append(after, 1)
      await after.close()
    })(),
  )
})

test('a snapshot that a truncation has removed does not come back behind what was written since', async () => {
  const disk = new SimulatedDisk({ random, clock })
  await clock.run(
    (async () => {
      const log = await open(disk)
      await append(log, 4)
      for (let sequence = 0; sequence < 2; sequence++) {
        const producer = { producerId: 7, producerEpoch: 0, baseSequence: sequence }
        await log.append(buildBatch([{ key: null, value: Buffer.from('v'), timestamp: 0 }], producer).whole)
      }
      await log.close()
      const reopened = await open(disk)
      assert.deepEqual(
        reopened.producers().map(({ producerId }) => producerId),
        [7],
      )
      await reopened.truncateTo(4)
      await append(reopened, 6)
      disk.crash({ loss: 'all', at: 0 })
      const after = await open(disk)
      assert.equal(after.logEndOffset, 10)
      await after.truncateTo(8)
      assert.deepEqual(after.producers(), [])
      await after.close()
    })(),
  )
})
