// Quotas as clients meet them: told how long to wait, and not heard meanwhile.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { ERROR_CODE } from '../../protocol/index.ts'
import { Log } from '../log.ts'
import { batchOf, createTopic } from '../testing/requests.ts'
import { WireClient } from '../testing/wire-client.ts'

const NO_ID = new Uint8Array(16)
/** Two windows: a rate is over a second or two, and a throttle about as long. */
const windows = {
  'quota.window.num': '2',
  'quota.window.size.seconds': '1',
  'controller.quota.window.num': '1',
  'controller.quota.window.size.seconds': '1',
}

async function start(t: TestContext): Promise<{ readonly log: Log; readonly client: WireClient }> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-quotas-'))
  const log = await Log.start({ dir, config: windows })
  const client = await WireClient.connect(log)
  t.after(async () => {
    await client.close()
    await log.close()
    rmSync(dir, { recursive: true })
  })
  return { log, client }
}

type Part = readonly [type: 'user' | 'client-id' | 'ip', name: string | null]

async function setQuota(
  client: WireClient,
  entity: readonly Part[],
  key: string,
  value: number | undefined,
  validateOnly = false,
): Promise<number> {
  const { entries } = await client.ask('AlterClientQuotas', 1, {
    entries: [
      {
        entity: entity.map(([entityType, entityName]) => ({ entityType, entityName })),
        ops: [{ key, value: value ?? 0, remove: value === undefined }],
      },
    ],
    validateOnly,
  })
  return entries[0]!.errorCode
}

async function produce(client: WireClient, topic: string, bytes: number): Promise<number> {
  const topicData = [{ name: topic, topicId: NO_ID, partitionData: [{ index: 0, records: batchOf(['x'.repeat(bytes)]) }] }]
  const { throttleTimeMs, responses } = await client.ask('Produce', 9, { acks: -1, timeoutMs: 1000, topicData })
  assert.equal(responses[0]!.partitionResponses[0]!.errorCode, ERROR_CODE.NONE)
  return throttleTimeMs
}

test('who produces too much is answered at once, and heard again when the rate has fallen', async (t) => {
  const { log, client } = await start(t)
  await createTopic(client, 'p')
  assert.equal(await setQuota(client, [['client-id', 'test']], 'producer_byte_rate', 10_000), ERROR_CODE.NONE)
  assert.equal(await produce(client, 'p', 1000), 0)
  const sinceMs = performance.now()
  const throttleMs = await produce(client, 'p', 18_000)
  assert.ok(throttleMs >= 500 && throttleMs <= 1000, String(throttleMs))
  assert.ok(performance.now() - sinceMs < throttleMs, 'it is answered at once')
  const other = await WireClient.connect(log)
  await other.ask('Metadata', 12, { topics: [] })
  assert.ok(performance.now() - sinceMs < throttleMs, 'only the connection is muted')
  await other.close()
  await client.ask('Metadata', 12, { topics: [] })
  assert.ok(performance.now() - sinceMs >= throttleMs)
  await setQuota(client, [['client-id', 'test']], 'producer_byte_rate', undefined)
  assert.equal(await produce(client, 'p', 100_000), 0)
})

test('who fetches too much is throttled, and gets no more at once than the quota has room for', async (t) => {
  const { client } = await start(t)
  await createTopic(client, 'f')
  for (let count = 0; count < 10; count++) await produce(client, 'f', 3000)
  await setQuota(client, [['user', null]], 'consumer_byte_rate', 10_000)
  const fetch = async (): Promise<{ throttleTimeMs: number; bytes: number }> => {
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }]
    const topics = [{ topic: 'f', topicId: NO_ID, partitions }]
    const { throttleTimeMs, responses } = await client.ask('Fetch', 12, {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1 << 20,
      topics,
      forgottenTopicsData: [],
    })
    return { throttleTimeMs, bytes: responses[0]!.partitions[0]!.records!.length }
  }
  const first = await fetch()
  assert.ok(first.bytes > 3000 && first.bytes <= 10_000, String(first.bytes))
  const second = await fetch()
  assert.ok(second.throttleTimeMs > 0)
})

test('time on the data loop', async (t) => {
  const { client } = await start(t)
  await setQuota(client, [['user', 'ANONYMOUS']], 'request_percentage', 0.0001)
  const { throttleTimeMs } = await client.ask('Metadata', 12, { topics: null })
  assert.ok(throttleTimeMs > 0 && throttleTimeMs <= 1000, String(throttleTimeMs))
})

