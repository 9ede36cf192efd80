// The source in real jobs against a broker of our own over real sockets. The same was tried by hand against Apache Kafka 4.1.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Log } from '@millrace/log'
import { LogClient, type ProducerRecord } from '@millrace/log/client'
import { collect } from '../../../runtime/execute.ts'
import { json } from '../formats/plain.ts'
import { kafkaSource } from './kafka-source.ts'

const dir = mkdtempSync(join(tmpdir(), 'millrace-kafka-source-'))
const log = await Log.start({ dir, config: { 'group.initial.rebalance.delay.ms': '0' } })
const brokers = log.bootstrap
const client = new LogClient({ bootstrap: brokers })
after(async () => {
  client.close()
  await log.close()
  rmSync(dir, { recursive: true })
})

let topics = 0
async function newTopic(partitions: number): Promise<string> {
  const topic = `topic-${topics++}`
  await client.admin.createTopics([{ name: topic, partitions }])
  return topic
}

async function produce(records: readonly ProducerRecord[]): Promise<void> {
  const producer = client.producer()
  await Promise.all(records.map((record) => producer.send(record)))
  await producer.close()
}

void test('a bounded job reads every record once, in the order of each partition', async () => {
  const topic = await newTopic(3)
  const values = Array.from({ length: 3_000 }, (_, n) => ({ n, partition: n % 3 }))
  await produce(values.map((value) => ({ topic, partition: value.partition, value: JSON.stringify(value) })))
  const source = kafkaSource({ brokers, topics: topic, value: json<{ n: number; partition: number }>(), endAt: 'latest' })
  const seen = await Array.fromAsync(collect((env) => env.fromSource(source), { parallelism: 2 }))
  assert.equal(seen.length, values.length)
  for (const partition of [0, 1, 2]) {
    const of = (list: readonly { n: number; partition: number }[]): number[] =>
      list.filter((each) => each.partition === partition).map(({ n }) => n)
    assert.deepEqual(of(seen), of(values))
  }
})
