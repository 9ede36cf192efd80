import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createLogger, type Disk } from '@millrace/core'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import { isTopicProblem, type TopicRegistration } from '../../controller/index.ts'
import { LogDirectories, LogDirectory } from '../../storage/index.ts'
import { BrokerConfig } from '../config/index.ts'
import { batchOf } from '../testing/requests.ts'
import { Cluster } from './cluster.ts'

const DIR = '/data/log'
const NAMES = ['a', 'b', 'c'] as const

interface Expected {
  readonly id: string
  readonly partitionCount: number
  readonly retention: string | undefined
  /** Records written and synced. */
  readonly records: number
}

/** What has been acknowledged, by topic; undefined where it must be gone. A change under way may have happened or not. */
class Model {
  readonly acknowledged = new Map<string, Expected | undefined>()
  underWay: string | undefined
  brokerEpoch = 0
  readonly leaderEpochs = new Map<string, number>()
}

const logger = createLogger({ clock: { now: () => 0 } as VirtualClock, level: 'error', write: () => undefined })

async function open(disk: Disk, clock: VirtualClock, random: SeededRandom): Promise<{ cluster: Cluster; config: BrokerConfig }> {
  const directory = await LogDirectory.open({ path: DIR, disk, clock, random, clusterId: 'cluster', brokerId: 1 })
  const config = new BrokerConfig()
  const cluster = await Cluster.open({
    directories: new LogDirectories([directory]),
    nodeId: 1,
    config,
    durable: true,
    disk,
    clock,
    random,
    logger,
  })
  return { cluster, config }
}

function check({ topics, brokerEpoch }: Cluster, model: Model): void {
  assert.ok(brokerEpoch > model.brokerEpoch, 'the broker epoch has not grown')
  model.brokerEpoch = brokerEpoch
  for (const name of NAMES) {
    const expected = model.acknowledged.get(name)
    const topic = topics.named(name)
    if (name !== model.underWay) {
      const found = topic && { id: topic.idText, partitionCount: topic.partitionCount, retention: topic.configs['retention.ms'] }
      assert.deepEqual(found, expected && { id: expected.id, partitionCount: expected.partitionCount, retention: expected.retention })
    }
    for (const partition of topic?.partitions ?? []) {
      const key = `${topic!.idText}-${partition.index}`
      const before = model.leaderEpochs.get(key) ?? -1
      assert.ok(partition.leaderEpoch > before, `leader epoch ${partition.leaderEpoch} of ${key} is not above ${before}`)
      model.leaderEpochs.set(key, partition.leaderEpoch)
    }
    if (topic === undefined) continue
    const isNew = topic.idText !== expected?.id
    const end = topic.partitions[0]!.log.logEndOffset
    assert.ok(isNew ? end === 0 : end >= expected.records, `${name} has ${end} records`)
  }
  settle(topics, model)
}

/** What was under way has happened or not: that is known now. */
function settle(topics: Cluster['topics'], model: Model): void {
  for (const name of NAMES) {
    const topic = topics.named(name)
    const records = topic?.idText === model.acknowledged.get(name)?.id ? (model.acknowledged.get(name)?.records ?? 0) : 0
    model.acknowledged.set(
      name,
      topic && { id: topic.idText, partitionCount: topic.partitionCount, retention: topic.configs['retention.ms'], records },
    )
  }
  model.underWay = undefined
}

const expectedOf = ({ id, partitions }: TopicRegistration, retention: string | undefined): Expected => ({
  id,
  partitionCount: partitions.length,
  retention,
  records: 0,
})

/** Changes topics until the disk takes no more. */
async function work(cluster: Cluster, model: Model, random: SeededRandom): Promise<void> {
  const { controller, topics } = cluster
  for (let step = 0; ; step++) {
    const name = random.pick(NAMES)
    const topic = topics.named(name)
    const expected = model.acknowledged.get(name)
    const action = random.between(0, 9)
    model.underWay = name
    if (topic === undefined || expected === undefined) {
      const retention = random.chance(0.5) ? String(1000 + step) : undefined
      const made = await controller.create({
        name,
        partitionCount: random.between(1, 3),
        ...(retention === undefined ? {} : { configs: { 'retention.ms': retention } }),
      })
      assert.ok(!isTopicProblem(made))
      assert.notEqual(made.id, expected?.id)
      model.acknowledged.set(name, expectedOf(made, retention))
    } else if (action < 3) {
      assert.ok(await controller.delete(topic.idText))
      model.acknowledged.set(name, undefined)
    } else if (action < 5) {
      const grown = await controller.createPartitions(name, topic.partitionCount + 1)
      assert.ok(!isTopicProblem(grown))
      model.acknowledged.set(name, { ...expected, partitionCount: grown.partitions.length })
    } else if (action < 7) {
      const retention = String(5000 + step)
      assert.ok(await controller.alterConfigs(name, (before) => ({ ...before, 'retention.ms': retention })))
      assert.equal(topic.config.log.retentionMs, 5000 + step)
      model.acknowledged.set(name, { ...expected, retention })
    } else {
      const { lastOffset } = await topic.partitions[0]!.append(batchOf(['x'], { timestamp: 1 }))
      model.acknowledged.set(name, { ...expected, records: lastOffset + 1 })
    }
    model.underWay = undefined
  }
}

void test('topics, their configurations and records are what was acknowledged, wherever the power fails', async () => {
  let crashes = 0
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 2 ** 31 }),
      fc.array(fc.integer({ min: 5, max: 400 }), { minLength: 2, maxLength: 4 }),
      async (seed, lives) => {
        const clock = new VirtualClock()
        const random = new SeededRandom(seed)
        const disk = new SimulatedDisk({ random: random.fork(), clock, latencyMs: [0.5, 1] })
        await clock.run(disk.attach().makeDirectory(DIR))
        await clock.run(disk.attach().syncDirectory('/'))
        await clock.run(disk.attach().syncDirectory('/data'))
        const model = new Model()
        for (const lifeMs of lives) {
          const { cluster } = await clock.run(open(disk.attach(), clock, random))
          check(cluster, model)
          let failure: unknown
          work(cluster, model, random).catch((error: unknown) => (failure = error))
          await clock.advance(lifeMs)
          assert.equal(failure, undefined)
          disk.crash()
          crashes++
        }
        check((await clock.run(open(disk.attach(), clock, random))).cluster, model)
      },
    ),
    { numRuns: 15 },
  )
  assert.ok(crashes >= 30)
})
