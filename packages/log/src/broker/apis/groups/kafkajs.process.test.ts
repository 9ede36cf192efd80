// Two consumers of another make share a topic, hand it over, and go on where they were after the broker has been started again.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Kafka, logLevel, PartitionAssigners, type Consumer } from 'kafkajs'
import { Log } from '../../log.ts'

const PARTITIONS = 4

async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!holds()) {
    assert.ok(performance.now() < deadline, `never: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('kafkajs: two members, a rebalance, commits, and a broker that comes back', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-kafkajs-groups-'))
  let log = await Log.start({ dir })
  const port = log.port
  const kafka = new Kafka({
    clientId: 'k',
    brokers: [log.bootstrap],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 20 },
  })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'k', numPartitions: PARTITIONS }] })
  const producer = kafka.producer()
  await producer.connect()
  const produce = async (from: number, to: number): Promise<void> => {
    const messages = Array.from({ length: to - from }, (_, index) => ({ value: `${from + index}`, partition: (from + index) % PARTITIONS }))
    await producer.send({ topic: 'k', messages })
  }

  const seen = new Map<string, string[]>()
  const assigned = new Map<string, number>()
  const consumers: Consumer[] = []
  const consume = async (name: string): Promise<Consumer> => {
    const consumer = kafka.consumer({
      groupId: 'kg',
      sessionTimeout: 6000,
      heartbeatInterval: 100,
      maxWaitTimeInMs: 100,
      rebalanceTimeout: 6000,
      partitionAssigners: [PartitionAssigners.roundRobin],
    })
    consumers.push(consumer)
    await consumer.connect()
    await consumer.subscribe({ topic: 'k', fromBeginning: true })
    consumer.on('consumer.group_join', ({ payload }) => void assigned.set(name, payload.memberAssignment['k']?.length ?? 0))
    await consumer.run({
      autoCommitThreshold: 1,
      eachMessage: async ({ message }) => {
        const values = seen.get(name) ?? []
        seen.set(name, values)
        values.push(message.value!.toString())
      },
    })
    return consumer
  }
  const values = (): string[] => [...seen.values()].flat()

  await produce(0, 20)
  await consume('one')
  await until(() => values().length === 20, 'the first member reads everything')
  const second = await consume('two')
  await until(() => assigned.get('one') === 2 && assigned.get('two') === 2, 'the partitions are shared')
  await produce(20, 40)
  await until(() => new Set(values()).size === 40, 'both read on')
  assert.ok(seen.get('two')!.length >= 10)
  const described = await admin.describeGroups(['kg'])
  assert.deepEqual([described.groups[0]!.state, described.groups[0]!.members.length], ['Stable', 2])

  await second.disconnect()
  await until(() => assigned.get('one') === PARTITIONS, 'the first member has everything again')
  await log.close()
  log = await Log.start({ dir, port })
  const before = values().length
  await produce(40, 60)
  await until(() => new Set(values()).size === 60, 'it goes on after the restart')
  assert.ok(values().length - before <= 24, `${values().length - before} were read where 20 are new`)

  await Promise.all(consumers.map((consumer) => consumer.disconnect()))
  const committed = await admin.fetchOffsets({ groupId: 'kg', topics: ['k'] })
  assert.deepEqual(
    committed[0]!.partitions.map(({ offset }) => offset),
    ['15', '15', '15', '15'],
  )
  await admin.deleteGroups(['kg'])
  assert.deepEqual((await admin.listGroups()).groups, [])
  await Promise.all([producer.disconnect(), admin.disconnect()])
  await log.close()
  rmSync(dir, { recursive: true })
})
