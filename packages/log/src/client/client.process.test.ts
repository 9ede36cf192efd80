// The client against a broker of this package over real sockets. The same was tried by hand against Apache Kafka 4.1, with transaction versions 1 and 2.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { testAuthority } from '@millrace/testkit'
import { Log } from '../broker/log.ts'
import { COMPRESSION_TYPES } from '../compression/index.ts'
import { answerOf, LogClient, type ClientOptions, type FetchedRecords, type Fetcher } from './index.ts'

const authority = testAuthority()
const server = authority.issue({ subject: { CN: 'broker' }, hosts: ['127.0.0.1', 'localhost'] })
const dir = mkdtempSync(join(tmpdir(), 'millrace-client-'))
const log = await Log.start({
  dir,
  users: { alice: 'alice-secret' },
  config: {
    listeners: 'PLAINTEXT://127.0.0.1:0,SSL://127.0.0.1:0,SASL_SSL://127.0.0.1:0',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'ssl.keystore.key': server.key,
    'ssl.keystore.certificate.chain': server.certificate,
    'connection.failed.authentication.delay.ms': '20',
    'group.initial.rebalance.delay.ms': '0',
  },
})
const clients: LogClient[] = []
after(async () => {
  for (const client of clients) client.close()
  await log.close()
  rmSync(dir, { recursive: true })
})

function connect(options: Partial<ClientOptions> = {}): LogClient {
  const client = new LogClient({ bootstrap: log.bootstrap, ...options })
  clients.push(client)
  return client
}

const client = connect()
let topics = 0

async function newTopic(partitions = 1): Promise<string> {
  const name = `topic-${topics++}`
  await client.admin.createTopics([{ name, partitions }])
  return name
}

async function read(fetcher: Pick<Fetcher, 'poll'>, count: number): Promise<string[]> {
  const seen: string[] = []
  while (seen.length < count) {
    for (const { records } of await fetcher.poll({ waitMs: 200 }))
      for (const { value } of records) seen.push(Buffer.from(value!).toString())
  }
  return seen
}

/** What comes next, however long that takes. */
async function nextPart(fetcher: Fetcher, maxRecords = Infinity): Promise<FetchedRecords> {
  for (;;) {
    const [part] = await fetcher.poll({ waitMs: 200, maxRecords })
    if (part !== undefined) return part
  }
}

void test('what was made from a client that is closed ends with it', async () => {
  const topic = await newTopic()
  const closing = connect()
  const isClosed = { code: 'CLIENT_CLOSED' }
  const fetcher = closing.fetcher()
  fetcher.assign([{ topic, partition: 0, start: 'latest' }])
  const member = closing.groupConsumer({ groupId: 'closing', topics: [topic] })
  const producer = closing.producer({ bufferBytes: 100, maxRequestBytes: 100 })
  const fault = log.faults.delay({ api: 'Produce', topic, delayMs: 60_000 })
  try {
    const polled = fetcher.poll({ waitMs: 60_000 })
    const received = member.poll({ waitMs: 60_000 })
    const sent = ['under way', 'without room'].map((value) => producer.send({ topic, value }))
    while (fault.count === 0 || member.assignment.length === 0) await setTimeout(1)
    closing.close()
    assert.deepEqual(await polled, [])
    await assert.rejects(fetcher.poll(), isClosed)
    await assert.rejects(received, isClosed)
    for (const each of sent) await assert.rejects(each, isClosed)
  } finally {
    log.faults.clear()
  }
})

void test('a fetcher that is closed leaves no connection behind', async () => {
  const topic = await newTopic()
  await client.producer().send({ topic, value: 'one' })
  const sockets = (): number => process.getActiveResourcesInfo().filter((resource) => resource === 'TCPSocketWrap').length
  const before = sockets()
  for (let round = 0; round < 3; round++) {
    const fetcher = client.fetcher({ maxWaitMs: 50 })
    fetcher.assign([{ topic, partition: 0, start: 'earliest' }])
    assert.deepEqual(await read(fetcher, 1), ['one'])
    fetcher.close()
    for (const end = performance.now() + 30_000; sockets() > before; await setTimeout(5)) assert.ok(performance.now() < end, `${sockets()}`)
  }
})

