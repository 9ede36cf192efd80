// @platformatic/kafka against a broker: node main.ts BOOTSTRAP RUN CLIENT SCENARIO…
import {
  AclOperations,
  AclPermissionTypes,
  Admin,
  ConfigResourceTypes,
  Consumer,
  FetchIsolationLevels,
  GroupProtocols,
  IncrementalAlterConfigOperationTypes,
  MessagesStreamFallbackModes,
  MessagesStreamModes,
  Producer,
  ResourcePatternTypes,
  ResourceTypes,
  stringDeserializers,
  stringSerializers,
  type ConsumeOptions,
  type ConsumerGroupOptions,
  type Message,
  type ProducerOptions,
} from '@platformatic/kafka'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import * as harness from '../node/harness.ts'
import { compressible, fails, numbers, prefix, sample, skip, until, type Codec } from '../node/harness.ts'

type Texts = Message<string, string, string, string>
type TextProducer = Producer<string, string, string, string>

const base = { clientId: 'matrix', bootstrapBrokers: [harness.bootstrap], retries: 5, retryDelay: 100 }
const admin = new Admin(base)

async function makeTopic(what: string, partitions = 1, configs: Record<string, string> = {}): Promise<string> {
  const topic = prefix + what
  const entries = Object.entries(configs).map(([name, value]) => ({ name, value }))
  await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs: entries })
  return topic
}

async function withProducer<T>(
  use: (producer: TextProducer) => Promise<T>,
  options: Partial<ProducerOptions<string, string, string, string>> = {},
): Promise<T> {
  const producer = new Producer({ ...base, serializers: stringSerializers, autocreateTopics: false, ...options })
  try {
    return await use(producer)
  } finally {
    await producer.close(true)
  }
}

async function sendNumbers(topic: string, count: number, partition = 0): Promise<void> {
  const messages = numbers(count).map((i) => ({ topic, partition, key: `key-${i}`, value: `value-${i}` }))
  await withProducer((producer) => producer.send({ messages }))
}

interface ReadOptions {
  readonly from?: bigint
  readonly isolationLevel?: 0 | 1
}

const { READ_COMMITTED, READ_UNCOMMITTED } = FetchIsolationLevels

/** Reads until there are `count` records, and a little longer, so that one too many is noticed. */
async function read(topic: string, count: number, { from, isolationLevel = READ_COMMITTED }: ReadOptions = {}): Promise<readonly Texts[]> {
  const consumer = new Consumer({ ...base, groupId: `${prefix}reader-${Math.random()}`, deserializers: stringDeserializers })
  const received: Texts[] = []
  const where =
    from === undefined
      ? { mode: MessagesStreamModes.EARLIEST }
      : { mode: MessagesStreamModes.MANUAL, offsets: [{ topic, partition: 0, offset: from }] }
  const stream = await consumer.consume({ topics: [topic], ...where, isolationLevel, autocommit: false, maxWaitTime: 200 })
  let trouble: Error | undefined
  stream.on('error', (error) => (trouble = error))
  stream.on('data', (message) => received.push(message))
  const end = performance.now() + 20_000
  const isComplete = (): boolean => count === 0 || received.length >= count || trouble !== undefined || performance.now() > end
  while (!isComplete()) await sleep(50)
  await sleep(count === 0 ? 1_000 : 300)
  await consumer.close(true)
  if (trouble !== undefined) throw trouble
  return received
}

async function values(topic: string, count: number, isolationLevel: 0 | 1): Promise<readonly string[]> {
  return (await read(topic, count, { isolationLevel })).map(({ value }) => value)
}

async function offsetAt(topic: string, timestamp: bigint): Promise<bigint> {
  return (await admin.listOffsets({ topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp }] }] }))[0]!.partitions[0]!.offset
}

const [earliest, latest] = [-2n, -1n]

async function sendSamples(topic: string): Promise<bigint | undefined> {
  const messages = numbers(100).map((i) => {
    const { key, value, headers, timestampMs } = sample(i)
    const keyed = key === null ? {} : { key }
    return { topic, partition: 0, headers: { ...headers }, timestamp: BigInt(timestampMs), ...keyed, ...(value === null ? {} : { value }) }
  })
  const { offsets } = await withProducer((producer) => producer.send({ messages, acks: -1 }))
  return offsets?.[0]?.offset
}

