import assert from 'node:assert/strict'
import { it } from 'node:test'
import { nodeClock, nodeDisk, nodeNetwork, nodeRandom } from '@millrace/core'
import { Log } from '@millrace/log'
import { LogClient } from '@millrace/log/client'
import type { ConnectorMetrics } from '../../source.ts'
import { string } from '../formats/plain.ts'
import { kafkaSource } from './kafka-source.ts'

it('lag: what is there for readers and was not emitted, by partition and in all', async () => {
  const log = await Log.start({ memory: true })
  const client = new LogClient({ bootstrap: log.bootstrap })
  await client.admin.createTopics([{ name: 'readings', partitions: 2 }])
  const producer = client.producer()
  const send = async (partition: number, count: number): Promise<void> => {
    await Promise.all(Array.from({ length: count }, () => producer.send({ topic: 'readings', partition, value: 'x' })))
  }
  await send(0, 700)
  await send(1, 3)
  const gauges = new Map<string, () => number>()
  const metrics: ConnectorMetrics = { gauge: (name, read, labels) => void gauges.set(`${name} ${labels?.['partition'] ?? ''}`, read) }
  const lags = (): readonly number[] => [...gauges.values()].map((read) => read())
  const machine = { clock: nodeClock, disk: nodeDisk, network: nodeNetwork, random: nodeRandom }
  let wake = (): void => {}
  const context = {
    ...machine,
    subtask: 0,
    parallelism: 1,
    wake: () => wake(),
    fail: (error: unknown) => assert.fail(error as Error),
    metrics,
  }
  const reader = kafkaSource({ brokers: log.bootstrap, topics: 'readings', value: string() }).createReader(context)
  await reader.open?.()
  const split = (partition: number) => ({
    id: `readings-${partition}`,
    topic: 'readings',
    topicId: '',
    partition,
    offset: 0,
    leaderEpoch: -1,
  })
  reader.addSplits([split(0), split(1)])
  assert.deepEqual([...gauges.keys()], ['kafka_lag_records ', 'kafka_partition_lag_records 0', 'kafka_partition_lag_records 1'])
  const emitted: unknown[] = []
  const readUntil = async (count: number): Promise<void> => {
    while (emitted.length < count) {
      const woken = new Promise<void>((resolve) => (wake = resolve))
      if (reader.poll({ emit: (value) => void emitted.push(value) }) === 'wait' && emitted.length < count) await woken
    }
  }
  await readUntil(1)
  const [all, first, second] = lags() as [number, number, number]
  assert.equal(all, (first || 0) + (second || 0))
  assert.equal(all, 703 - emitted.length)
  await readUntil(703)
  assert.deepEqual(lags(), [0, 0, 0])
  await send(1, 5)
  await readUntil(704)
  assert.equal(lags()[0], 708 - emitted.length)
  await reader.close()
  assert.ok(Number.isNaN(lags()[1]))
  await producer.close()
  client.close()
  await log.close()
})
