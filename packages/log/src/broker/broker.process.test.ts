// One broker over a real socket and a real disk, asked with our own codec.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { encodeRequest, ERROR_CODE, responseCodec, ByteReader } from '../protocol/index.ts'
import { HANDLERS } from './apis/index.ts'
import { Log } from './log.ts'
import { batchOf, createTopic, fetchFrom, produceTo } from './testing/requests.ts'
import { WireClient } from './testing/wire-client.ts'

const dir = mkdtempSync(join(tmpdir(), 'millrace-broker-'))
let log: Log
let client: WireClient

before(async () => {
  log = await Log.start({ dir, config: { 'socket.request.max.bytes': String(1 << 20) } })
  client = await WireClient.connect(log)
})

after(async () => {
  await client.close()
  await log.close()
  rmSync(dir, { recursive: true })
})

const NO_ID = new Uint8Array(16)

test('ApiVersions tells of the handlers alone', async () => {
  const { apiKeys, errorCode } = await client.ask('ApiVersions', 4, { clientSoftwareName: 'test', clientSoftwareVersion: '1' })
  assert.equal(errorCode, ERROR_CODE.NONE)
  assert.deepEqual(
    apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, minVersion, maxVersion]),
    HANDLERS.map(({ key, minVersion, maxVersion }) => [key, minVersion, maxVersion]),
  )
  assert.equal(apiKeys.find(({ apiKey }) => apiKey === 0)?.minVersion, 0, 'librdkafka takes more for a broker without message format 1')
})

test('an ApiVersions request of the future is answered in version 0, and the connection goes on', async () => {
  const request = Buffer.concat(encodeRequest('ApiVersions', 4, { correlationId: 900, clientId: null }, {}))
  request.writeInt16BE(99, 6)
  const reader = new ByteReader(await client.raw(request, 900))
  reader.int32()
  const { errorCode, apiKeys } = responseCodec('ApiVersions', 0).decode(reader)
  assert.equal(errorCode, ERROR_CODE.UNSUPPORTED_VERSION)
  assert.deepEqual(apiKeys, [{ apiKey: 18, minVersion: 0, maxVersion: 4 }])
  assert.equal((await client.ask('Metadata', 12, { topics: [] })).topics.length, 0)
})

test('a topic is made, written to and read in every version', async () => {
  const id = await createTopic(client, 'versions')
  for (let version = 3; version <= 13; version++) {
    const { errorCode, baseOffset } = await produceTo(client, 'versions', batchOf([`v${version}`]), { version, topicId: id })
    assert.deepEqual([errorCode, baseOffset], [ERROR_CODE.NONE, version - 3], `Produce ${version}`)
  }
  for (let version = 4; version <= 18; version++) {
    const { values, highWatermark } = await fetchFrom(client, 'versions', { version, topicId: id })
    assert.deepEqual([values.length, values[0], highWatermark], [11, 'v3', 11], `Fetch ${version}`)
  }
  for (let version = 0; version <= 13; version++) {
    const { brokers, topics } = await client.ask('Metadata', version, { topics: [{ name: 'versions' }] })
    assert.deepEqual([brokers[0]!.port, topics[0]!.partitions[0]!.leaderId], [log.port, 1], `Metadata ${version}`)
  }
  const offsets = { replicaId: -1, topics: [{ name: 'versions', partitions: [{ partitionIndex: 0, timestamp: -1 }] }] }
  for (let version = 1; version <= 11; version++) {
    const { topics } = await client.ask('ListOffsets', version, offsets)
    assert.equal(topics[0]!.partitions[0]!.offset, 11, `ListOffsets ${version}`)
  }
})

