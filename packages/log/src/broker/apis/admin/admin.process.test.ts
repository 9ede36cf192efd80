import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ERROR_CODE } from '../../../protocol/index.ts'
import { Log } from '../../log.ts'
import { batchOf, createTopic, fetchFrom, produceTo } from '../../testing/requests.ts'
import { WireClient } from '../../testing/wire-client.ts'

const NO_ID = new Uint8Array(16)
const TOPIC = 2
const BROKER = 4
const GROUP = 32
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3] as const
let dir: string
let log: Log
let client: WireClient

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'millrace-admin-'))
  log = await Log.start({ dir, config: { 'num.partitions': '2', 'max.request.partition.size.limit': '3' } })
  client = await WireClient.connect(log)
})

after(async () => {
  await client.close()
  await log.close()
  await rm(dir, { recursive: true })
})

async function configsOf(
  resourceType: number,
  resourceName: string,
  version = 4,
): Promise<Map<string, { value: string | null; source: number }>> {
  const { results } = await client.ask('DescribeConfigs', version, {
    resources: [{ resourceType, resourceName, configurationKeys: null }],
    includeSynonyms: true,
    ...(version >= 3 ? { includeDocumentation: true } : {}),
  })
  assert.equal(results[0]!.errorCode, ERROR_CODE.NONE)
  return new Map(results[0]!.configs.map(({ name, value, configSource }) => [name, { value, source: configSource }]))
}

async function change(
  resourceType: number,
  resourceName: string,
  configs: [string, number, string | null][],
  validateOnly = false,
  version = 1,
): Promise<number> {
  const { responses } = await client.ask('IncrementalAlterConfigs', version, {
    resources: [
      { resourceType, resourceName, configs: configs.map(([name, configOperation, value]) => ({ name, configOperation, value })) },
    ],
    validateOnly,
  })
  return responses[0]!.errorCode
}

test('CreateTopics: defaults, assignments, every version; what is only validated is not made', async () => {
  const base = { numPartitions: -1, replicationFactor: -1, assignments: [], configs: [] }
  for (const version of [2, 3, 4, 5, 6, 7]) {
    const name = `made-${version}`
    const topics = [
      { ...base, name },
      { ...base, name: `${name}-assigned`, assignments: [{ partitionIndex: 0, brokerIds: [1] }] },
      { ...base, name: `${name}-elsewhere`, assignments: [{ partitionIndex: 0, brokerIds: [2] }] },
      { ...base, name: `${name}-gap`, assignments: [{ partitionIndex: 1, brokerIds: [1] }] },
      { ...base, name: `${name}-both`, numPartitions: 1, assignments: [{ partitionIndex: 0, brokerIds: [1] }] },
    ]
    const validated = await client.ask('CreateTopics', version, { topics, timeoutMs: 1000, validateOnly: true })
    const made = await client.ask('CreateTopics', version, { topics, timeoutMs: 1000, validateOnly: false })
    for (const answer of [validated, made]) {
      assert.deepEqual(
        answer.topics.map(({ errorCode }) => errorCode),
        [0, 0, ERROR_CODE.INVALID_REPLICA_ASSIGNMENT, ERROR_CODE.INVALID_REPLICA_ASSIGNMENT, ERROR_CODE.INVALID_REQUEST],
      )
    }
    if (version < 5) continue
    assert.deepEqual([made.topics[0]!.numPartitions, made.topics[0]!.replicationFactor], [2, 1])
    assert.ok(
      made.topics[0]!.configs!.some(
        (config) => config.name === 'retention.ms' && config.value === '604800000' && config.configSource === 5,
      ),
    )
  }
})