void test('keys, headers, time stamps and every compression come through', async () => {
  const topic = await newTopic()
  const fetcher = client.fetcher()
  fetcher.assign([{ topic, partition: 0, start: 'earliest' }])
  for (const compression of COMPRESSION_TYPES) {
    const producer = client.producer({ compression })
    const value = randomBytes(5000)
    const at = await producer.send({
      topic,
      key: 'key',
      value,
      headers: [
        { key: 'h', value: 'x' },
        { key: 'h', value: null },
      ],
      timestamp: 123_456,
    })
    const [found] = (await nextPart(fetcher)).records
    assert.deepEqual([found!.offset, found!.timestamp, Buffer.from(found!.key!).toString()], [at.offset, 123_456, 'key'])
    assert.ok(value.equals(found!.value!))
    assert.deepEqual(
      found!.headers.map((header) => [header.key, header.value && Buffer.from(header.value).toString()]),
      [
        ['h', 'x'],
        ['h', null],
      ],
    )
    await producer.close()
  }
  fetcher.close()
})

void test('without acknowledgements, and with the leader only', async () => {
  const topic = await newTopic()
  for (const acks of [0, 1] as const) {
    const producer = client.producer({ acks })
    const at = await producer.send({ topic, value: `${acks}` })
    assert.equal(at.offset >= 0, acks === 1)
    await producer.close()
  }
  const fetcher = client.fetcher()
  fetcher.assign([{ topic, partition: 0, start: 'earliest' }])
  assert.deepEqual((await read(fetcher, 2)).toSorted(), ['0', '1'])
  fetcher.close()
})

void test('the buffer is bounded, whoever does not wait is told, records too large are refused', async () => {
  const topic = await newTopic()
  const producer = client.producer({ bufferBytes: 10_000, maxRequestBytes: 5000 })
  let count = 0
  assert.throws(
    () => {
      for (; count < 1000; count++) producer.append({ topic, value: 'x'.repeat(100) })
    },
    { code: 'CLIENT_BUFFER_FULL' },
  )
  assert.ok(producer.bufferedBytes >= 10_000 && producer.bufferedBytes < 10_500)
  await producer.ready()
  assert.throws(() => producer.append({ topic, value: 'x'.repeat(6000) }), { code: 'CLIENT_RECORD_TOO_LARGE' })
  const sent = Array.from({ length: 300 }, () => producer.send({ topic, value: 'y'.repeat(100) }))
  await Promise.all(sent)
  const [end] = await client.admin.listOffsets([{ topic, partition: 0, spec: 'latest' }])
  assert.equal(end!.offset, count + 300)
  await producer.close()
})

void test('what is no record is refused where it is given, and does not keep others from being written', async () => {
  const topic = await newTopic(1)
  const producer = client.producer()
  const fine = producer.send({ topic, value: 'a' })
  const wrongs = [{ key: 5 }, { value: undefined }, { headers: { a: 'b' } }, { headers: [{ key: 'a', value: 5 }] }, { headers: [null] }]
  const others = [{ partition: -1 }, { partition: NaN }, { timestamp: NaN }, { topic: '' }]
  for (const wrong of [...wrongs, ...others]) {
    const record = { topic, value: 'b', ...wrong } as never
    await assert.rejects(producer.send(record), { code: 'CLIENT_RECORD_INVALID' })
    assert.throws(() => producer.append(record), { code: 'CLIENT_RECORD_INVALID', who: 'user' })
  }
  await assert.rejects(producer.send({ value: 'b' } as never), {
    message: /^A record for no topic cannot be written: its topic is undefined, /,
  })
  assert.equal((await fine).offset, 0)
  await producer.close()
})

void test('a server that speaks another protocol is told so', async () => {
  const server = createServer((_, response) => response.end('hello'))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const bootstrap = `127.0.0.1:${(server.address() as AddressInfo).port}`
  await assert.rejects(connect({ bootstrap, apiTimeoutMs: 50 }).clusterId(), {
    code: 'CLIENT_NO_BROKER',
    message: /it speaks HTTP, not the protocol of Kafka/,
  })
  server.closeAllConnections()
  server.close()
})

