// Requests that name the same thing over and over: an answer must not outgrow its request by that.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ERROR_CODE } from '../../protocol/index.ts'
import { Log } from '../log.ts'
import { createTopic } from '../testing/requests.ts'
import { WireClient } from '../testing/wire-client.ts'

const NO_ID = new Uint8Array(16)
const { NONE, POLICY_VIOLATION, INVALID_REQUEST } = ERROR_CODE
let log: Log
let client: WireClient
let id: Uint8Array

before(async () => {
  log = await Log.start({ memory: true })
  client = await WireClient.connect(log)
  id = await createTopic(client, 't', {}, 3)
})

after(async () => {
  await client.close()
  await log.close()
})

const often = <T>(value: T, other: T): T[] => [...Array.from({ length: 20 }, () => value), other, value]

test('what is described is described once, in the order of the first mention', async () => {
  const flags = { allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false }
  const byName = await client.ask('Metadata', 12, {
    topics: often({ name: 't', topicId: NO_ID }, { name: 'missing', topicId: NO_ID }),
    ...flags,
  })
  assert.deepEqual(
    byName.topics.map(({ name, partitions }) => [name, partitions.length]),
    [
      ['t', 3],
      ['missing', 0],
    ],
  )
  const byId = await client.ask('Metadata', 12, {
    topics: often({ name: null, topicId: id }, { name: null, topicId: new Uint8Array(16).fill(7) }),
    ...flags,
  })
  assert.deepEqual(
    byId.topics.map(({ name }) => name),
    ['t', null],
  )
  const topic = { resourceType: 2, resourceName: 't' }
  const configs = await client.ask('DescribeConfigs', 4, {
    resources: often({ ...topic, configurationKeys: null }, { ...topic, configurationKeys: ['retention.ms'] }),
    includeSynonyms: true,
    includeDocumentation: true,
  })
  assert.deepEqual(
    configs.results.map((result) => result.configs.length > 1),
    [true, false],
  )
  const producers = await client.ask('DescribeProducers', 0, {
    topics: often({ name: 't', partitionIndexes: often(0, 1) }, { name: 'u', partitionIndexes: [0] }),
  })
  assert.deepEqual(
    producers.topics.map(({ name, partitions }) => [name, partitions.length]),
    [
      ['t', 2],
      ['u', 1],
    ],
  )
  const transactions = await client.ask('DescribeTransactions', 0, { transactionalIds: often('a', 'b') })
  assert.deepEqual(
    transactions.transactionStates.map(({ transactionalId }) => transactionalId),
    ['a', 'b'],
  )
})

// Where every name was compared with, or copied beside, all others, these took minutes, in which the broker answered nobody.
test('many names take no time that grows with their square', { timeout: 60_000 }, async () => {
  const names = Array.from({ length: 60_000 }, (_, index) => `name-${index}`)
  const { results } = await client.ask('DescribeUserScramCredentials', 0, { users: names.map((name) => ({ name })) })
  assert.equal(results.length, names.length)
  const topics = names.map((name) => ({ name, partitions: [] }))
  const added = await client.ask('AddPartitionsToTxn', 3, {
    v3AndBelowTransactionalId: 'id',
    v3AndBelowProducerId: 1,
    v3AndBelowProducerEpoch: 0,
    v3AndBelowTopics: topics,
  })
  assert.equal(added.resultsByTopicV3AndBelow.length, names.length)
})

test('groups are described, and their offsets told, once', async () => {
  const classic = await client.ask('DescribeGroups', 5, { groups: often('g', 'h'), includeAuthorizedOperations: false })
  assert.deepEqual(
    classic.groups.map(({ groupId }) => groupId),
    ['g', 'h'],
  )
  const consumer = await client.ask('ConsumerGroupDescribe', 0, { groupIds: often('g', 'h'), includeAuthorizedOperations: false })
  assert.deepEqual(
    consumer.groups.map(({ groupId }) => groupId),
    ['g', 'h'],
  )
  const group = { groupId: 'g', memberId: null, memberEpoch: -1, topics: null }
  const offsets = await client.ask('OffsetFetch', 9, { groups: often(group, { ...group, groupId: 'h' }), requireStable: false })
  assert.deepEqual(
    offsets.groups?.map(({ groupId }) => groupId),
    ['g', 'h'],
  )
})

test('a request makes 10,000 partitions at most, over all its topics, and none of them where there are more', async () => {
  const topic = (name: string, numPartitions: number) => ({ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] })
  const make = async (topics: ReturnType<typeof topic>[]): Promise<readonly number[]> => {
    const made = await client.ask('CreateTopics', 7, { topics, timeoutMs: 5000, validateOnly: true })
    return made.topics.map(({ errorCode }) => errorCode)
  }
  assert.deepEqual(await make([topic('a', 6000), topic('b', 4000)]), [NONE, NONE])
  assert.deepEqual(await make([topic('a', 6000), topic('b', 4001), topic('c', 1)]), [POLICY_VIOLATION, POLICY_VIOLATION, POLICY_VIOLATION])
})

test('what is changed and named more than once is refused, what is named once is not', async () => {
  const deleted = await client.ask('DeleteTopics', 6, {
    topics: often({ name: 't', topicId: NO_ID }, { name: 'u', topicId: NO_ID }),
    timeoutMs: 5000,
  })
  assert.deepEqual(
    deleted.responses.map(({ name, errorCode }) => [name, errorCode]),
    [
      ['t', INVALID_REQUEST],
      ['u', ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION],
    ],
  )
  const change = { resourceType: 2, configs: [{ name: 'retention.ms', configOperation: 0, value: '1000' }] }
  const resources = often({ ...change, resourceName: 't' }, { ...change, resourceName: 'u' })
  const { responses } = await client.ask('IncrementalAlterConfigs', 1, { resources, validateOnly: true })
  assert.deepEqual(
    responses.map(({ errorCode }) => errorCode),
    often(INVALID_REQUEST, ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION),
  )
  const deletions = often({ name: 'a', mechanism: 1 }, { name: 'b', mechanism: 1 })
  const { results } = await client.ask('AlterUserScramCredentials', 0, { deletions, upsertions: [] })
  assert.deepEqual(
    results.map(({ user, errorCode }) => [user, errorCode]),
    ['a', 'b'].map((user) => [user, ERROR_CODE.RESOURCE_NOT_FOUND]),
  )
})

test('partitions of a topic that is named more than once are refused once', async () => {
  const topics = often({ name: 't', count: 4, assignments: null }, { name: 'u', count: 4, assignments: null })
  const { results } = await client.ask('CreatePartitions', 3, { topics, timeoutMs: 5000, validateOnly: true })
  assert.deepEqual(
    results.map(({ name, errorCode }) => [name, errorCode]),
    [
      ['t', INVALID_REQUEST],
      ['u', ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION],
    ],
  )
})
