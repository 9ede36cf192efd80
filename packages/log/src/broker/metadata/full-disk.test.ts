import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger, DiskError, type Disk } from '@millrace/core'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import { isTopicProblem } from '../../controller/index.ts'
import { LogDirectories, LogDirectory } from '../../storage/index.ts'
import { BrokerConfig } from '../config/index.ts'
import { Cluster } from './cluster.ts'

async function open(port: Disk, clock: VirtualClock): Promise<Cluster> {
  const random = new SeededRandom(2)
  const logger = createLogger({ clock, level: 'error', write: () => undefined })
  const directory = await LogDirectory.open({ path: '/log', disk: port, clock, random, clusterId: 'cluster', brokerId: 1 })
  return await Cluster.open({
    directories: new LogDirectories([directory]),
    nodeId: 1,
    config: new BrokerConfig(),
    durable: false,
    disk: port,
    clock,
    random,
    logger,
  })
}

void test('a full disk refuses topics and partitions at whatever step, and they can be made when there is room', async () => {
  const refusals = { create: 0, grow: 0 }
  for (let room = 0; room < 2500; room += 35) {
    const disk = new SimulatedDisk({ random: new SeededRandom(1) })
    const clock = new VirtualClock()
    const { controller, topics } = await open(disk.attach(), clock)
    const kept = await clock.run(controller.create({ name: 'kept' }))
    assert.ok(!isTopicProblem(kept))
    disk.setCapacity(disk.usedBytes + room)
    const created = await clock.run(controller.create({ name: 'new', partitionCount: 2 })).catch((error: unknown) => error)
    const grown = await clock.run(controller.createPartitions('kept', 4)).catch((error: unknown) => error)
    if (created instanceof Error) refusals.create++
    if (grown instanceof Error) refusals.grow++
    assert.equal(topics.named('new') === undefined, created instanceof Error)
    assert.equal(topics.named('kept')!.partitionCount, grown instanceof Error ? 1 : 4)

    disk.setCapacity(Infinity)
    if (created instanceof Error) assert.ok(!isTopicProblem(await clock.run(controller.create({ name: 'new', partitionCount: 2 }))))
    if (grown instanceof Error) assert.ok(!isTopicProblem(await clock.run(controller.createPartitions('kept', 4))))
    assert.deepEqual([topics.named('new')!.partitions.length, topics.named('kept')!.partitions.length], [2, 4])
  }
  assert.ok(refusals.create > 5 && refusals.grow > 5, JSON.stringify(refusals))
})

void test('a topic that was refused, or whose growth was, leaves nothing when it has gone: not to the next of its name, and not to the next start', async () => {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) })
  const clock = new VirtualClock()
  const port = disk.attach()
  let refused: string | undefined
  const few: Disk = {
    ...port,
    open: (path, mode) =>
      refused !== undefined && path.includes(refused)
        ? Promise.reject(new DiskError('too-many-open', 'open', path))
        : port.open(path, mode),
  }
  const folders = async (): Promise<readonly string[]> => (await port.list('/log')).filter((name) => /^(kept|new)-\d$/.test(name))
  const { controller, topics } = await open(few, clock)
  const kept = await clock.run(controller.create({ name: 'kept' }))
  assert.ok(!isTopicProblem(kept))
  refused = '/kept-3/'
  await assert.rejects(clock.run(controller.createPartitions('kept', 6)), { code: 'STORAGE_UNAVAILABLE' })
  assert.ok((await folders()).length > 1)
  refused = '/new-1/'
  await assert.rejects(clock.run(controller.create({ name: 'new', partitionCount: 3 })), { code: 'STORAGE_UNAVAILABLE' })
  refused = undefined
  await clock.run(controller.delete(kept.id))
  assert.deepEqual(await folders(), [])
  assert.ok(!isTopicProblem(await clock.run(controller.create({ name: 'kept', partitionCount: 6 }))))
  assert.equal(topics.named('kept')!.partitions.length, 6)
  disk.kill()
  const { topics: afterwards } = await open(disk.attach(), clock)
  assert.deepEqual(
    [...afterwards.all()].map(({ name, partitionCount }) => [name, partitionCount]),
    [['kept', 6]],
  )
})