async function produce(): Promise<void> {
  const topic = await makeTopic('produce')
  assert.equal(await sendSamples(topic), 0n)
  for (const acks of [1, 0]) await withProducer((producer) => producer.send({ messages: [{ topic, value: `acks ${acks}` }], acks }))
  await until(async () => (await offsetAt(topic, latest)) === 102n, 'the end offset 102')
}

async function consume(): Promise<void> {
  const topic = await makeTopic('consume')
  await sendSamples(topic)
  const got = (await read(topic, 100)).map(({ key, value, headers, timestamp, offset }) => ({
    offset: Number(offset),
    key: key ?? null,
    value: value ?? null,
    headers: Object.fromEntries(headers),
    timestampMs: Number(timestamp),
  }))
  const expected = numbers(100).map((i) => ({ offset: i, ...sample(i) }))
  // Its deserializers turn null into an empty string.
  const blank = (text: string | null): string => text ?? ''
  const plain = (records: typeof expected): unknown =>
    records.map((record) => ({ ...record, key: blank(record.key), value: blank(record.value) }))
  assert.deepEqual(plain(got), plain(expected))
  assert.equal((await read(topic, 60, { from: 40n }))[0]?.offset, 40n)
  for (const [time, offset] of [
    [60_000, 60n],
    [59_001, 60n],
    [99_001, -1n],
  ] as const) {
    assert.equal(await offsetAt(topic, BigInt(harness.firstTimeMs + time)), offset, `offset at ${time}`)
  }
  assert.deepEqual([await offsetAt(topic, earliest), await offsetAt(topic, latest)], [0n, 100n])
}

async function idempotence(): Promise<void> {
  const topic = await makeTopic('idempotence')
  await withProducer(
    async (producer) => {
      for (const i of numbers(40)) {
        await producer.send({ messages: numbers(50, i * 50).map((n) => ({ topic, partition: 0, value: `value-${n}` })) })
      }
    },
    { idempotent: true },
  )
  const expected = numbers(2_000).map((n) => `value-${n}`)
  assert.deepEqual(await values(topic, 2_000, READ_COMMITTED), expected)
}

async function write(topic: string, codec: Codec): Promise<void> {
  const messages = numbers(200).map((i) => ({ topic, partition: 0, key: `key-${i}`, value: compressible(i), headers: { codec } }))
  await withProducer((producer) => producer.send({ messages, compression: codec }))
}