test('CreatePartitions: a topic grows, and its new partitions can be written at once', async () => {
  await createTopic(client, 'grows')
  for (const version of [0, 1, 2, 3]) {
    const count = version + 2
    const topics = [
      { name: 'grows', count, assignments: version % 2 === 0 ? null : [{ brokerIds: [1] }] },
      { name: 'none', count: 2, assignments: null },
      { name: 'made-2', count: 1, assignments: null },
    ]
    const { results } = await client.ask('CreatePartitions', version, { topics, timeoutMs: 1000, validateOnly: false })
    assert.deepEqual(
      results.map(({ errorCode }) => errorCode),
      [0, ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION, ERROR_CODE.INVALID_PARTITIONS],
    )
    assert.equal((await produceTo(client, 'grows', batchOf(['x']), { partition: count - 1 })).errorCode, ERROR_CODE.NONE)
  }
  const { results } = await client.ask('CreatePartitions', 3, {
    topics: [{ name: 'grows', count: 9, assignments: null }],
    timeoutMs: 1,
    validateOnly: true,
  })
  assert.equal(results[0]!.errorCode, ERROR_CODE.NONE)
  const { topics } = await client.ask('Metadata', 13, { topics: [{ name: 'grows' }], allowAutoTopicCreation: false })
  assert.equal(topics[0]!.partitions.length, 5)
})

test('Metadata: every version, by name and id, what the client may do', async () => {
  const id = await createTopic(client, 'seen')
  for (let version = 0; version <= 13; version++) {
    const answer = await client.ask('Metadata', version, { topics: [{ name: 'seen' }], includeTopicAuthorizedOperations: version >= 8 })
    assert.deepEqual([answer.topics[0]!.errorCode, answer.topics[0]!.partitions[0]!.leaderId], [0, 1], `version ${version}`)
    assert.deepEqual([answer.brokers[0]!.host, answer.brokers[0]!.port], ['127.0.0.1', log.port])
    if (version >= 8) assert.equal(answer.topics[0]!.topicAuthorizedOperations, 0b1101_1111_1000)
    const all = await client.ask('Metadata', version, { topics: version === 0 ? [] : null })
    assert.ok(all.topics.some(({ name }) => name === 'seen'))
  }
  const byId = await client.ask('Metadata', 12, {
    topics: [
      { topicId: id, name: null },
      { topicId: new Uint8Array(16).fill(9), name: null },
    ],
  })
  assert.deepEqual(
    byId.topics.map(({ name, errorCode }) => [name, errorCode]),
    [
      ['seen', 0],
      [null, ERROR_CODE.UNKNOWN_TOPIC_ID],
    ],
  )
  const tooEarly = await client.ask('Metadata', 11, { topics: [{ topicId: id, name: null }] })
  assert.equal(tooEarly.topics[0]!.errorCode, ERROR_CODE.INVALID_REQUEST)
})

test('DescribeTopicPartitions goes on from its cursor', async () => {
  for (const name of ['dtp-a', 'dtp-b', 'dtp-c']) await createTopic(client, name, {}, 2)
  const topics = ['dtp-c', 'dtp-a', 'dtp-missing', 'dtp-b'].map((name) => ({ name }))
  const seen: string[] = []
  let cursor: { topicName: string; partitionIndex: number } | null = null
  do {
    const answer: Awaited<ReturnType<typeof ask>> = await ask(cursor)
    for (const { name, errorCode, partitions } of answer.topics) {
      if (errorCode !== 0) seen.push(`${name} ${errorCode}`)
      for (const { partitionIndex } of partitions) seen.push(`${name}-${partitionIndex}`)
    }
    cursor = answer.nextCursor
  } while (cursor !== null)
  assert.deepEqual(seen, ['dtp-a-0', 'dtp-a-1', 'dtp-b-0', 'dtp-b-1', 'dtp-c-0', 'dtp-c-1', 'dtp-missing 3'])

  function ask(from: typeof cursor) {
    return client.ask('DescribeTopicPartitions', 0, { topics, responsePartitionLimit: 2000, cursor: from })
  }
})