void test('what cannot be delivered says where and why', async () => {
  const topic = await newTopic(2)
  await client.topic(topic)
  const producer = client.producer({ deliveryTimeoutMs: 300 })
  await assert.rejects(producer.send({ topic, partition: 7, value: 'x' }), {
    code: 'CLIENT_DELIVERY_TIMEOUT',
    message: /topic-\d+-7 .*the topic has 2 partitions/,
  })
  producer.append({ topic, partition: 7, value: 'x' })
  await assert.rejects(producer.flush(), { code: 'CLIENT_DELIVERY_TIMEOUT' })
  await producer.flush()
  await producer.close()
  const strict = connect({ apiTimeoutMs: 100 })
  await assert.rejects(strict.topic('none'), { code: 'CLIENT_TOPIC_UNKNOWN' })
  await assert.rejects(connect({ bootstrap: '127.0.0.1:1', apiTimeoutMs: 200 }).clusterId(), {
    code: 'CLIENT_NO_BROKER',
    message: /127\.0\.0\.1:1/,
  })
})

void test('a fetcher begins at a time, seeks, pauses, says what is out of range', async () => {
  const topic = await newTopic()
  const producer = client.producer()
  for (let number = 0; number < 10; number++) await producer.send({ topic, value: `${number}`, timestamp: 1000 + number })
  await producer.close()
  const at = { topic, partition: 0 }
  const fetcher = client.fetcher({ maxWaitMs: 50 })
  fetcher.assign([{ ...at, start: { timestampMs: 1007 } }])
  assert.deepEqual(await read(fetcher, 3), ['7', '8', '9'])
  fetcher.seek(at, { offset: 4 })
  assert.equal(fetcher.position(at)!.offset, 4)
  fetcher.pause([at])
  assert.deepEqual(await fetcher.poll({ waitMs: 100 }), [])
  fetcher.resume([at])
  const part = await nextPart(fetcher, 2)
  assert.deepEqual([part.records.length, part.nextOffset, fetcher.position(at)!.offset, fetcher.endOffset(at)], [2, 6, 6, 10])
  fetcher.seek(at, { offset: 99 })
  await assert.rejects(nextPart(fetcher), (error: unknown) => {
    const { code, details } = error as { readonly code: string; readonly details: Record<string, unknown> }
    return code === 'CLIENT_OFFSET_OUT_OF_RANGE' && details['topic'] === topic && details['offset'] === 99
  })
  fetcher.seek(at, 'latest')
  fetcher.close()
  const lenient = client.fetcher({ offsetReset: 'earliest' })
  lenient.assign([{ ...at, start: { offset: 99 } }])
  assert.equal((await read(lenient, 10)).length, 10)
  lenient.close()
})

void test('a transaction is prepared here and committed elsewhere, with offsets; its handle ends no other', async () => {
  const topic = await newTopic(2)
  const producer = client.transactionalProducer({ transactionalId: 'prepared' })
  await assert.rejects(producer.begin(), { code: 'CLIENT_TRANSACTION_STATE', message: /prepared cannot begin while it is new/ })
  await producer.init()
  await producer.begin()
  assert.equal(await producer.prepare(), undefined, 'nothing was written')
  await producer.begin()
  producer.append({ topic, partition: 0, value: 'aborted' })
  await producer.flush()
  await producer.abort()
  await producer.begin()
  for (const partition of [0, 1]) producer.append({ topic, partition, value: `in ${partition}` })
  await producer.sendOffsets({ group: { groupId: 'offsets' }, offsets: [{ topic, partition: 0, offset: 5, metadata: 'note' }] })
  const handle = (await producer.prepare())!
  assert.throws(() => producer.append({ topic, value: 'late' }), { code: 'CLIENT_TRANSACTION_STATE' })
  producer.close()

  const other = connect()
  const [listed] = await other.transactions.list({ prefix: 'prep' })
  assert.deepEqual(listed, { transactionalId: 'prepared', producerId: handle.producerId, state: 'Ongoing' })
  assert.equal((await other.transactions.describe('prepared'))!.partitions.filter((one) => one.topic === topic).length, 2)
  assert.equal(await other.transactions.describe('unknown'), undefined)
  await assert.rejects(other.transactions.commit({ ...handle, clusterId: 'x' }), { code: 'CLIENT_CLUSTER_OTHER' })
  await other.transactions.commit(handle)
  await other.transactions.commit(handle)
  await assert.rejects(other.transactions.abort(handle), (error: unknown) => answerOf(error) === 'INVALID_TXN_STATE')
  const [offset] = await other.admin.groups.offsets('offsets', { requireStable: true })
  assert.deepEqual([offset!.offset, offset!.metadata], [5, 'note'])

  const next = other.transactionalProducer({ transactionalId: 'prepared' })
  await next.init()
  await next.begin()
  next.append({ topic, partition: 0, value: 'open' })
  await next.flush()
  await assert.rejects(client.transactions.commit(handle), { code: 'CLIENT_FENCED' })
  const fetcher = client.fetcher({ maxWaitMs: 50 })
  fetcher.assign([0, 1].map((partition) => ({ topic, partition, start: 'earliest' as const })))
  assert.deepEqual((await read(fetcher, 2)).toSorted(), ['in 0', 'in 1'])
  await next.commit()
  assert.deepEqual(await read(fetcher, 1), ['open'])
  fetcher.close()
  next.close()
})

