// What is sent, or given up, while a transaction is being ended.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Log } from '../../broker/log.ts'
import { LogClient } from '../index.ts'
import type { TransactionalProducer } from './transactional-producer.ts'

const log = await Log.start({ memory: true })
const client = new LogClient({ bootstrap: log.bootstrap })
after(async () => {
  client.close()
  await log.close()
})

async function openTransaction(transactionalId: string, topics: readonly string[]): Promise<TransactionalProducer> {
  await client.admin.createTopics(topics.map((name) => ({ name, partitions: 1 })))
  const producer = client.transactionalProducer({ transactionalId })
  await producer.init()
  await producer.begin()
  return producer
}

/** All that is committed in a topic, whose last record is `last`. */
async function committed(topic: string, last: string): Promise<readonly string[]> {
  const fetcher = client.fetcher({ maxWaitMs: 50 })
  fetcher.assign([{ topic, partition: 0, start: 'earliest' }])
  const seen: string[] = []
  while (seen.at(-1) !== last) {
    for (const { records } of await fetcher.poll({ waitMs: 200 }))
      for (const { value } of records) seen.push(Buffer.from(value!).toString())
  }
  fetcher.close()
  return seen
}

for (const end of ['commit', 'prepare'] as const) {
  void test(`what is sent after ${end}() has begun is refused: it would go with the next transaction`, async () => {
    const topic = `late-${end}`
    const producer = await openTransaction(topic, [topic])
    const sent = producer.send({ topic, value: 'in' })
    const ended = producer[end]()
    await assert.rejects(producer.send({ topic, value: 'late' }), { code: 'CLIENT_TRANSACTION_STATE' })
    assert.throws(() => producer.append({ topic, value: 'late' }), { code: 'CLIENT_TRANSACTION_STATE' })
    await assert.rejects(producer.commit(), { code: 'CLIENT_TRANSACTION_STATE' })
    await Promise.all([sent, ended])
    if (end === 'prepare') await producer.commit()
    await producer.begin()
    await producer.send({ topic, value: 'next' })
    await producer.commit()
    producer.close()
    assert.deepEqual(await committed(topic, 'next'), ['in', 'next'])
  })
}

void test('a transaction that is aborted while commit() waits for its records is not committed with what is left of them', async () => {
  const producer = await openTransaction('given-up', ['open', 'closed'])
  const fault = log.faults.error({ api: 'Produce', topic: 'closed', error: 'NOT_LEADER_OR_FOLLOWER' })
  const kept = producer.send({ topic: 'open', value: 'aborted' })
  const waiting = producer.send({ topic: 'closed', value: 'aborted' })
  const dropped = assert.rejects(waiting, { code: 'CLIENT_RECORDS_DROPPED' })
  const committing = producer.commit()
  const refused = assert.rejects(committing, { code: 'CLIENT_TRANSACTION_ABORTABLE' })
  await kept
  const aborting = producer.abort()
  assert.throws(() => producer.append({ topic: 'open', value: 'late' }), { code: 'CLIENT_TRANSACTION_ABORTABLE' })
  await Promise.all([dropped, refused, aborting])
  fault.remove()
  await producer.begin()
  for (const topic of ['open', 'closed']) await producer.send({ topic, value: 'next' })
  await producer.commit()
  producer.close()
  for (const topic of ['open', 'closed']) assert.deepEqual(await committed(topic, 'next'), ['next'])
})

void test('commit() waits for offsets that are on their way, and does not commit without them', async () => {
  const producer = await openTransaction('offsets', ['offsets'])
  const group = { groupId: 'offsets' }
  const send = (offset: number): Promise<void> => producer.sendOffsets({ group, offsets: [{ topic: 'offsets', partition: 0, offset }] })
  const committedOffset = async (): Promise<number | undefined> => (await client.admin.groups.offsets(group.groupId))[0]?.offset
  log.faults.error({ api: 'TxnOffsetCommit', error: 'COORDINATOR_LOAD_IN_PROGRESS', times: 2 })
  await Promise.all([send(1), producer.commit()])
  assert.equal(await committedOffset(), 1)

  await producer.begin()
  log.faults.error({ api: 'TxnOffsetCommit', error: 'GROUP_AUTHORIZATION_FAILED', times: 1 })
  const refused = assert.rejects(send(2), { code: 'CLIENT_REFUSED' })
  await assert.rejects(producer.commit(), { code: 'CLIENT_TRANSACTION_ABORTABLE' })
  await refused
  await producer.abort()

  await producer.begin()
  const away = log.faults.error({ api: 'TxnOffsetCommit', error: 'COORDINATOR_LOAD_IN_PROGRESS' })
  const givenUp = assert.rejects(send(3), { code: 'CLIENT_UNAVAILABLE' })
  await Promise.all([givenUp, producer.abort()])
  away.remove()
  assert.equal(await committedOffset(), 1)
  producer.close()
})