test('configurations of a topic: described in every version, changed in steps, and honoured at once', async () => {
  await createTopic(client, 'conf', { 'retention.ms': '1000' })
  for (const version of [1, 2, 3, 4]) {
    const configs = await configsOf(TOPIC, 'conf', version)
    assert.deepEqual(configs.get('retention.ms'), { value: '1000', source: 1 })
    assert.deepEqual(configs.get('cleanup.policy'), { value: 'delete', source: 5 })
  }
  assert.equal(await change(TOPIC, 'conf', [['cleanup.policy', APPEND, 'compact']]), 0)
  assert.equal((await configsOf(TOPIC, 'conf')).get('cleanup.policy')!.value, 'delete,compact')
  assert.equal(await change(TOPIC, 'conf', [['cleanup.policy', SUBTRACT, 'delete']], false, 0), 0)
  assert.equal((await produceTo(client, 'conf', batchOf(['no key']))).errorCode, ERROR_CODE.INVALID_RECORD)
  assert.equal(await change(TOPIC, 'conf', [['cleanup.policy', DELETE, null]]), 0)
  assert.equal((await produceTo(client, 'conf', batchOf(['no key']))).errorCode, 0)
  assert.equal(await change(TOPIC, 'conf', [['retention.ms', SET, '5']], true), 0)
  assert.equal((await configsOf(TOPIC, 'conf')).get('retention.ms')!.value, '1000')
  for (const [configs, code] of [
    [[['retention.m', SET, '1']], ERROR_CODE.INVALID_CONFIG],
    [[['retention.ms', SET, 'x']], ERROR_CODE.INVALID_CONFIG],
    [[['retention.ms', APPEND, '1']], ERROR_CODE.INVALID_CONFIG],
    [[['retention.ms', SET, null]], ERROR_CODE.INVALID_REQUEST],
    [[['retention.ms', 9, '1']], ERROR_CODE.INVALID_REQUEST],
    [
      [
        ['retention.ms', SET, '1'],
        ['retention.ms', SET, '2'],
      ],
      ERROR_CODE.INVALID_REQUEST,
    ],
  ] as [[string, number, string | null][], number][]) {
    assert.equal(await change(TOPIC, 'conf', configs), code, JSON.stringify(configs))
  }
  assert.equal(await change(TOPIC, 'nowhere', [['retention.ms', SET, '1']]), ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION)
  for (const version of [0, 1, 2]) {
    const { responses } = await client.ask('AlterConfigs', version, {
      resources: [{ resourceType: TOPIC, resourceName: 'conf', configs: [{ name: 'max.message.bytes', value: String(500 + version) }] }],
      validateOnly: false,
    })
    assert.equal(responses[0]!.errorCode, 0)
  }
  const replaced = await configsOf(TOPIC, 'conf')
  assert.deepEqual([replaced.get('max.message.bytes')!.value, replaced.get('retention.ms')!.source], ['502', 5])
  assert.equal((await produceTo(client, 'conf', batchOf(['x'.repeat(600)]))).errorCode, ERROR_CODE.MESSAGE_TOO_LARGE)
})

test('configurations of the broker take effect, and are there after a restart', async () => {
  await createTopic(client, 'by-broker')
  assert.equal(await change(BROKER, '', [['message.max.bytes', SET, '700']]), 0)
  assert.equal((await produceTo(client, 'by-broker', batchOf(['x'.repeat(800)]))).errorCode, ERROR_CODE.MESSAGE_TOO_LARGE)
  assert.equal(await change(BROKER, '1', [['message.max.bytes', SET, '900']]), 0)
  assert.equal((await produceTo(client, 'by-broker', batchOf(['x'.repeat(800)]))).errorCode, 0)
  assert.deepEqual((await configsOf(BROKER, '1')).get('message.max.bytes'), { value: '900', source: 2 })
  assert.deepEqual((await configsOf(BROKER, '1')).get('num.partitions'), { value: '2', source: 4 })
  assert.deepEqual(await configsOf(BROKER, ''), new Map([['message.max.bytes', { value: '700', source: 3 }]]))
  assert.equal(await change(BROKER, '1', [['num.partitions', SET, '3']]), ERROR_CODE.INVALID_REQUEST)
  assert.equal(await change(BROKER, '1', [['no.such.thing', SET, '3']]), ERROR_CODE.INVALID_CONFIG)
  assert.equal(await change(BROKER, '2', [['message.max.bytes', SET, '3']]), ERROR_CODE.INVALID_REQUEST)

  await client.close()
  await log.close()
  log = await Log.start({ dir, config: { 'num.partitions': '2', 'max.request.partition.size.limit': '3' } })
  client = await WireClient.connect(log)
  assert.deepEqual((await configsOf(BROKER, '1')).get('message.max.bytes'), { value: '900', source: 2 })
  assert.equal(await change(BROKER, '1', [['message.max.bytes', DELETE, null]]), 0)
  assert.equal(await change(BROKER, '', [['message.max.bytes', DELETE, null]]), 0)
  assert.equal((await produceTo(client, 'by-broker', batchOf(['x'.repeat(800)]))).errorCode, 0)
})