void test('whoever takes a transactional id over fences the one before', async () => {
  const topic = await newTopic()
  const [first, second] = [0, 1].map(() => client.transactionalProducer({ transactionalId: 'taken' })) as [
    ReturnType<LogClient['transactionalProducer']>,
    ReturnType<LogClient['transactionalProducer']>,
  ]
  await first.init()
  await first.begin()
  first.append({ topic, value: 'lost' })
  await first.flush()
  await second.init()
  first.append({ topic, value: 'lost too' })
  await assert.rejects(first.commit(), {
    code: 'CLIENT_FENCED',
    message: /Transactional id taken, producer \d+ epoch 0, was fenced at broker 127/,
  })
  assert.throws(() => first.append({ topic, value: 'x' }), { code: 'CLIENT_FENCED' })
  await second.begin()
  second.append({ topic, value: 'kept' })
  await second.commit()
  const fetcher = client.fetcher()
  fetcher.assign([{ topic, partition: 0, start: 'earliest' }])
  assert.deepEqual(await read(fetcher, 1), ['kept'])
  for (const one of [first, second, fetcher]) one.close()
})

for (const assignor of ['range', 'cooperative-sticky'] as const) {
  void test(`members share partitions out (${assignor}), and go on where others stopped`, async () => {
    const topic = await newTopic(4)
    const producer = client.producer()
    for (let number = 0; number < 40; number++) producer.append({ topic, partition: number % 4, value: `${number}` })
    await producer.flush()
    const options = {
      groupId: `group-${assignor}`,
      topics: [topic],
      assignors: [assignor],
      offsetReset: 'earliest',
      heartbeatIntervalMs: 50,
      fetcher: { maxWaitMs: 50 },
    } as const
    const first = client.groupConsumer(options)
    assert.equal((await read(first, 40)).length, 40)
    const second = connect().groupConsumer(options)
    while (!(first.assignment.length === 2 && second.assignment.length === 2)) {
      assert.deepEqual(await first.poll({ waitMs: 20 }), [])
      assert.deepEqual(await second.poll({ waitMs: 20 }), [])
    }
    const described = (await client.admin.groups.describe(options.groupId))!
    assert.deepEqual([described.state, described.protocol, described.members.length], ['Stable', assignor, 2])
    await first.close()
    for (let number = 40; number < 48; number++) producer.append({ topic, partition: number % 4, value: `${number}` })
    await producer.close()
    assert.deepEqual(
      (await read(second, 8)).map(Number).toSorted((a, b) => a - b),
      [40, 41, 42, 43, 44, 45, 46, 47],
    )
    await second.close()
    const offsets = await client.admin.groups.offsets(options.groupId)
    assert.deepEqual(
      offsets.map(({ offset }) => offset),
      [12, 12, 12, 12],
    )
    await client.admin.groups.delete([options.groupId])
    assert.equal(await client.admin.groups.describe(options.groupId), undefined)
  })
}

void test('a producer that writes on and on comes to know of new partitions', async () => {
  const topic = await newTopic(1)
  const producer = connect({ metadataMaxAgeMs: 20 }).producer()
  await producer.send({ topic, key: 'a', value: '' })
  await client.admin.createPartitions(topic, 2)
  const partitions = new Set<number>()
  for (let key = 0; partitions.size < 2; key++) partitions.add((await producer.send({ topic, key: `${key}`, value: '' })).partition)
  await producer.close()
})

