import { test } from 'node:test'
import assert from 'node:assert/strict'
import { SeededRandom, VirtualClock } from '@millrace/testkit'
import { add, counters, read, setInTransaction, waitFor, type CounterRecord, type CounterState } from './testing/counters.ts'
import { MemoryLog, type AppendFate, type MemoryLogOptions } from './testing/memory-log.ts'
import { PartitionCoordinator, type CoordinatorNotice } from './partition-coordinator.ts'

interface Bench {
  readonly clock: VirtualClock
  readonly log: MemoryLog
  readonly notices: CoordinatorNotice[]
  readonly coordinator: PartitionCoordinator<CounterState, CounterRecord>
}

async function start(options: Partial<MemoryLogOptions> = {}, clock = new VirtualClock()): Promise<Bench> {
  const log = new MemoryLog({ clock, ...options })
  const notices: CoordinatorNotice[] = []
  const random = new SeededRandom(1)
  const coordinator = new PartitionCoordinator({
    name: 'counter',
    partition: 3,
    machine: counters,
    log,
    clock,
    random,
    onNotice: (notice) => notices.push(notice),
  })
  await clock.run(coordinator.loadSettled)
  return { clock, log, notices, coordinator }
}

test('commands that meet an append on its way go with the next one, and are answered in order', async () => {
  const { clock, log, coordinator } = await start({ delayMs: () => 5 })
  const replies: number[] = []
  const all = [1, 2, 3, 4].map(async (amount) => void replies.push(await coordinator.submit(add('a', amount))))
  await clock.run(Promise.all(all))
  assert.deepEqual(replies, [1, 3, 6, 10])
  assert.equal(log.appendCount, 2)
  assert.equal(log.batches.length, 4)
})

test('a reader is answered only when what it saw is acknowledged', async () => {
  const { clock, coordinator } = await start({ delayMs: () => 5 })
  const order: string[] = []
  const write = coordinator.submit(add('a', 1)).then(() => order.push('write'))
  const reader = coordinator.submit(read('a')).then((total) => order.push(`read ${total}`))
  await clock.advance(9)
  assert.deepEqual(order, [])
  await clock.run(Promise.all([write, reader]))
  assert.deepEqual(order, ['write', 'read 1'])
})

test('after a failed append the state is that of the log, and all that were decided behind it fail', async () => {
  let fate: AppendFate = 'acknowledged'
  const { clock, log, coordinator, notices } = await start({ delayMs: () => 1, fate: () => fate })
  await clock.run(coordinator.submit(add('a', 1)))
  await clock.run(coordinator.submit(read('a')))
  fate = 'refused'
  const failing = [coordinator.submit(add('a', 10)), coordinator.submit(add('a', 100)), coordinator.submit(read('a'))]
  await clock.run(Promise.all(failing.map((one) => assert.rejects(one, { code: 'COORDINATOR_UNAVAILABLE' }))))
  fate = 'acknowledged'
  await assert.rejects(coordinator.submit(read('a')), { code: 'COORDINATOR_LOADING' })
  await clock.run(coordinator.loadSettled)
  assert.equal(await clock.run(coordinator.submit(read('a'))), 1)
  assert.equal(log.batches.length, 1)
  assert.deepEqual(
    notices.map(({ kind }) => kind),
    ['append-failed'],
  )
})

test('what was written and yet rejected is there after the failure', async () => {
  const { clock, coordinator } = await start({ fate: () => 'unacknowledged' })
  await clock.run(assert.rejects(coordinator.submit(add('a', 5)), { code: 'COORDINATOR_UNAVAILABLE' }))
  await clock.run(coordinator.loadSettled)
  assert.equal(await clock.run(coordinator.submit(read('a'))), 5)
})

