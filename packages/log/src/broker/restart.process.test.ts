// What a client of another make has written, and what was acknowledged, is there after the broker has been closed and started again.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CompressionTypes, Kafka, logLevel } from 'kafkajs'
import { Log } from './log.ts'
import { batchOf, createTopic, fetchFrom, produceTo } from './testing/requests.ts'
import { WireClient } from './testing/wire-client.ts'

test('acknowledged records, topics and their ids survive a restart', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-restart-'))
  const first = await Log.start({ dir })
  let client = await WireClient.connect(first)
  const id = await createTopic(client, 't', { 'max.message.bytes': '500' })
  for (const value of ['a', 'b']) await produceTo(client, 't', batchOf([value]))
  const { producerId } = await client.ask('InitProducerId', 5, { transactionalId: null, transactionTimeoutMs: 1 })
  await client.close()
  await first.close()

  const second = await Log.start({ dir })
  client = await WireClient.connect(second)
  assert.deepEqual((await fetchFrom(client, 't', { version: 13, topicId: id })).values, ['a', 'b'])
  assert.notEqual((await produceTo(client, 't', batchOf(['x'.repeat(500)]))).errorCode, 0, 'configurations are kept')
  assert.equal((await produceTo(client, 't', batchOf(['c']))).baseOffset, 2)
  assert.notEqual((await client.ask('InitProducerId', 5, { transactionalId: null, transactionTimeoutMs: 1 })).producerId, producerId)
  await client.close()
  await second.close()
  rmSync(dir, { recursive: true })
})

test('kafkajs makes a topic and writes to it with gzip', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-kafkajs-'))
  const log = await Log.start({ dir })
  const kafka = new Kafka({ clientId: 'k', brokers: [log.bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 1 } })
  const admin = kafka.admin()
  await admin.connect()
  assert.equal(await admin.createTopics({ topics: [{ topic: 'k', numPartitions: 1 }] }), true)
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic: 'k', compression: CompressionTypes.GZIP, messages: [{ value: 'one' }, { value: 'two' }] })
  assert.equal((await admin.fetchTopicOffsets('k'))[0]!.high, '2')
  const client = await WireClient.connect(log)
  const { values, compressions } = await fetchFrom(client, 'k')
  assert.deepEqual([values, compressions], [['one', 'two'], [1]])
  await Promise.all([client.close(), producer.disconnect(), admin.disconnect()])
  await log.close()
  rmSync(dir, { recursive: true })
})
