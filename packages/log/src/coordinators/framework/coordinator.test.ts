import { test } from 'node:test'
import assert from 'node:assert/strict'
import { SeededRandom, VirtualClock } from '@millrace/testkit'
import { Coordinator } from './coordinator.ts'
import { InternalTopic } from './internal-topic.ts'
import type { LedPartition } from './partition-log.ts'
import { add, counters, read } from './testing/counters.ts'
import { MemoryLog } from './testing/memory-log.ts'

test('partitions are loaded and given up by their leader epoch, and do not wait for each other', async () => {
  const clock = new VirtualClock()
  const coordinator = new Coordinator({ name: 'counter', machine: counters, clock, random: new SeededRandom(1) })
  await assert.rejects(coordinator.submit(0, read('a')), { code: 'COORDINATOR_NOT_HERE' })
  const batches: Uint8Array[] = []
  assert.equal(coordinator.load(0, new MemoryLog({ clock, batches, leaderEpoch: 5 })), true)
  assert.equal(coordinator.load(0, new MemoryLog({ clock, batches, leaderEpoch: 5 })), false)
  coordinator.load(1, new MemoryLog({ clock, delayMs: () => 1e6 }))
  await clock.run(coordinator.loadSettled(0))
  assert.equal(await clock.run(coordinator.submit(0, add('a', 3))), 3)
  await assert.rejects(coordinator.submit(1, read('a')), { code: 'COORDINATOR_LOADING' })
  coordinator.load(0, new MemoryLog({ clock, leaderEpoch: 4 }))
  coordinator.unload(0, 4)
  assert.equal(await clock.run(coordinator.submit(0, read('a'))), 3, 'an older leadership changes nothing')
  coordinator.unload(0, 6)
  await assert.rejects(coordinator.submit(0, read('a')), { code: 'COORDINATOR_NOT_HERE' })
  coordinator.load(0, new MemoryLog({ clock, batches, leaderEpoch: 6 }))
  await assert.rejects(coordinator.submit(0, read('a')), { code: 'COORDINATOR_NOT_HERE' })
  coordinator.load(0, new MemoryLog({ clock, batches, leaderEpoch: 7 }))
  await clock.run(coordinator.loadSettled(0))
  assert.equal(await clock.run(coordinator.submit(0, read('a'))), 3)
  coordinator.unload(0)
  coordinator.load(0, new MemoryLog({ clock, leaderEpoch: 0 }))
  await clock.run(coordinator.loadSettled(0))
  assert.equal(await clock.run(coordinator.submit(0, read('a'))), 0, 'a topic that was deleted and made again is another one')
  coordinator.close()
})

test('the topic is made once for all who wait, and a failure is not kept', async () => {
  let isThere = false
  let fails = true
  let made = 0
  let loads = 0
  const topic = new InternalTopic({
    find: () => (isThere ? { partitions: [{} as LedPartition] } : undefined),
    create: async () => {
      made++
      await Promise.resolve()
      if (fails) throw new Error('not now')
      isThere = true
    },
    batchBytesMax: () => 1000,
    load: () => void loads++,
  })
  assert.deepEqual(await Promise.all([topic.ensure(), topic.ensure()]), [false, false])
  fails = false
  assert.deepEqual(await Promise.all([topic.ensure(), topic.ensure()]), [true, true])
  assert.equal(made, 2)
  loads = 0
  assert.equal(await topic.ensure(), true)
  assert.equal(loads, 0, 'a request is asked of a topic that is there without a look at its partitions')
})