async function check(topic: string, codec: Codec): Promise<void> {
  const got = (await read(topic, 200)).map(({ key, value, headers }) => [key, value, headers.get('codec')])
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

const classic = { sessionTimeout: 6_000, heartbeatInterval: 300, rebalanceTimeout: 6_000 }

class Member {
  readonly consumer: Consumer<string, string, string, string>
  readonly #topic: string
  readonly records: string[] = []
  trouble: Error | undefined

  constructor(group: string, topic: string, options: Partial<ConsumerGroupOptions> = {}) {
    const protocol = options.groupProtocol === GroupProtocols.CONSUMER ? options : { ...classic, ...options }
    this.consumer = new Consumer({ ...base, groupId: group, deserializers: stringDeserializers, ...(protocol as typeof classic) })
    this.#topic = topic
  }

  get assigned(): readonly number[] {
    return this.consumer.assignments?.find(({ topic }) => topic === this.#topic)?.partitions ?? []
  }

  async start(): Promise<this> {
    const options: ConsumeOptions<string, string, string, string> = {
      topics: [this.#topic],
      mode: MessagesStreamModes.COMMITTED,
      fallbackMode: MessagesStreamFallbackModes.EARLIEST,
      autocommit: true,
      maxWaitTime: 100,
    }
    const stream = await this.consumer.consume(options)
    stream.on('error', (error) => (this.trouble = error))
    this.consumer.on('consumer:heartbeat:error', ({ error }) => (this.trouble = error))
    stream.on('data', ({ partition, offset }) => this.records.push(`${partition}:${offset}`))
    return this
  }

  async stop(): Promise<void> {
    await this.consumer.close(true)
  }
}

async function share(name: string, options: Partial<ConsumerGroupOptions> = {}): Promise<void> {
  const [topic, group] = [await makeTopic(name, 4), prefix + name]
  for (const partition of numbers(4)) await sendNumbers(topic, 10, partition)
  const first = await new Member(group, topic, options).start()
  await until(() => first.assigned.length === 4, 'all partitions at the first member')
  const second = await new Member(group, topic, options).start()
  await until(() => first.assigned.length === 2 && second.assigned.length === 2, 'two partitions each')
  assert.deepEqual(
    [...first.assigned, ...second.assigned].toSorted((a, b) => a - b),
    [0, 1, 2, 3],
  )
  await until(() => new Set([...first.records, ...second.records]).size === 40, 'all records')
  await second.stop()
  await until(() => first.assigned.length === 4, 'all partitions back at the first member')
  await sleep(500)
  await first.stop()
  for (const partition of numbers(4)) await sendNumbers(topic, 2, partition)
  const third = await new Member(group, topic, options).start()
  await until(() => third.records.length >= 8, 'the records after the committed offsets')
  await third.stop()
  assert.deepEqual(
    third.records.toSorted(),
    numbers(4).flatMap((partition) => [`${partition}:10`, `${partition}:11`]),
  )
}

async function transactional(name: string): Promise<TextProducer> {
  return new Producer({ ...base, serializers: stringSerializers, transactionalId: prefix + name, idempotent: true })
}

async function transactionsCommit(): Promise<void> {
  const topics = [await makeTopic('commit-0'), await makeTopic('commit-1')] as const
  const producer = await transactional('commit')
  const expected = numbers(10).map(String)
  const transaction = await producer.beginTransaction()
  for (const topic of topics) await transaction.send({ messages: expected.map((value) => ({ topic, value })) })
  assert.deepEqual(await values(topics[0], 0, READ_COMMITTED), [], 'committed before the end')
  assert.deepEqual(await values(topics[0], 10, READ_UNCOMMITTED), expected, 'uncommitted before the end')
  await transaction.commit()
  for (const topic of topics) assert.deepEqual(await values(topic, 10, READ_COMMITTED), expected, 'committed')
  const second = await producer.beginTransaction()
  await second.send({ messages: [{ topic: topics[0], value: 'more' }] })
  await second.commit()
  assert.deepEqual(await values(topics[0], 11, READ_COMMITTED), [...expected, 'more'])
  await producer.close(true)
}

async function transactionsAbort(): Promise<void> {
  const topic = await makeTopic('abort')
  const producer = await transactional('abort')
  for (const [texts, end] of [
    [['a', 'b'], 'abort'],
    [['c'], 'commit'],
    [['d'], 'abort'],
  ] as const) {
    const transaction = await producer.beginTransaction()
    await transaction.send({ messages: texts.map((value) => ({ topic, value })) })
    await transaction[end]()
  }
  await producer.close(true)
  assert.deepEqual(await values(topic, 4, READ_UNCOMMITTED), ['a', 'b', 'c', 'd'], 'uncommitted')
  assert.deepEqual(await values(topic, 1, READ_COMMITTED), ['c'], 'committed')
}

async function transactionsOffsets(): Promise<void> {
  const [source, target, groupId] = [await makeTopic('offsets-in'), await makeTopic('offsets-out'), `${prefix}offsets`]
  await sendNumbers(source, 10)
  const producer = await transactional('offsets')
  const consumer = new Consumer({ ...base, ...classic, groupId, deserializers: stringDeserializers })
  const stream = await consumer.consume({ topics: [source], mode: MessagesStreamModes.EARLIEST, autocommit: false, maxWaitTime: 100 })
  const received: Texts[] = []
  stream.on('data', (message) => received.push(message))
  await until(() => received.length === 10, 'the records')
  for (const [offset, end, committed] of [
    [4, 'abort', -1n],
    [7, 'commit', 7n],
  ] as const) {
    const transaction = await producer.beginTransaction()
    await transaction.addConsumer(consumer)
    await transaction.send({ messages: [{ topic: target, value: `up to ${offset}` }] })
    await transaction.addOffset(received[offset - 1]!)
    await transaction[end]()
    const stored = async (): Promise<bigint> => {
      const [answer] = await admin.listConsumerGroupOffsets({ groups: [{ groupId, topics: [{ name: source, partitionIndexes: [0] }] }] })
      return answer?.topics[0]?.partitions[0]?.committedOffset ?? -1n
    }
    await until(async () => (await stored()) === committed, `the committed offset ${committed}`) // markers are written later
  }
  await consumer.close(true)
  await producer.close(true)
  assert.deepEqual(await values(target, 1, READ_COMMITTED), ['up to 7'])
}

/** It asks for producer 0 where it should ask for none, and does not try again while the transaction of the one before is being aborted. */
async function successorOf(name: string): Promise<readonly [TextProducer, Awaited<ReturnType<TextProducer['beginTransaction']>>]> {
  for (let attempt = 1; ; attempt++) {
    const producer = await transactional(name)
    try {
      return [producer, await producer.beginTransaction({ producerId: -1n, producerEpoch: -1 })]
    } catch (error) {
      await producer.close(true)
      if (attempt === 20) throw error
      await sleep(100)
    }
  }
}

async function transactionsFencing(): Promise<void> {
  const topic = await makeTopic('fencing')
  const zombie = await transactional('fencing')
  const old = await zombie.beginTransaction()
  await old.send({ messages: [{ topic, value: 'of the zombie' }] })
  const [successor, transaction] = await successorOf('fencing')
  await transaction.send({ messages: [{ topic, value: 'of the successor' }] })
  await transaction.commit()
  const tooLate = async (): Promise<void> => {
    await old.send({ messages: [{ topic, value: 'too late' }] })
    await old.commit()
  }
  await fails(tooLate(), 'PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH')
  await successor.close(true)
  assert.deepEqual(await values(topic, 1, READ_COMMITTED), ['of the successor'])
}

async function partitionsOf(topic: string): Promise<number> {
  const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true })
  return topics.get(topic)!.partitionsCount
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

async function configOf(resourceType: 2 | 4, resourceName: string, key: string): Promise<string | null | undefined> {
  const [resource] = await admin.describeConfigs({ resources: [{ resourceType, resourceName, configurationKeys: [key] }] })
  return resource?.configs[0]?.value
}

/** The broker may not have heard of the topic yet. */
function notYet(): undefined {
  return undefined
}

async function adminConfigs(): Promise<void> {
  const { TOPIC, BROKER } = ConfigResourceTypes
  const topic = await makeTopic('admin-configs', 1, { 'retention.ms': '1234567' })
  await until(async () => (await configOf(TOPIC, topic, 'retention.ms').catch(notYet)) === '1234567', 'the value as made')
  const alter = (value: string): Promise<void> => {
    const config = { name: 'retention.ms', configOperation: IncrementalAlterConfigOperationTypes.SET, value }
    return admin.incrementalAlterConfigs({ resources: [{ resourceType: TOPIC, resourceName: topic, configs: [config] }] })
  }
  await alter('7654321')
  await until(async () => (await configOf(TOPIC, topic, 'retention.ms')) === '7654321', 'the new value')
  await fails(alter('soon'), 'INVALID_CONFIG')
  const { brokers } = await admin.metadata({ topics: [] })
  assert.equal(await configOf(BROKER, String([...brokers.keys()][0]), 'num.partitions'), '1')
}

async function adminPartitions(): Promise<void> {
  const topic = await makeTopic('admin-partitions', 2)
  await admin.createPartitions({ topics: [{ name: topic, count: 5, assignments: null }] })
  await until(async () => (await partitionsOf(topic)) === 5, 'five partitions')
  await sendNumbers(topic, 3, 4)
  await fails(admin.createPartitions({ topics: [{ name: topic, count: 3, assignments: null }] }), 'INVALID_PARTITIONS')
}

async function adminGroups(): Promise<void> {
  const [topic, group] = [await makeTopic('admin-groups'), `${prefix}admin-groups`]
  await sendNumbers(topic, 10)
  const member = await new Member(group, topic).start()
  await until(() => member.records.length === 10, 'the records')
  const isListed = async (): Promise<boolean> => (await admin.listGroups()).has(group)
  assert.ok(await isListed())
  const described = (await admin.describeGroups({ groups: [group] })).get(group)!
  assert.deepEqual([described.state.toUpperCase(), described.members.size], ['STABLE', 1])
  await sleep(300)
  await member.stop()
  const committed = async (): Promise<bigint> => {
    const [answer] = await admin.listConsumerGroupOffsets({ groups: [group] })
    return answer!.topics[0]!.partitions[0]!.committedOffset
  }
  assert.equal(await committed(), 10n)
  await admin.alterConsumerGroupOffsets({ groupId: group, topics: [{ name: topic, partitionOffsets: [{ partition: 0, offset: 3n }] }] })
  assert.equal(await committed(), 3n)
  await admin.deleteGroups({ groups: [group] })
  assert.ok(!(await isListed()))
  await fails(admin.deleteGroups({ groups: [group] }), 'GROUP_ID_NOT_FOUND')
}

async function adminDeleteRecords(): Promise<void> {
  const topic = await makeTopic('admin-delete-records')
  await sendNumbers(topic, 10)
  const [deleted] = await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 5n }] }] })
  assert.equal(deleted?.partitions[0]?.lowWatermark, 5n)
  assert.equal(await offsetAt(topic, earliest), 5n)
  assert.deepEqual(
    (await read(topic, 5)).map(({ offset }) => Number(offset)),
    numbers(5, 5),
  )
}