test('topics are refused for what is wrong with them, and deleted by name and id', async () => {
  const base = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
  await createTopic(client, 'a.b')
  const { topics } = await client.ask('CreateTopics', 7, {
    topics: [
      { ...base, name: 'a.b' },
      { ...base, name: 'a_b' },
      { ...base, name: 'a/b' },
      { ...base, name: 'p', numPartitions: 0 },
      { ...base, name: 'r', replicationFactor: 2 },
      { ...base, name: 'c', configs: [{ name: 'retention.ms', value: 'long' }] },
      { ...base, name: 'c2', configs: [{ name: '__proto__', value: '1' }] },
      { ...base, name: 'd' },
      { ...base, name: 'd' },
    ],
    validateOnly: true,
  })
  assert.deepEqual(
    topics.map(({ errorCode }) => errorCode),
    [36, 17, 17, 37, 38, 40, 40, 42],
  )
  const id = await createTopic(client, 'gone', { 'retention.ms': '9223372036854775807' }, 3)
  await produceTo(client, 'gone', batchOf(['old']))
  const removed = await client.ask('DeleteTopics', 6, { topics: [{ topicId: id }], timeoutMs: 1000 })
  assert.deepEqual(
    removed.responses.map(({ name, errorCode }) => [name, errorCode]),
    [['gone', ERROR_CODE.NONE]],
  )
  const twice = await client.ask('DeleteTopics', 6, {
    topics: [{ topicId: id }, { topicId: id }, { name: 'none', topicId: new Uint8Array(16) }],
    timeoutMs: 1000,
  })
  assert.deepEqual(
    twice.responses.map(({ errorCode }) => errorCode),
    [ERROR_CODE.INVALID_REQUEST, ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION],
  )
  const late = await client.ask('DeleteTopics', 6, { topics: [{ topicId: id }], timeoutMs: 1000 })
  assert.equal(late.responses[0]!.errorCode, ERROR_CODE.UNKNOWN_TOPIC_ID)
  assert.equal((await fetchFrom(client, 'gone')).errorCode, ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION)
  const again = await createTopic(client, 'gone')
  assert.notDeepEqual(again, id)
  assert.equal((await fetchFrom(client, 'gone')).highWatermark, 0)
  assert.equal((await fetchFrom(client, 'gone', { version: 13, topicId: id })).errorCode, ERROR_CODE.UNKNOWN_TOPIC_ID)
  assert.equal((await client.ask('DeleteTopics', 1, { topicNames: ['gone'], timeoutMs: 1000 })).responses[0]!.errorCode, ERROR_CODE.NONE)
})

test('Metadata makes a topic that is missing, unless the client forbids it', async () => {
  const ask = async (name: string, allowAutoTopicCreation: boolean): Promise<number> =>
    (await client.ask('Metadata', 12, { topics: [{ name }], allowAutoTopicCreation })).topics[0]!.errorCode
  assert.equal(await ask('auto', false), ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION)
  assert.deepEqual(await Promise.all([ask('auto', true), ask('auto', true)]), [0, 0])
  assert.equal(await ask('au/to', true), ERROR_CODE.INVALID_TOPIC_EXCEPTION)
  assert.equal((await produceTo(client, 'auto', batchOf(['x']))).baseOffset, 0)
})

test('produce: acknowledgements, refused batches, producers that repeat themselves', async () => {
  await createTopic(client, 'p')
  client.tell('Produce', 9, { acks: 0, timeoutMs: 1, topicData: [{ name: 'p', partitionData: [{ index: 0, records: batchOf(['0']) }] }] })
  assert.equal((await produceTo(client, 'p', batchOf(['1']), { acks: 1 })).baseOffset, 1)
  assert.equal((await produceTo(client, 'p', batchOf(['2']), { acks: 2 })).errorCode, ERROR_CODE.INVALID_REQUIRED_ACKS)
  assert.equal((await produceTo(client, 'p', batchOf(['2']), { partition: 7 })).errorCode, ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION)
  assert.equal((await produceTo(client, 'p', null)).errorCode, ERROR_CODE.INVALID_RECORD)
  const damaged = batchOf(['damaged'])
  damaged[damaged.length - 1]! ^= 1
  assert.equal((await produceTo(client, 'p', damaged)).errorCode, ERROR_CODE.CORRUPT_MESSAGE)
  const transactional = batchOf(['t'], { transactional: true, producerId: 5, producerEpoch: 0, baseSequence: 0 })
  assert.equal((await produceTo(client, 'p', transactional)).errorCode, ERROR_CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)

  const { producerId, producerEpoch } = await client.ask('InitProducerId', 5, { transactionalId: null, transactionTimeoutMs: 1 })
  const other = await client.ask('InitProducerId', 0, { transactionalId: null, transactionTimeoutMs: 1 })
  assert.notEqual(producerId, other.producerId)
  assert.equal((await client.ask('InitProducerId', 5, { transactionalId: 't', transactionTimeoutMs: 1 })).errorCode, ERROR_CODE.NONE)
  const sequenced = (value: string, baseSequence: number): Uint8Array => batchOf([value], { producerId, producerEpoch, baseSequence })
  assert.equal((await produceTo(client, 'p', sequenced('2', 0))).baseOffset, 2)
  assert.equal((await produceTo(client, 'p', sequenced('3', 1))).baseOffset, 3)
  assert.equal((await produceTo(client, 'p', sequenced('2', 0))).baseOffset, 2, 'a repeated batch has the offset it had')
  assert.equal((await produceTo(client, 'p', sequenced('9', 9))).errorCode, ERROR_CODE.OUT_OF_ORDER_SEQUENCE_NUMBER)
  assert.deepEqual((await fetchFrom(client, 'p')).values, ['0', '1', '2', '3'])
})