test('changes of topics: refused in new versions, made slow in old ones', async (t) => {
  const { log } = await start(t)
  const client = await WireClient.connect(log)
  await setQuota(
    client,
    [
      ['user', 'ANONYMOUS'],
      ['client-id', null],
    ],
    'controller_mutation_rate',
    1,
  )
  const create = async (version: number, name: string): Promise<readonly [code: number, throttleMs: number]> => {
    const topic = { name, numPartitions: 3, replicationFactor: 1, assignments: [], configs: [] }
    const { topics, throttleTimeMs } = await client.ask('CreateTopics', version, { topics: [topic], timeoutMs: 1000, validateOnly: false })
    return [topics[0]!.errorCode, throttleTimeMs]
  }
  const [code, throttleMs] = await create(7, 'a')
  assert.equal(code, ERROR_CODE.NONE, 'it may run into debt')
  assert.ok(throttleMs > 1000 && throttleMs <= 2000, String(throttleMs))
  const again = await WireClient.connect(log)
  const topic = { name: 'c', numPartitions: 3, replicationFactor: 1, assignments: [], configs: [] }
  const refused = await again.ask('CreateTopics', 7, { topics: [topic], timeoutMs: 1000, validateOnly: false })
  assert.equal(refused.topics[0]!.errorCode, ERROR_CODE.THROTTLING_QUOTA_EXCEEDED)
  const old = await WireClient.connect(log)
  const slow = await old.ask('CreateTopics', 5, { topics: [topic], timeoutMs: 1000, validateOnly: false })
  assert.equal(slow.topics[0]!.errorCode, ERROR_CODE.NONE)
  assert.ok(slow.throttleTimeMs > 0)
  await Promise.all([client.close(), again.close(), old.close()])
})

test('an address that connects too often is turned away', async (t) => {
  const { log, client } = await start(t)
  await setQuota(client, [['ip', '127.0.0.1']], 'connection_creation_rate', 3)
  const outcomes = await Promise.all(
    [...Array(8).keys()].map(async () => {
      const connection = await WireClient.connect(log)
      const outcome = await connection.ask('Metadata', 12, { topics: [] }).then(
        () => 'served',
        () => 'turned away',
      )
      await connection.close()
      return outcome
    }),
  )
  assert.ok(outcomes.includes('served') && outcomes.includes('turned away'), outcomes.join())
  await setQuota(client, [['ip', '127.0.0.1']], 'connection_creation_rate', undefined)
  const welcome = await WireClient.connect(log)
  await welcome.ask('Metadata', 12, { topics: [] })
  await welcome.close()
})

test('quotas are described, and refused for what is wrong with them', async (t) => {
  const { client } = await start(t)
  const entities: readonly (readonly Part[])[] = [
    [['user', 'alice']],
    [['user', null]],
    [
      ['user', 'alice'],
      ['client-id', 'c'],
    ],
    [
      ['user', 'alice'],
      ['client-id', null],
    ],
    [['client-id', 'c']],
  ]
  for (const entity of entities) assert.equal(await setQuota(client, entity, 'producer_byte_rate', 1024), ERROR_CODE.NONE)
  assert.equal(await setQuota(client, [['ip', null]], 'connection_creation_rate', 100), ERROR_CODE.NONE)
  assert.equal(await setQuota(client, [['user', 'bob']], 'producer_byte_rate', 1, true), ERROR_CODE.NONE)
  for (const [entity, key, value] of [
    [[], 'producer_byte_rate', 1],
    [[['user', '']], 'producer_byte_rate', 1],
    [
      [
        ['user', 'a'],
        ['user', 'b'],
      ],
      'producer_byte_rate',
      1,
    ],
    [
      [
        ['user', 'a'],
        ['ip', '10.0.0.1'],
      ],
      'producer_byte_rate',
      1,
    ],
    [[['group', 'a']], 'producer_byte_rate', 1],
    [[['ip', 'somewhere']], 'connection_creation_rate', 1],
    [[['ip', '10.0.0.1']], 'producer_byte_rate', 1],
    [[['user', 'a']], 'SCRAM-SHA-256', 1],
    [[['user', 'a']], 'producer_byte_rate', -1],
    [[['user', 'a']], 'producer_byte_rate', 1.5],
    [[['user', 'a']], 'producer_byte_rate', Number.NaN],
  ] as const) {
    assert.equal(
      await setQuota(client, entity as unknown as readonly Part[], key, value),
      ERROR_CODE.INVALID_REQUEST,
      JSON.stringify([entity, key, value]),
    )
  }
  const describe = async (
    components: readonly (readonly [string, number, string | null])[],
    strict = false,
  ): Promise<readonly string[]> => {
    const filter = components.map(([entityType, matchType, match]) => ({ entityType, matchType, match }))
    const { entries } = await client.ask('DescribeClientQuotas', 1, { components: filter, strict })
    return entries!.map(({ entity }) => entity.map(({ entityType, entityName }) => `${entityType}=${entityName}`).join()).toSorted()
  }
  assert.equal((await describe([])).length, 6)
  assert.deepEqual(await describe([['user', 0, 'alice']], true), ['user=alice'])
  assert.deepEqual(await describe([['user', 0, 'alice']]), ['user=alice', 'user=alice,client-id=c', 'user=alice,client-id=null'])
  assert.deepEqual(await describe([['user', 1, null]]), ['user=null'])
  assert.deepEqual(await describe([['client-id', 2, null]], true), ['client-id=c'])
  assert.deepEqual(await describe([['ip', 2, null]]), ['ip=null'])
})