test('groups have configurations, and what has any is listed', async () => {
  assert.equal(await change(GROUP, 'g', [['consumer.session.timeout.ms', SET, '50000']]), 0)
  assert.equal(await change(GROUP, 'g', [['consumer.session.timeout.ms', SET, '1']]), ERROR_CODE.INVALID_CONFIG)
  assert.deepEqual((await configsOf(GROUP, 'g')).get('consumer.session.timeout.ms'), { value: '50000', source: 8 })
  const { configResources } = await client.ask('ListConfigResources', 1, { resourceTypes: [BROKER, GROUP] })
  assert.deepEqual(
    configResources.map(({ resourceType, resourceName }) => [resourceType, resourceName]),
    [
      [BROKER, '1'],
      [GROUP, 'g'],
    ],
  )
  assert.deepEqual((await client.ask('ListConfigResources', 0, {})).configResources, [])
  assert.equal((await client.ask('ListConfigResources', 1, { resourceTypes: [99] })).errorCode, ERROR_CODE.UNSUPPORTED_VERSION)
})

test('DeleteRecords: up to an offset or everything, where records may be deleted', async () => {
  await createTopic(client, 'cut')
  await createTopic(client, 'compacted', { 'cleanup.policy': 'compact' })
  await produceTo(client, 'cut', batchOf(['a', 'b', 'c', 'd']))
  const cut = async (topic: string, offset: number, version = 2, partitionIndex = 0): Promise<[number, number]> => {
    const answer = await client.ask('DeleteRecords', version, {
      topics: [{ name: topic, partitions: [{ partitionIndex, offset }] }],
      timeoutMs: 1000,
    })
    const { errorCode, lowWatermark } = answer.topics[0]!.partitions[0]!
    return [errorCode, lowWatermark]
  }
  for (const [version, offset] of [1, 2, 3].entries()) assert.deepEqual(await cut('cut', offset, version), [0, offset])
  assert.equal((await fetchFrom(client, 'cut')).errorCode, ERROR_CODE.OFFSET_OUT_OF_RANGE)
  assert.deepEqual(await cut('cut', 5), [ERROR_CODE.OFFSET_OUT_OF_RANGE, -1])
  assert.deepEqual(await cut('cut', -2), [ERROR_CODE.OFFSET_OUT_OF_RANGE, -1])
  assert.deepEqual(await cut('cut', -1), [0, 4])
  assert.deepEqual(await cut('cut', 0, 2, 7), [ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION, -1])
  assert.deepEqual(await cut('compacted', -1), [ERROR_CODE.POLICY_VIOLATION, -1])
})