test('a refused operation changes nothing and disturbs nobody', async () => {
  const { clock, log, coordinator } = await start({ batchBytesMax: 200, delayMs: () => 2 })
  const waiting = coordinator.submit(waitFor('a', 2))
  await assert.rejects(coordinator.submit(add('a', -1)), RangeError)
  await assert.rejects(coordinator.submit(add('x'.repeat(300), 1)), { code: 'COORDINATOR_RECORDS_TOO_LARGE' })
  await clock.run(coordinator.submit(setInTransaction('t', 1, 9, 4)))
  await assert.rejects(coordinator.submit(setInTransaction('t', 2, 9, 3)), { code: 'PRODUCER_FENCED' })
  assert.equal(await clock.run(coordinator.submit(add('a', 2))), 2)
  assert.equal(await clock.run(waiting), 2)
  assert.equal(log.batches.length, 2)
})

test('a producer that is fenced by an append on its way is refused', async () => {
  const { clock, coordinator } = await start({ delayMs: () => 5 })
  const first = coordinator.submit(setInTransaction('t', 1, 9, 4))
  await assert.rejects(coordinator.submit(setInTransaction('t', 2, 9, 3)), { code: 'PRODUCER_FENCED' })
  const marker = { producerId: 9, producerEpoch: 4, coordinatorEpoch: 7, isCommit: true }
  const ended = coordinator.writeMarker(marker)
  await assert.rejects(coordinator.writeMarker({ ...marker, coordinatorEpoch: 6 }), { code: 'PRODUCER_COORDINATOR_FENCED' })
  await clock.run(Promise.all([first, ended]))
})

test('transactions are pending until their marker, also through a replay', async () => {
  const first = await start()
  await first.clock.run(first.coordinator.submit(setInTransaction('t', 5, 9, 0)))
  await first.clock.run(first.coordinator.submit(setInTransaction('u', 6, 8, 0)))
  assert.equal(await first.clock.run(first.coordinator.submit(read('t'))), 0)
  const { clock, coordinator } = await start({ batches: first.log.batches })
  assert.equal(await clock.run(coordinator.submit(read('t'))), 0)
  await clock.run(coordinator.writeMarker({ producerId: 9, producerEpoch: 0, coordinatorEpoch: 0, isCommit: true }))
  await clock.run(coordinator.writeMarker({ producerId: 8, producerEpoch: 0, coordinatorEpoch: 0, isCommit: false }))
  assert.equal(await clock.run(coordinator.submit(read('t'))), 5)
  const third = await start({ batches: first.log.batches })
  assert.equal(await third.clock.run(third.coordinator.submit(read('t'))), 5)
  assert.equal(await third.clock.run(third.coordinator.submit(read('u'))), 0)
})

test('giving a partition up settles every ticket and stops every timer', async () => {
  const { clock, coordinator } = await start({ delayMs: () => 5 })
  const owed = [coordinator.submit(waitFor('a', 9)), coordinator.submit(add('a', 1)), coordinator.submit(read('a'))]
  coordinator.close()
  await Promise.all(owed.map((one) => assert.rejects(one, { code: 'COORDINATOR_NOT_HERE' })))
  await assert.rejects(coordinator.submit(read('a')), { code: 'COORDINATOR_NOT_HERE' })
  await clock.runUntilIdle(100)
})

test('a log that cannot be read is tried again', async () => {
  const clock = new VirtualClock()
  const log = new MemoryLog({ clock })
  log.failReads = true
  const coordinator = new PartitionCoordinator({
    name: 'counter',
    partition: 0,
    machine: counters,
    log,
    clock,
    random: new SeededRandom(1),
  })
  await assert.rejects(coordinator.submit(read('a')), { code: 'COORDINATOR_LOADING' })
  await clock.run(coordinator.loadSettled)
  await assert.rejects(coordinator.submit(read('a')), { code: 'COORDINATOR_UNAVAILABLE' })
  log.failReads = false
  await clock.advance(1100)
  assert.equal(await clock.run(coordinator.submit(read('a'))), 0)
  coordinator.close()
})
