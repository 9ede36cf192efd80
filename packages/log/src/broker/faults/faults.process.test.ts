import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Kafka, logLevel } from 'kafkajs'
import { ERROR_CODE } from '../../protocol/index.ts'
import { Log } from '../log.ts'
import type { RequestLogEntry } from '../metrics/request-log.ts'
import { batchOf, createTopic, fetchFrom, produceTo } from '../testing/requests.ts'
import { WireClient } from '../testing/wire-client.ts'

const entries: RequestLogEntry[] = []
let log: Log
let client: WireClient

before(async () => {
  log = await Log.start({ memory: true, metricsPort: 0, onRequest: (entry) => entries.push(entry) })
  client = await WireClient.connect(log)
  await createTopic(client, 't')
})

after(async () => {
  await client.close()
  await log.close()
})

test('an error is answered in place of the request, or after it', async () => {
  const before = log.faults.error({ api: 'Produce', error: 'NOT_LEADER_OR_FOLLOWER', times: 1 })
  assert.equal((await produceTo(client, 't', batchOf(['a']))).errorCode, ERROR_CODE.NOT_LEADER_OR_FOLLOWER)
  assert.equal(before.count, 1)
  log.faults.error({ api: 'Produce', error: 'REQUEST_TIMED_OUT', when: 'after', times: 1 })
  assert.equal((await produceTo(client, 't', batchOf(['b']))).errorCode, ERROR_CODE.REQUEST_TIMED_OUT)
  assert.equal((await produceTo(client, 't', batchOf(['c']))).baseOffset, 1, 'the first was not appended, the second was')
  const fetch = log.faults.error({ api: 'Fetch', error: 'UNKNOWN_TOPIC_OR_PARTITION' })
  assert.deepEqual(await fetchFrom(client, 't').then(({ errorCode, sizeBytes }) => [errorCode, sizeBytes]), [3, 0])
  fetch.remove()
  assert.deepEqual((await fetchFrom(client, 't')).values, ['b', 'c'])
})

test('a fault holds where its predicate says, of whom it says', async () => {
  const fault = log.faults.error({
    api: 'Metadata',
    error: 'LEADER_NOT_AVAILABLE',
    where: ({ topics }, { id }) => id === 'test' && topics?.some(({ name }) => name === 't') === true,
  })
  const ask = async (name: string): Promise<number> => {
    const { topics } = await client.ask('Metadata', 9, { topics: [{ name }], allowAutoTopicCreation: false })
    return topics[0]!.errorCode
  }
  assert.equal(await ask('t'), ERROR_CODE.LEADER_NOT_AVAILABLE)
  assert.equal(await ask('other'), ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION)
  fault.remove()
  assert.equal(await ask('t'), ERROR_CODE.NONE)
})

test('a topic is found by its name and by its id', async () => {
  const topicId = await createTopic(client, 'found')
  const fault = log.faults.error({ api: 'Produce', topic: 'found', error: 'INVALID_REQUIRED_ACKS' })
  assert.equal((await produceTo(client, 'found', batchOf(['a']))).errorCode, ERROR_CODE.INVALID_REQUIRED_ACKS)
  assert.equal((await produceTo(client, '', batchOf(['a']), { version: 13, topicId })).errorCode, ERROR_CODE.INVALID_REQUIRED_ACKS)
  assert.equal((await produceTo(client, 't', batchOf(['other']))).errorCode, ERROR_CODE.NONE)
  fault.remove()
})

test('an answer comes late; those behind it wait', async () => {
  log.faults.delay({ api: 'Produce', delayMs: 120, times: 1 })
  const since = performance.now()
  const late = produceTo(client, 't', batchOf(['late']))
  const next = produceTo(client, 't', batchOf(['next']))
  const [one, two] = await Promise.all([late, next])
  assert.ok(performance.now() - since >= 119)
  assert.equal(two.baseOffset, one.baseOffset + 1)
})

test('a connection is lost before the request or after it', async () => {
  for (const when of ['before', 'after'] as const) {
    const { baseOffset } = await produceTo(client, 't', batchOf(['mark']))
    const lost = await WireClient.connect(log)
    log.faults.drop({ api: 'Produce', when, times: 1 })
    await assert.rejects(produceTo(lost, 't', batchOf([when])))
    const { baseOffset: then } = await produceTo(client, 't', batchOf(['mark']))
    assert.equal(then - baseOffset, when === 'before' ? 1 : 2)
  }
})

test('a client of Kafka gets over faults', async () => {
  const faults = [
    log.faults.error({ api: 'Produce', error: 'NOT_LEADER_OR_FOLLOWER', times: 2 }),
    log.faults.drop({ api: 'Metadata', times: 1 }),
  ]
  const producer = new Kafka({ brokers: [log.bootstrap], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 10 } }).producer()
  await producer.connect()
  const [written] = await producer.send({ topic: 't', messages: [{ value: 'through' }] })
  assert.ok(Number(written!.baseOffset) >= 0)
  assert.deepEqual(
    faults.map(({ count }) => count),
    [2, 1],
  )
  await producer.disconnect()
  log.faults.clear()
})

test('metrics have the names of Kafka, and requests are logged', async () => {
  await createTopic(client, 'counted')
  await produceTo(client, 'counted', batchOf(['1', '2', '3']))
  await fetchFrom(client, 'counted')
  const response = await fetch(`http://127.0.0.1:${log.metricsPort}/metrics`)
  const text = await response.text()
  assert.match(text, /^kafka_server_brokertopicmetrics_messagesin_total\{topic="counted"\} 3$/m)
  assert.match(text, /^kafka_server_brokertopicmetrics_totalfetchrequests_total\{topic="counted"\} 1$/m)
  assert.match(text, /^kafka_log_log_logendoffset\{topic="counted",partition="0"\} 3$/m)
  assert.match(text, /^kafka_network_requestmetrics_requests_total\{request="Produce",version="12"\} \d+$/m)
  assert.match(text, /^millrace_event_loop_delay_ms\{quantile="0.99"\}/m)
  assert.match(text, /^kafka_server_socket_server_metrics_connection_count\{listener="PLAINTEXT"\} 1$/m)
  const bytesIn = Number(/bytesin_total\{topic="counted"\} (\d+)/.exec(text)![1])
  const bytesOut = Number(/bytesout_total\{topic="counted"\} (\d+)/.exec(text)![1])
  assert.equal(bytesIn, bytesOut)
  const fetched = entries.findLast(({ api }) => api === 'Fetch')!
  assert.deepEqual([fetched.version, fetched.clientId, fetched.principal, fetched.isClosed], [12, 'test', 'User:ANONYMOUS', false])
  assert.ok(fetched.answerBytes > bytesOut && fetched.durationMs >= 0)
})