test('log directories, the cluster, features, elections, reassignments', async () => {
  await createTopic(client, 'here')
  await produceTo(client, 'here', batchOf(['x']))
  for (const version of [1, 2, 3, 4]) {
    const { results } = await client.ask('DescribeLogDirs', version, { topics: [{ topic: 'here', partitions: [0] }] })
    assert.deepEqual([results[0]!.logDir, results[0]!.topics.length], [dir, 1])
    assert.ok(results[0]!.topics[0]!.partitions[0]!.partitionSize > 60)
    if (version >= 4) assert.ok(results[0]!.totalBytes > 0)
  }
  for (const version of [1, 2]) {
    const moves = [dir, `${dir}-elsewhere`].map((path) => ({ path, topics: [{ name: 'here', partitions: [0, 9] }] }))
    const { results } = await client.ask('AlterReplicaLogDirs', version, { dirs: moves })
    assert.deepEqual(
      results.map(({ partitions }) => partitions.map(({ errorCode }) => errorCode)),
      [
        [ERROR_CODE.NONE, ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION],
        [ERROR_CODE.LOG_DIR_NOT_FOUND, ERROR_CODE.LOG_DIR_NOT_FOUND],
      ],
    )
  }
  for (const version of [0, 1, 2]) {
    const { brokers, controllerId } = await client.ask('DescribeCluster', version, { includeClusterAuthorizedOperations: true })
    assert.deepEqual([brokers.length, brokers[0]!.port, controllerId], [1, log.port, 1])
  }
  const controllers = await client.ask('DescribeCluster', 1, { includeClusterAuthorizedOperations: false, endpointType: 2 })
  assert.equal(controllers.errorCode, ERROR_CODE.MISMATCHED_ENDPOINT_TYPE)
  const quorum = await client.ask('DescribeQuorum', 2, { topics: [] })
  assert.equal(quorum.errorCode, ERROR_CODE.UNSUPPORTED_VERSION)
  const update = (version: number, maxVersionLevel: number) =>
    client.ask('UpdateFeatures', version, {
      featureUpdates: [{ feature: 'transaction.version', maxVersionLevel, allowDowngrade: false }],
      validateOnly: false,
    })
  assert.deepEqual([(await update(2, 2)).errorCode, (await update(2, 1)).errorCode], [0, ERROR_CODE.INVALID_UPDATE_VERSION])
  assert.equal((await update(1, 1)).results[0]!.errorCode, ERROR_CODE.INVALID_UPDATE_VERSION)
  for (const version of [0, 1, 2]) {
    const topicPartitions = [{ topic: 'here', partitions: [0, 9] }]
    const { replicaElectionResults } = await client.ask('ElectLeaders', version, { electionType: 0, topicPartitions })
    assert.deepEqual(
      replicaElectionResults[0]!.partitionResult.map(({ errorCode }) => errorCode),
      [ERROR_CODE.ELECTION_NOT_NEEDED, ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION],
    )
  }
  const reassign = [[1], [2], null].map((replicas) => ({ partitionIndex: 0, replicas }))
  const { responses } = await client.ask('AlterPartitionReassignments', 0, { topics: [{ name: 'here', partitions: reassign }] })
  assert.deepEqual(
    responses[0]!.partitions.map(({ errorCode }) => errorCode),
    [0, ERROR_CODE.INVALID_REPLICA_ASSIGNMENT, ERROR_CODE.NO_REASSIGNMENT_IN_PROGRESS],
  )
  assert.deepEqual((await client.ask('ListPartitionReassignments', 0, { topics: null })).topics, [])
})

test('DeleteTopics: neither twice nor both ways, and not where it is disabled', async () => {
  await createTopic(client, 'goes')
  const ask = async (topics: { name: string | null; topicId: Uint8Array }[]): Promise<number[]> =>
    (await client.ask('DeleteTopics', 6, { topics, timeoutMs: 1000 })).responses.map(({ errorCode }) => errorCode)
  const id = new Uint8Array(16).fill(1)
  assert.deepEqual(
    await ask([
      { name: 'goes', topicId: id },
      { name: null, topicId: NO_ID },
      { name: null, topicId: id },
    ]),
    [ERROR_CODE.INVALID_REQUEST, ERROR_CODE.INVALID_REQUEST, ERROR_CODE.UNKNOWN_TOPIC_ID],
  )
  for (const version of [1, 2, 3, 4, 5]) {
    await createTopic(client, `goes-${version}`)
    const { responses } = await client.ask('DeleteTopics', version, { topicNames: [`goes-${version}`], timeoutMs: 1000 })
    assert.equal(responses[0]!.errorCode, 0)
  }
})