async function adminAcls(): Promise<void> {
  const target = { resourceType: ResourceTypes.TOPIC, resourceName: `${prefix}acl`, resourcePatternType: ResourcePatternTypes.LITERAL }
  const permission = { principal: 'User:alice', host: '*', operation: AclOperations.READ, permissionType: AclPermissionTypes.ALLOW }
  const acl = { ...target, ...permission }
  await admin.createAcls({ creations: [acl] })
  const described = async (): Promise<number> => (await admin.describeAcls({ filter: acl })).flatMap(({ acls }) => acls).length
  await until(async () => (await described()) === 1, 'the ACL')
  await admin.deleteAcls({ filters: [acl] })
  await until(async () => (await described()) === 0, 'no ACL')
}

async function unknownTopic(): Promise<void> {
  const topic = `${prefix}nowhere`
  await fails(admin.metadata({ topics: [topic], autocreateTopics: false, retries: 0 }), 'UNKNOWN_TOPIC_OR_PARTITION', 'Unknown topic')
  await fails(
    withProducer((producer) => producer.send({ messages: [{ topic, value: 'lost' }] }), { retries: 0 }),
    'UNKNOWN_TOPIC_OR_PARTITION',
    'Unknown topic',
  )
}

async function tooLarge(): Promise<void> {
  const topic = await makeTopic('too-large')
  await fails(
    withProducer((producer) => producer.send({ messages: [{ topic, value: 'x'.repeat(2_000_000) }] })),
    'MESSAGE_TOO_LARGE',
  )
  await sendNumbers(topic, 1)
}