test('a produce without acknowledgement that is refused ends the connection', async () => {
  const lost = await WireClient.connect(log)
  lost.tell('Produce', 9, {
    acks: 0,
    timeoutMs: 1,
    topicData: [{ name: 'nowhere', partitionData: [{ index: 0, records: batchOf(['0']) }] }],
  })
  await lost.closed
})

test('pipelined produce requests keep their order, and so do the responses', async () => {
  await createTopic(client, 'pipe')
  const pipe = await WireClient.connect(log)
  const produced = Array.from({ length: 250 }, (_, index) => produceTo(pipe, 'pipe', batchOf([String(index)])))
  const metadata = pipe.ask('Metadata', 12, { topics: [] })
  assert.deepEqual(
    (await Promise.all(produced)).map(({ baseOffset }) => baseOffset),
    Array.from({ length: 250 }, (_, index) => index),
  )
  await metadata
  assert.deepEqual(
    pipe.answered,
    pipe.answered.toSorted((a, b) => a - b),
  )
  assert.equal((await fetchFrom(pipe, 'pipe')).values.length, 250)
  await pipe.close()
})

test('topic configurations hold: compression, time stamps, sizes, keys', async () => {
  await createTopic(client, 'gz', { 'compression.type': 'gzip', 'message.timestamp.type': 'LogAppendTime' })
  const { logAppendTimeMs } = await produceTo(client, 'gz', batchOf(['a', 'b'], { timestamp: 5 }))
  assert.ok(logAppendTimeMs > 5)
  const { values, compressions } = await fetchFrom(client, 'gz')
  assert.deepEqual([values, compressions], [['a', 'b'], [1]])
  const text = Array.from({ length: 2000 }, (_, index) => `${index % 37} ${index % 11} ${index * 7}`).join(' ')
  const sizes: number[] = []
  for (const level of ['1', '9']) {
    await createTopic(client, `gz-${level}`, { 'compression.type': 'gzip', 'compression.gzip.level': level })
    await produceTo(client, `gz-${level}`, batchOf([text]))
    sizes.push(Number(new RegExp(`^kafka_log_log_size\\{[^}]*topic="gz-${level}"[^}]*\\} (\\d+)`, 'm').exec(log.metrics())![1]))
  }
  assert.ok(sizes[0]! > sizes[1]!, `${sizes[0]} bytes at the first level, ${sizes[1]} at the last`)
  await createTopic(client, 'small', { 'max.message.bytes': '100' })
  assert.equal((await produceTo(client, 'small', batchOf(['x'.repeat(100)]))).errorCode, ERROR_CODE.MESSAGE_TOO_LARGE)
  await createTopic(client, 'compacted', { 'cleanup.policy': 'compact' })
  assert.equal((await produceTo(client, 'compacted', batchOf(['no key']))).errorCode, ERROR_CODE.INVALID_RECORD)
  await createTopic(client, 'two', { 'min.insync.replicas': '2' })
  assert.equal((await produceTo(client, 'two', batchOf(['x']))).errorCode, ERROR_CODE.NOT_ENOUGH_REPLICAS)
  assert.equal((await produceTo(client, 'two', batchOf(['x']), { acks: 1 })).errorCode, ERROR_CODE.NONE)
})

