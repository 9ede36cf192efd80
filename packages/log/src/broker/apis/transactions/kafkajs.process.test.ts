// Consume, transform, produce, exactly once, with a client of another make; beside it one that aborts and one that comes late.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Kafka, logLevel, type Consumer, type Producer } from 'kafkajs'
import { Log } from '../../log.ts'

const RECORDS = 60

test('kafkajs: what is read, written and committed in transactions is there once', async () => {
  const log = await Log.start({ memory: true })
  const kafka = new Kafka({ brokers: [log.bootstrap], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 50, retries: 20 } })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({
    topics: [
      { topic: 'in', numPartitions: 2 },
      { topic: 'out', numPartitions: 2 },
    ],
  })
  const plain = kafka.producer()
  await plain.connect()
  await plain.send({ topic: 'in', messages: Array.from({ length: RECORDS }, (_, index) => ({ value: `${index}`, partition: index % 2 })) })
  const worker = await transform(kafka, 'worker')
  const expected = Array.from({ length: RECORDS }, (_, index) => `done ${index}`)
  assert.deepEqual(await readAll(kafka, 'reader', expected.length), expected)
  const [offsets] = await admin.fetchOffsets({ groupId: 'workers', topics: ['in'] })
  assert.deepEqual(
    offsets!.partitions.map(({ offset }) => Number(offset)),
    [RECORDS / 2, RECORDS / 2],
  )

  // The same transactional id again: the one before is fenced.
  const successor = kafka.producer({ transactionalId: 'worker', idempotent: true, maxInFlightRequests: 1 })
  await successor.connect()
  const last = await successor.transaction()
  await last.send({ topic: 'out', messages: [{ value: 'done z', partition: 0 }] })
  await assert.rejects(async () => {
    const late = await worker.producer.transaction()
    await late.send({ topic: 'out', messages: [{ value: 'late' }] })
    await late.commit()
  })
  await last.commit()
  assert.deepEqual(await readAll(kafka, 'reader-2', expected.length + 1), [...expected, 'done z'])
  await Promise.all([
    worker.consumer.disconnect(),
    worker.producer.disconnect(),
    successor.disconnect(),
    plain.disconnect(),
    admin.disconnect(),
  ])
  await log.close()
})

/** Copies 'in' to 'out', every batch in a transaction with its offsets; each is aborted once before it is committed. */
async function transform(kafka: Kafka, transactionalId: string): Promise<{ consumer: Consumer; producer: Producer }> {
  const consumer = kafka.consumer({ groupId: 'workers', maxWaitTimeInMs: 50 })
  const producer = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 })
  await Promise.all([consumer.connect(), producer.connect()])
  await consumer.subscribe({ topic: 'in', fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachBatch: async (payload) => {
      const { batch } = payload
      for (const isCommit of [false, true]) {
        const transaction = await producer.transaction()
        const messages = batch.messages.map(({ value }) => ({
          value: `${isCommit ? 'done' : 'never'} ${value!.toString()}`,
          partition: batch.partition,
        }))
        await transaction.send({ topic: 'out', messages })
        const offset = String(Number(batch.lastOffset()) + 1)
        await transaction.sendOffsets({
          consumerGroupId: 'workers',
          topics: [{ topic: 'in', partitions: [{ partition: batch.partition, offset }] }],
        })
        await (isCommit ? transaction.commit() : transaction.abort())
      }
      payload.resolveOffset(batch.lastOffset())
    },
  })
  return { consumer, producer }
}

/** Everything committed in 'out', sorted, once there is as much, and nothing more for a while. */
async function readAll(kafka: Kafka, groupId: string, count: number): Promise<readonly string[]> {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 50 })
  await consumer.connect()
  await consumer.subscribe({ topic: 'out', fromBeginning: true })
  const seen: string[] = []
  await consumer.run({ eachMessage: async ({ message }) => void seen.push(message.value!.toString()) })
  for (let turns = 0; seen.length < count; turns++) {
    assert.ok(turns < 1000, `${seen.length} of ${count}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await new Promise((resolve) => setTimeout(resolve, 200))
  await consumer.disconnect()
  return seen.toSorted((left, right) => left.localeCompare(right, 'en', { numeric: true }))
}
