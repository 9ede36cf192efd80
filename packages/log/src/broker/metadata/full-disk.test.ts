import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from '@millrace/core'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import { isTopicProblem } from '../../controller/index.ts'
import { LogDirectories, LogDirectory } from '../../storage/index.ts'
import { BrokerConfig } from '../config/index.ts'
import { Cluster } from './cluster.ts'

async function open(disk: SimulatedDisk, clock: VirtualClock): Promise<Cluster> {
  const random = new SeededRandom(2)
  const logger = createLogger({ clock, level: 'error', write: () => undefined })
  const port = disk.attach()
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
    const { controller, topics } = await open(disk, clock)
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