test('a fetch waits for enough bytes or for its time; an oversized first batch is given whole', async () => {
  await createTopic(client, 'poll')
  const reader = await WireClient.connect(log)
  const started = performance.now()
  assert.deepEqual((await fetchFrom(reader, 'poll', { maxWaitMs: 60 })).values, [])
  assert.ok(performance.now() - started >= 59)
  const waiting = fetchFrom(reader, 'poll', { maxWaitMs: 20_000 })
  await produceTo(client, 'poll', batchOf(['x'.repeat(1000)]))
  assert.equal((await waiting).values.length, 1)
  const two = fetchFrom(reader, 'poll', { maxWaitMs: 20_000, minBytes: 1500 })
  await produceTo(client, 'poll', batchOf(['y'.repeat(1000)]))
  assert.equal((await two).values.length, 2)
  const { offsets, sizeBytes } = await fetchFrom(reader, 'poll', { offset: 1, maxBytes: 1, partitionMaxBytes: 1 })
  assert.deepEqual([offsets, sizeBytes > 1000], [[1], true])
  assert.equal((await fetchFrom(reader, 'poll', { offset: 3, maxWaitMs: 20_000 })).errorCode, ERROR_CODE.OFFSET_OUT_OF_RANGE)
  assert.deepEqual((await fetchFrom(reader, 'poll', { isolationLevel: 1 })).offsets, [0, 1])
  assert.equal((await fetchFrom(reader, 'poll', { leaderEpoch: 9 })).errorCode, ERROR_CODE.UNKNOWN_LEADER_EPOCH)
  const session = await reader.ask('Fetch', 12, {
    maxWaitMs: 0,
    minBytes: 0,
    sessionId: 5,
    sessionEpoch: 3,
    topics: [],
    forgottenTopicsData: [],
  })
  assert.equal(session.errorCode, ERROR_CODE.FETCH_SESSION_ID_NOT_FOUND)
  await reader.close()
})

test('a waiting fetch ends with its topic', async () => {
  await createTopic(client, 'brief')
  const reader = await WireClient.connect(log)
  const waiting = fetchFrom(reader, 'brief', { maxWaitMs: 20_000 })
  await client.ask('Metadata', 12, { topics: [] })
  await client.ask('DeleteTopics', 6, { topics: [{ name: 'brief', topicId: NO_ID }], timeoutMs: 1000 })
  assert.notEqual((await waiting).errorCode, ERROR_CODE.NONE)
  await reader.close()
})

test('offsets by time', async () => {
  await createTopic(client, 'time')
  const base = Date.now() - 10_000
  for (const delta of [0, 2000, 1000]) await produceTo(client, 'time', batchOf([`${delta}`], { timestamp: base + delta }))
  const at = async (timestamp: number, version = 10): Promise<readonly number[]> => {
    const topics = [{ name: 'time', partitions: [{ partitionIndex: 0, timestamp }] }]
    const found = (await client.ask('ListOffsets', version, { replicaId: -1, isolationLevel: 1, topics })).topics[0]!.partitions[0]!
    return [found.errorCode, found.offset, found.timestamp < 0 ? -1 : found.timestamp - base]
  }
  assert.deepEqual(await at(-2), [0, 0, -1])
  assert.deepEqual(await at(-1), [0, 3, -1])
  assert.deepEqual(await at(-3), [0, 1, 2000])
  assert.deepEqual(await at(-4), [0, 0, -1])
  assert.deepEqual(await at(-5), [0, -1, -1])
  assert.deepEqual(await at(base + 1), [0, 1, 2000])
  assert.deepEqual(await at(base + 5000), [0, -1, -1])
  assert.deepEqual(await at(-3, 6), [ERROR_CODE.UNSUPPORTED_VERSION, -1, -1])
})

test('what is malformed, too large or unknown ends the connection, and no other', async () => {
  const header = (key: number, version: number): Buffer => {
    const bytes = Buffer.alloc(14)
    bytes.writeInt32BE(10)
    bytes.writeInt16BE(key, 4)
    bytes.writeInt16BE(version, 6)
    bytes.writeInt16BE(-1, 12)
    return bytes
  }
  const tooLarge = Buffer.alloc(4)
  tooLarge.writeInt32BE((1 << 20) + 1)
  const negative = Buffer.from([0xff, 0xff, 0xff, 0xff])
  const cases = {
    tooLarge,
    negative,
    'unknown key': header(999, 0),
    'not served': header(10, 0),
    'Produce 0': header(0, 0),
    'cut off': header(3, 1),
  }
  for (const [what, bytes] of Object.entries(cases)) {
    const bad = await WireClient.connect(log)
    await assert.rejects(bad.raw(bytes, 0), /closed/, what)
    await bad.closed
  }
  assert.equal((await client.ask('Metadata', 12, { topics: [] })).brokers.length, 1)
})
