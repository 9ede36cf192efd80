// KafkaJS against a broker: node main.ts BOOTSTRAP RUN CLIENT SCENARIO…
import kafkajs, { type Consumer, type KafkaMessage, type Producer } from 'kafkajs'
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import * as harness from '../node/harness.ts'
import { compressible, fails, numbers, prefix, sample, skip, until, type Codec } from '../node/harness.ts'
import { registerCodecs } from './codecs.ts'

registerCodecs()
const { CompressionTypes } = kafkajs
const compression = { gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy, lz4: CompressionTypes.LZ4, zstd: CompressionTypes.ZSTD }
const kafka = new kafkajs.Kafka({
  clientId: 'matrix',
  brokers: [harness.bootstrap],
  logLevel: kafkajs.logLevel.NOTHING,
  retry: { initialRetryTime: 50, retries: 5 },
})
const admin = kafka.admin()
await admin.connect()

async function makeTopic(what: string, numPartitions = 1, configs: Record<string, string> = {}): Promise<string> {
  const topic = prefix + what
  const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
  const made = await admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1, configEntries }] })
  if (!made) throw new Error(`TOPIC_ALREADY_EXISTS ${topic}`)
  return topic
}

async function withProducer<T>(use: (producer: Producer) => Promise<T>, options = {}): Promise<T> {
  const producer = kafka.producer({ allowAutoTopicCreation: false, ...options })
  await producer.connect()
  try {
    return await use(producer)
  } finally {
    await producer.disconnect()
  }
}

async function sendNumbers(topic: string, count: number, partition = 0): Promise<void> {
  const messages = numbers(count).map((i) => ({ partition, key: `key-${i}`, value: `value-${i}` }))
  await withProducer((producer) => producer.send({ topic, messages }))
}

interface ReadOptions {
  readonly from?: number
  readonly readUncommitted?: boolean
}

/** Reads until there are `count` records, and a little longer, so that one too many is noticed. */
async function read(topic: string, count: number, { from, readUncommitted = false }: ReadOptions = {}): Promise<readonly KafkaMessage[]> {
  const consumer = kafka.consumer({ groupId: `${prefix}reader-${Math.random()}`, readUncommitted, maxWaitTimeInMs: 200 })
  const received: KafkaMessage[] = []
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ autoCommit: false, eachMessage: ({ message }) => Promise.resolve(void received.push(message)) })
  if (from !== undefined) consumer.seek({ topic, partition: 0, offset: String(from) })
  const end = performance.now() + 20_000
  const isComplete = (): boolean => count === 0 || received.length >= count || performance.now() > end
  while (!isComplete()) await sleep(50)
  await sleep(count === 0 ? 1_000 : 300)
  await consumer.disconnect()
  return received
}

async function values(topic: string, count: number, readUncommitted: boolean): Promise<readonly string[]> {
  return (await read(topic, count, { readUncommitted })).map(({ value }) => String(value))
}

async function endOf(topic: string): Promise<string> {
  return (await admin.fetchTopicOffsets(topic))[0]!.high
}

function sendSamples(topic: string): Promise<kafkajs.RecordMetadata[]> {
  const messages = numbers(100).map((i) => {
    const { timestampMs, ...record } = sample(i)
    return { ...record, headers: { ...record.headers }, partition: 0, timestamp: String(timestampMs) }
  })
  return withProducer((producer) => producer.send({ topic, messages, acks: -1 }))
}

async function produce(): Promise<void> {
  const topic = await makeTopic('produce')
  const [metadata] = await sendSamples(topic)
  assert.equal(metadata?.baseOffset, '0')
  for (const acks of [1, 0]) await withProducer((producer) => producer.send({ topic, acks, messages: [{ value: `acks ${acks}` }] }))
  await until(async () => (await endOf(topic)) === '102', 'the end offset 102')
}

