import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Log } from '../../broker/log.ts'
import { LogClient } from '../index.ts'

const log = await Log.start({ memory: true })
const client = new LogClient({ bootstrap: log.bootstrap })
after(async () => {
  client.close()
  await log.close()
})

async function fill(topic: string, letter: string, count: number): Promise<readonly string[]> {
  await client.admin.createTopics([{ name: topic, partitions: 1 }])
  const writer = new LogClient({ bootstrap: log.bootstrap })
  const producer = writer.producer()
  const values = Array.from({ length: count }, (_, index) => `${letter}${index}`)
  await Promise.all(values.map((value) => producer.send({ topic, value })))
  await producer.close()
  writer.close()
  return values
}

/** Makes the topic again, with more records than have been read, while nothing is fetched: what was fetched before waits for its reader. */
for (const offsetReset of ['earliest', 'latest', 'none'] as const) {
  void test(`a topic that was made again is not read from the middle (offsetReset: '${offsetReset}')`, async () => {
    const topic = `again-${offsetReset}`
    const before = await fill(topic, 'a', 10)
    await client.admin.groups.commitOffsets(topic, [{ topic, partition: 0, offset: 0 }])
    const consumer = client.groupConsumer({
      groupId: topic,
      topics: [topic],
      offsetReset,
      fetcher: { partitionMaxBytes: 1, maxWaitMs: 50 },
    })
    const seen: string[] = []
    const poll = async (): Promise<void> => {
      for (const { records } of await consumer.poll({ waitMs: 200, maxRecords: 1 }))
        for (const { value } of records) seen.push(Buffer.from(value!).toString())
    }
    while (seen.length === 0) await poll()
    await client.admin.deleteTopics([topic])
    const again = await fill(topic, 'b', 15)
    if (offsetReset === 'none') {
      await assert.rejects(
        async () => {
          for (;;) await poll()
        },
        { code: 'CLIENT_TOPIC_RECREATED' },
      )
      assert.deepEqual(seen, before)
      consumer.seek({ topic, partition: 0 }, 'earliest')
    }
    while (seen.at(-1) !== again.at(-1)) await poll()
    assert.deepEqual(seen, [...before, ...again])
    await consumer.close()
  })
}
