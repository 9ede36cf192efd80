// Bytes that go straight from a topic into another one are not copied: the memory that they were fetched into is used again while they are written.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Log } from '@millrace/log'
import { LogClient } from '@millrace/log/client'
import { defineJob, execute } from '../../index.ts'
import { bytes } from './formats/plain.ts'
import { kafkaSink } from './sink/kafka-sink.ts'
import { kafkaSource } from './source/kafka-source.ts'

const RECORDS = 6_000
const stateDir = mkdtempSync(join(tmpdir(), 'millrace-pass-through-'))
const log = await Log.start({ memory: true })
const client = new LogClient({ bootstrap: log.bootstrap })
after(async () => {
  client.close()
  await log.close()
  rmSync(stateDir, { recursive: true })
})

async function valuesOf(topic: string): Promise<string[]> {
  const fetcher = client.fetcher()
  fetcher.assign([0, 1].map((partition) => ({ topic, partition, start: 'earliest' as const })))
  const values: string[] = []
  while (values.length < RECORDS) {
    for (const { records } of await fetcher.poll({ waitMs: 200 })) {
      for (const { value } of records) values.push(Buffer.from(value!).toString())
    }
  }
  fetcher.close()
  return values
}

for (const delivery of ['exactly-once', 'at-least-once'] as const) {
  void test(`bytes arrive as they were, ${delivery}`, async () => {
    const [from, to] = [`${delivery}-from`, `${delivery}-to`]
    for (const name of [from, to]) await client.admin.createTopics([{ name, partitions: 2 }])
    const filler = 'x'.repeat(400)
    const all = Array.from({ length: RECORDS }, (_, index) => `${index} ${filler}`)
    const producer = client.producer({ batchBytes: 20_000 })
    for (const [index, value] of all.entries()) producer.append({ topic: from, partition: index % 2, value: Buffer.from(value) })
    await producer.close()
    const brokers = log.bootstrap
    await execute(
      defineJob('pass-through', (env) => {
        env
          .fromSource(kafkaSource({ brokers, topics: from, value: bytes(), endAt: 'latest', fetch: { partitionMaxBytes: 100_000 } }), {
            uid: 'in',
          })
          .sinkTo(kafkaSink({ brokers, topic: to, value: bytes(), delivery, transactionalIdPrefix: to, bufferBytes: 200_000 }))
          .uid('out')
      }),
      { options: { stateDir: join(stateDir, delivery), checkpointing: { storage: 'filesystem', interval: '10ms' } } },
    )
    assert.deepEqual((await valuesOf(to)).toSorted(), all.toSorted())
  })
}