async function consume(): Promise<void> {
  const topic = await makeTopic('consume')
  await sendSamples(topic)
  const records = await read(topic, 100)
  const got = records.map(({ key, value, headers = {}, timestamp, offset }) => ({
    offset: Number(offset),
    key: key === null ? null : String(key),
    value: value === null ? null : String(value),
    headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, String(text)])),
    timestampMs: Number(timestamp),
  }))
  assert.deepEqual(
    got,
    numbers(100).map((i) => ({ offset: i, ...sample(i) })),
  )
  const sought = await read(topic, 60, { from: 40 })
  assert.equal(sought.at(-60)?.offset, '40')
  for (const [time, offset] of [
    [60_000, '60'],
    [59_001, '60'],
  ] as const) {
    assert.equal((await admin.fetchTopicOffsetsByTimestamp(topic, harness.firstTimeMs + time))[0]?.offset, offset)
  }
  const [{ low, high } = { low: '', high: '' }] = await admin.fetchTopicOffsets(topic)
  assert.deepEqual([low, high], ['0', '100'])
}

async function idempotence(): Promise<void> {
  const topic = await makeTopic('idempotence')
  await withProducer(
    async (producer) => {
      const sends = numbers(40).map((i) => producer.send({ topic, messages: numbers(50, i * 50).map((n) => ({ value: `value-${n}` })) }))
      await Promise.all(sends)
    },
    { idempotent: true, maxInFlightRequests: 1 },
  )
  const expected = numbers(2_000).map((n) => `value-${n}`)
  assert.deepEqual((await values(topic, 2_000, false)).toSorted(), expected.toSorted())
}

async function write(topic: string, codec: Codec): Promise<void> {
  const messages = numbers(200).map((i) => ({ partition: 0, key: `key-${i}`, value: compressible(i), headers: { codec } }))
  await withProducer((producer) => producer.send({ topic, messages, compression: compression[codec] }))
}

async function check(topic: string, codec: Codec): Promise<void> {
  const records = await read(topic, 200)
  const got = records.map(({ key, value, headers }) => [String(key), String(value), String(headers?.['codec'])])
  assert.deepEqual(
    got,
    numbers(200).map((i) => [`key-${i}`, compressible(i), codec]),
    topic,
  )
}

function compressed(codec: Codec): () => Promise<void> {
  return async () => {
    const topic = await makeTopic(codec)
    await write(topic, codec)
    await check(topic, codec)
  }
}

class Member {
  readonly #consumer: Consumer
  assigned: readonly number[] = []
  readonly records: string[] = []

  constructor(group: string) {
    this.#consumer = kafka.consumer({ groupId: group, sessionTimeout: 6_000, heartbeatInterval: 300, maxWaitTimeInMs: 100 })
  }

  async start(topic: string): Promise<this> {
    this.#consumer.on(this.#consumer.events.GROUP_JOIN, ({ payload }) => (this.assigned = payload.memberAssignment[topic] ?? []))
    await this.#consumer.connect()
    await this.#consumer.subscribe({ topic, fromBeginning: true })
    await this.#consumer.run({
      autoCommitThreshold: 1,
      eachMessage: ({ partition, message }) => Promise.resolve(void this.records.push(`${partition}:${message.offset}`)),
    })
    return this
  }

  async stop(): Promise<void> {
    await this.#consumer.stop()
    await this.#consumer.disconnect()
  }
}

async function groups(): Promise<void> {
  const [topic, group] = [await makeTopic('groups', 4), `${prefix}groups`]
  for (const partition of numbers(4)) await sendNumbers(topic, 10, partition)
  const first = await new Member(group).start(topic)
  await until(() => first.assigned.length === 4, 'all partitions at the first member')
  const second = await new Member(group).start(topic)
  await until(() => first.assigned.length === 2 && second.assigned.length === 2, 'two partitions each')
  assert.deepEqual(
    [...first.assigned, ...second.assigned].toSorted((a, b) => a - b),
    [0, 1, 2, 3],
  )
  await until(() => new Set([...first.records, ...second.records]).size === 40, 'all records')
  await second.stop()
  await until(() => first.assigned.length === 4, 'all partitions back at the first member')
  await first.stop()
  for (const partition of numbers(4)) await sendNumbers(topic, 2, partition)
  const third = await new Member(group).start(topic)
  await until(() => third.records.length >= 8, 'the records after the committed offsets')
  await third.stop()
  assert.deepEqual(
    third.records.toSorted(),
    numbers(4).flatMap((partition) => [`${partition}:10`, `${partition}:11`]),
  )
}