void test('topics, partitions, settings, records are administered', async () => {
  const topic = await newTopic(1)
  await assert.rejects(client.admin.createTopics([{ name: topic }]), (error: unknown) => answerOf(error) === 'TOPIC_ALREADY_EXISTS')
  await client.admin.alterConfigs('topic', topic, [{ name: 'retention.ms', operation: 'set', value: '60000' }])
  const configOf = async () => (await client.admin.describeConfigs('topic', topic)).find(({ name }) => name === 'retention.ms')!
  assert.deepEqual([(await configOf()).value, (await configOf()).source], ['60000', 'topic'])
  await client.admin.alterConfigs('topic', topic, [{ name: 'retention.ms', operation: 'delete' }])
  assert.notEqual((await configOf()).source, 'topic')
  assert.ok((await client.admin.describeConfigs('broker', '1')).length > 50)
  await client.admin.createPartitions(topic, 3)
  assert.equal((await client.topic(topic)).partitions.length, 3)
  const producer = client.producer()
  for (let number = 0; number < 5; number++) producer.append({ topic, partition: 2, value: `${number}` })
  await producer.close()
  assert.equal(await client.admin.deleteRecords(topic, 2, 3), 3)
  const both = await client.admin.listOffsets((['latest', 'earliest'] as const).map((spec) => ({ topic, partition: 2, spec })))
  assert.deepEqual(
    both.map(({ offset }) => offset),
    [5, 3],
  )
  const [start] = await client.admin.listOffsets([{ topic, partition: 2, spec: 'earliest' }])
  assert.equal(start!.offset, 3)
  await client.admin.deleteTopics([topic])
  await assert.rejects(client.admin.describeTopic(topic), { code: 'CLIENT_TOPIC_UNKNOWN' })
})

void test('TLS and SASL: PLAIN and SCRAM; what is wrong is said', async () => {
  const [plain, ssl, sasl] = log.listeners
  const trusting = { ca: authority.certificate }
  assert.equal(
    await connect({ bootstrap: ssl!.bootstrap, security: { protocol: 'SSL', ssl: trusting } }).clusterId(),
    await client.clusterId(),
  )
  await assert.rejects(connect({ bootstrap: ssl!.bootstrap, apiTimeoutMs: 50 }).clusterId(), { message: /does this port expect TLS\?/ })
  await assert.rejects(connect({ bootstrap: ssl!.bootstrap, apiTimeoutMs: 50, security: { protocol: 'SSL' } }).clusterId(), {
    message: /certificate/,
  })
  await assert.rejects(connect({ bootstrap: plain!.bootstrap, apiTimeoutMs: 50, security: { protocol: 'SSL' } }).clusterId(), {
    message: /does this port expect TLS\?/,
  })
  const bare = { protocol: 'SSL', ssl: trusting } as const
  await assert.rejects(connect({ bootstrap: sasl!.bootstrap, apiTimeoutMs: 50, security: bare }).clusterId(), {
    message: /does this port expect SASL\?/,
  })
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    const secure = (password: string): LogClient =>
      connect({
        bootstrap: sasl!.bootstrap,
        apiTimeoutMs: 500,
        security: { protocol: 'SASL_SSL', ssl: trusting, sasl: { mechanism, username: 'alice', password } },
      })
    const good = secure('alice-secret')
    const topic = await newTopic()
    const producer = good.producer()
    assert.equal((await producer.send({ topic, value: mechanism })).offset, 0)
    await producer.close()
    await assert.rejects(secure('wrong').clusterId(), { code: 'CLIENT_AUTHENTICATION', message: new RegExp(`by SASL ${mechanism}`) })
  }
})

void test('records stay as they are for as long as somebody has them, or until more is taken where they are lent', async () => {
  const topic = await newTopic(2)
  const producer = client.producer({ batchBytes: 40_000 })
  const filler = 'x'.repeat(1_000)
  const all = Array.from({ length: 4_000 }, (_, index) => `${index} ${filler}`)
  for (const [index, value] of all.entries()) producer.append({ topic, partition: index % 2, value: Buffer.from(value) })
  await producer.flush()
  await producer.close()
  for (const lendRecords of [false, true]) {
    const fetcher = client.fetcher({ partitionMaxBytes: 200_000, lendRecords })
    fetcher.assign([0, 1].map((partition) => ({ topic, partition, start: 'earliest' as const })))
    const kept: Uint8Array[] = []
    const read: string[] = []
    while (read.length < all.length) {
      for (const { records } of await fetcher.poll({ waitMs: 200, maxRecords: 70 })) {
        for (const { value } of records) {
          kept.push(value!)
          read.push(Buffer.from(value!).toString())
        }
      }
    }
    fetcher.close()
    assert.deepEqual(read.toSorted(), all.toSorted())
    if (!lendRecords)
      assert.deepEqual(
        kept.map((value) => Buffer.from(value).toString()),
        read,
      )
  }
})
