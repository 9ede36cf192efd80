import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger, type Disk } from '@millrace/core'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import { isTopicProblem } from '../../controller/index.ts'
import { LogDirectories, LogDirectory } from '../../storage/index.ts'
import { BrokerConfig } from '../config/index.ts'
import { Cluster } from '../metadata/cluster.ts'

void test('what is configured for all topics while partitions are added holds for these too', async () => {
  const clock = new VirtualClock()
  const random = new SeededRandom(2)
  const port = new SimulatedDisk({ random: new SeededRandom(1) }).attach()
  const { promise: proceed, resolve } = Promise.withResolvers<void>()
  const { promise: opening, resolve: opened } = Promise.withResolvers<void>()
  const slow: Disk = {
    ...port,
    async open(path, mode) {
      if (path.includes('/t-1/')) {
        opened()
        await proceed
      }
      return await port.open(path, mode)
    },
  }
  const directory = await LogDirectory.open({ path: '/log', disk: slow, clock, random, clusterId: 'cluster', brokerId: 1 })
  const config = new BrokerConfig()
  const directories = new LogDirectories([directory])
  const logger = createLogger({ clock, level: 'error', write: () => undefined })
  const options = { directories, nodeId: 1, config, durable: false, disk: slow, clock, random, logger }
  const { controller, topics } = await clock.run(Cluster.open(options))
  assert.ok(!isTopicProblem(await clock.run(controller.create({ name: 't' }))))
  const growing = controller.createPartitions('t', 2)
  await opening
  config.setDynamic({ broker: {}, cluster: { 'log.retention.ms': '1234' } })
  resolve()
  await clock.run(growing)
  assert.deepEqual(
    topics.named('t')!.partitions.map(({ log }) => log.config.retentionMs),
    [1234, 1234],
  )
})