async function transactional(name: string): Promise<Producer> {
  const producer = kafka.producer({ transactionalId: prefix + name, idempotent: true, maxInFlightRequests: 1, transactionTimeout: 30_000 })
  await producer.connect()
  return producer
}

async function transactionsCommit(): Promise<void> {
  const topics = [await makeTopic('commit-0'), await makeTopic('commit-1')] as const
  const producer = await transactional('commit')
  const expected = numbers(10).map(String)
  const transaction = await producer.transaction()
  for (const topic of topics) await transaction.send({ topic, messages: expected.map((value) => ({ value })) })
  assert.deepEqual(await values(topics[0], 0, false), [], 'committed before the end')
  assert.deepEqual(await values(topics[0], 10, true), expected, 'uncommitted before the end')
  await transaction.commit()
  for (const topic of topics) assert.deepEqual(await values(topic, 10, false), expected, 'committed')
  const second = await producer.transaction()
  await second.send({ topic: topics[0], messages: [{ value: 'more' }] })
  await second.commit()
  assert.deepEqual(await values(topics[0], 11, false), [...expected, 'more'])
  await producer.disconnect()
}

async function transactionsAbort(): Promise<void> {
  const topic = await makeTopic('abort')
  const producer = await transactional('abort')
  for (const [texts, end] of [
    [['a', 'b'], 'abort'],
    [['c'], 'commit'],
    [['d'], 'abort'],
  ] as const) {
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: texts.map((value) => ({ value })) })
    await transaction[end]()
  }
  await producer.disconnect()
  assert.deepEqual(await values(topic, 4, true), ['a', 'b', 'c', 'd'], 'uncommitted')
  assert.deepEqual(await values(topic, 1, false), ['c'], 'committed')
}

async function transactionsOffsets(): Promise<void> {
  const [source, target, group] = [await makeTopic('offsets-in'), await makeTopic('offsets-out'), `${prefix}offsets`]
  await sendNumbers(source, 10)
  const producer = await transactional('offsets')
  for (const [offset, end, committed] of [
    ['4', 'abort', '-1'],
    ['7', 'commit', '7'],
  ] as const) {
    const transaction = await producer.transaction()
    await transaction.send({ topic: target, messages: [{ value: `up to ${offset}` }] })
    await transaction.sendOffsets({ consumerGroupId: group, topics: [{ topic: source, partitions: [{ partition: 0, offset }] }] })
    await transaction[end]()
    const stored = async (): Promise<string> =>
      (await admin.fetchOffsets({ groupId: group, topics: [source] }))[0]?.partitions[0]?.offset ?? '-1'
    await until(async () => (await stored()) === committed, `the committed offset ${committed}`) // markers are written later
  }
  await producer.disconnect()
  assert.deepEqual(await values(target, 1, false), ['up to 7'])
}

async function transactionsFencing(): Promise<void> {
  const topic = await makeTopic('fencing')
  const zombie = await transactional('fencing')
  const old = await zombie.transaction()
  await old.send({ topic, messages: [{ value: 'of the zombie' }] })
  const successor = await transactional('fencing')
  const transaction = await successor.transaction()
  await transaction.send({ topic, messages: [{ value: 'of the successor' }] })
  await transaction.commit()
  const tooLate = async (): Promise<void> => {
    await old.send({ topic, messages: [{ value: 'too late' }] })
    await old.commit()
  }
  await fails(tooLate(), 'PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH', 'an invalid state')
  await Promise.all([zombie.disconnect(), successor.disconnect()])
  assert.deepEqual(await values(topic, 1, false), ['of the successor'])
}