async function offsetOutOfRange(): Promise<void> {
  const topic = await makeTopic('out-of-range')
  await sendNumbers(topic, 10)
  const consumer = new Consumer({ ...base, retries: 0, groupId: `${prefix}out-of-range` })
  const offsets = [{ topic, partition: 0, offset: 1_000n }]
  const options = { mode: MessagesStreamModes.MANUAL, fallbackMode: MessagesStreamFallbackModes.FAIL, offsets, maxWaitTime: 100 }
  const stream = await consumer.consume({ topics: [topic], ...options })
  stream.resume()
  const [error] = (await once(stream, 'error', { signal: AbortSignal.timeout(20_000) }).catch((thrown: unknown) => [thrown])) as [Error]
  await fails(Promise.reject(error), 'OFFSET_OUT_OF_RANGE', 'out of range')
  await consumer.close(true)
}

const none = '@platformatic/kafka has no '
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
  groups: () => share('groups'),
  'groups-cooperative': skip(`${none}cooperative rebalances`),
  'groups-static': skip('written for clients whose members leave without LeaveGroup; its own always sends it'),
  'groups-kip848': () => share('groups-kip848', { groupProtocol: GroupProtocols.CONSUMER }),
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
  'errors-invalid-topic': () => fails(admin.createTopics({ topics: ['not/a topic'], partitions: 1, replicas: 1 }), 'INVALID_TOPIC'),
  'errors-too-large': tooLarge,
  'errors-offset-out-of-range': offsetOutOfRange,
})