async function partitionsOf(topic: string): Promise<number> {
  return (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]!.partitions.length
}

async function adminTopics(): Promise<void> {
  const topic = await makeTopic('admin-topics', 3, { 'retention.ms': '1234567' })
  assert.ok((await admin.listTopics()).includes(topic))
  assert.equal(await partitionsOf(topic), 3)
  await fails(makeTopic('admin-topics'), 'TOPIC_ALREADY_EXISTS')
  await admin.deleteTopics({ topics: [topic] })
  await until(async () => !(await admin.listTopics()).includes(topic), 'the topic to go')
  await fails(admin.deleteTopics({ topics: [topic] }), 'UNKNOWN_TOPIC_OR_PARTITION')
  await makeTopic('admin-topics', 2)
  await until(async () => (await partitionsOf(topic).catch(notYet)) === 2, 'the partitions of the new topic')
}

async function configOf(type: kafkajs.ConfigResourceTypes, name: string, key: string): Promise<string | undefined> {
  const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type, name, configNames: [key] }] })
  return resources[0]!.configEntries[0]?.configValue
}

/** The broker may not have heard of the topic yet. */
function notYet(): undefined {
  return undefined
}

async function adminConfigs(): Promise<void> {
  const { TOPIC, BROKER } = kafkajs.ConfigResourceTypes
  const name = await makeTopic('admin-configs', 1, { 'retention.ms': '1234567' })
  await until(async () => (await configOf(TOPIC, name, 'retention.ms').catch(notYet)) === '1234567', 'the value as made')
  const alter = (value: string): Promise<unknown> =>
    admin.alterConfigs({ validateOnly: false, resources: [{ type: TOPIC, name, configEntries: [{ name: 'retention.ms', value }] }] })
  await alter('7654321')
  await until(async () => (await configOf(TOPIC, name, 'retention.ms')) === '7654321', 'the new value')
  await fails(alter('soon'), 'INVALID_CONFIG')
  const { brokers } = await admin.describeCluster()
  assert.equal(await configOf(BROKER, String(brokers[0]!.nodeId), 'num.partitions'), '1')
}

async function adminPartitions(): Promise<void> {
  const topic = await makeTopic('admin-partitions', 2)
  await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] })
  await until(async () => (await partitionsOf(topic)) === 5, 'five partitions')
  await sendNumbers(topic, 3, 4)
  await fails(admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] }), 'INVALID_PARTITIONS')
}

async function adminGroups(): Promise<void> {
  const [topic, group] = [await makeTopic('admin-groups'), `${prefix}admin-groups`]
  await sendNumbers(topic, 10)
  const member = await new Member(group).start(topic)
  await until(() => member.records.length === 10, 'the records')
  const isListed = async (): Promise<boolean> => (await admin.listGroups()).groups.some(({ groupId }) => groupId === group)
  assert.ok(await isListed())
  const described = (await admin.describeGroups([group])).groups[0]!
  assert.deepEqual([described.state, described.members.length], ['Stable', 1])
  await member.stop()
  const committed = async (): Promise<string> => (await admin.fetchOffsets({ groupId: group, topics: [topic] }))[0]!.partitions[0]!.offset
  assert.equal(await committed(), '10')
  await admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset: '3' }] })
  assert.equal(await committed(), '3')
  await admin.deleteGroups([group])
  assert.ok(!(await isListed()))
  await fails(admin.deleteGroups([group]), 'GROUP_ID_NOT_FOUND')
}

async function adminDeleteRecords(): Promise<void> {
  const topic = await makeTopic('admin-delete-records')
  await sendNumbers(topic, 10)
  await admin.fetchTopicOffsets(topic) // it deletes only where it knows the leader already
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '5' }] })
  assert.equal((await admin.fetchTopicOffsets(topic))[0]!.low, '5')
  assert.deepEqual(
    (await read(topic, 5)).map(({ offset }) => offset),
    ['5', '6', '7', '8', '9'],
  )
}

async function adminAcls(): Promise<void> {
  const { AclResourceTypes, ResourcePatternTypes, AclOperationTypes, AclPermissionTypes } = kafkajs
  const pattern = { resourceType: AclResourceTypes.TOPIC, resourceName: `${prefix}acl`, resourcePatternType: ResourcePatternTypes.LITERAL }
  const entry = { principal: 'User:alice', host: '*', operation: AclOperationTypes.READ, permissionType: AclPermissionTypes.ALLOW }
  await admin.createAcls({ acl: [{ ...pattern, ...entry }] })
  const described = async (): Promise<number> =>
    (await admin.describeAcls({ ...pattern, ...entry })).resources.flatMap(({ acls }) => acls).length
  await until(async () => (await described()) === 1, 'the ACL')
  await admin.deleteAcls({ filters: [{ ...pattern, ...entry }] })
  await until(async () => (await described()) === 0, 'no ACL')
}

async function unknownTopic(): Promise<void> {
  await fails(admin.fetchTopicMetadata({ topics: [`${prefix}nowhere`] }), 'UNKNOWN_TOPIC_OR_PARTITION')
  await fails(
    withProducer((producer) => producer.send({ topic: `${prefix}nowhere`, messages: [{ value: 'lost' }] })),
    'UNKNOWN_TOPIC_OR_PARTITION',
  )
}

async function tooLarge(): Promise<void> {
  const topic = await makeTopic('too-large')
  await fails(
    withProducer((producer) => producer.send({ topic, messages: [{ value: 'x'.repeat(2_000_000) }] })),
    'MESSAGE_TOO_LARGE',
  )
  await sendNumbers(topic, 1)
}

async function offsetOutOfRange(): Promise<void> {
  const topic = await makeTopic('out-of-range')
  await sendNumbers(topic, 10)
  // KafkaJS hides the error: it goes on from where the subscription says, here from the beginning.
  const records = await read(topic, 10, { from: 1_000 })
  assert.deepEqual(
    records.slice(-10).map(({ offset }) => Number(offset)),
    numbers(10),
  )
}

const noSuchGroups = 'KafkaJS has no '
await harness.runScenarios({
  produce,
  consume,
  idempotence,
  gzip: compressed('gzip'),
  snappy: compressed('snappy'),
  lz4: compressed('lz4'),
  zstd: compressed('zstd'),
  'across-write': async () => {
    for (const codec of harness.codecs) await write(await makeTopic(`across-${codec}`), codec)
  },
  'across-read': async () => {
    for (const [topic, codec] of harness.topicsAcross()) await check(topic, codec)
  },
  groups,
  'groups-cooperative': skip(`${noSuchGroups}cooperative rebalances`),
  'groups-static': skip(`${noSuchGroups}group.instance.id`),
  'groups-kip848': skip(`${noSuchGroups}group.protocol=consumer`),
  'transactions-commit': transactionsCommit,
  'transactions-abort': transactionsAbort,
  'transactions-offsets': transactionsOffsets,
  'transactions-fencing': transactionsFencing,
  'admin-topics': adminTopics,
  'admin-configs': adminConfigs,
  'admin-partitions': adminPartitions,
  'admin-groups': adminGroups,
  'admin-delete-records': adminDeleteRecords,
  'admin-acls': adminAcls,
  'errors-unknown-topic': unknownTopic,
  'errors-invalid-topic': () => fails(admin.createTopics({ topics: [{ topic: 'not/a topic' }] }), 'INVALID_TOPIC_EXCEPTION'),
  'errors-too-large': tooLarge,
  'errors-offset-out-of-range': offsetOutOfRange,
})
