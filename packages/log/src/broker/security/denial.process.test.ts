// Somebody who may do nothing asks everything that is served: no answer has anything in it.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import * as declarations from '../../protocol/apis/index.ts'
import type { ApiDeclaration } from '../../protocol/declaration.ts'
import { apiByName, ERROR_CODE, type ApiName } from '../../protocol/index.ts'
import { HANDLERS } from '../apis/index.ts'
import { Log } from '../log.ts'
import { batchOf, createTopic, produceTo } from '../testing/requests.ts'
import { WireClient } from '../testing/wire-client.ts'
import { requestAbout } from './testing/request-about.ts'

const table: { readonly [N in ApiName]: ApiDeclaration } = declarations
const NAME = 'hidden-name'
const OTHER = 'hidden-other'
const VALUE = 'hidden-value'

/** For everybody: what a client needs to know before it can be told anything else. */
const FOR_ALL: readonly ApiName[] = ['ApiVersions', 'SaslHandshake', 'SaslAuthenticate', 'DescribeCluster']
/** Lists of what one may see: nothing, and so without an error. */
const LISTS: readonly ApiName[] = ['ListGroups', 'ListTransactions']
const DENIED: readonly number[] = [
  ERROR_CODE.TOPIC_AUTHORIZATION_FAILED,
  ERROR_CODE.GROUP_AUTHORIZATION_FAILED,
  ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED,
  ERROR_CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
]

const dir = mkdtempSync(join(tmpdir(), 'millrace-denial-'))
let log: Log
let topicId: Uint8Array

async function connect(user: string): Promise<WireClient> {
  const client = await WireClient.connect(log)
  await client.ask('SaslHandshake', 1, { mechanism: 'PLAIN' })
  const { errorCode } = await client.ask('SaslAuthenticate', 2, { authBytes: Buffer.from(`\0${user}\0secret`) })
  assert.equal(errorCode, ERROR_CODE.NONE)
  return client
}

before(async () => {
  const config = {
    listeners: 'SASL_PLAINTEXT://127.0.0.1:0',
    'sasl.enabled.mechanisms': 'PLAIN',
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:admin',
  }
  log = await Log.start({ dir, config, users: { admin: 'secret', nobody: 'secret' } })
  const admin = await connect('admin')
  topicId = await createTopic(admin, NAME)
  await createTopic(admin, OTHER)
  await produceTo(admin, NAME, batchOf([VALUE]))
  const entry = { resourceType: 2, resourceName: OTHER, principal: `User:${OTHER}`, host: '*', operation: 3, permissionType: 3 }
  await admin.ask('CreateAcls', 3, { creations: [entry] })
  await admin.ask('AlterClientQuotas', 1, {
    entries: [{ entity: [{ entityType: 'user', entityName: OTHER }], ops: [{ key: 'producer_byte_rate', value: 5, remove: false }] }],
    validateOnly: false,
  })
  for (const keyType of [0, 1]) await admin.ask('FindCoordinator', 6, { keyType, coordinatorKeys: [NAME, OTHER] })
  for (const groupId of [NAME, OTHER]) {
    const committed = { partitionIndex: 0, committedOffset: 1, committedMetadata: VALUE }
    const commit = { groupId, topics: [{ name: NAME, partitions: [committed] }] }
    const { topics } = await retried(() => admin.ask('OffsetCommit', 9, commit))
    assert.equal(topics[0]!.partitions[0]!.errorCode, ERROR_CODE.NONE)
  }
  for (const transactionalId of [NAME, OTHER]) {
    const { errorCode } = await retried(() => admin.ask('InitProducerId', 5, { transactionalId, transactionTimeoutMs: 1000 }))
    assert.equal(errorCode, ERROR_CODE.NONE)
  }
  const { groups } = await admin.ask('ListGroups', 5, { statesFilter: [], typesFilter: [] })
  assert.equal(groups.length, 2)
  const listed = await admin.ask('ListTransactions', 2, { stateFilters: [], producerIdFilters: [], transactionalIdPattern: null })
  assert.equal(listed.transactionStates.length, 2)
  await admin.close()
})

/** Coordinators need a moment to load. */
async function retried<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const answer = await ask()
    const { codes } = contents(answer)
    if (attempt === 50 || codes.every((code) => code === ERROR_CODE.NONE)) return answer
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

after(async () => {
  await log.close()
  rmSync(dir, { recursive: true })
})

/** Every error code of an answer, and every text in it. */
function contents(value: unknown, codes: number[] = [], texts: string[] = []): { codes: number[]; texts: string[] } {
  if (value instanceof Uint8Array) texts.push(Buffer.from(value).toString('latin1'))
  else if (typeof value === 'string') texts.push(value)
  else if (typeof value === 'object' && value !== null) {
    for (const [name, part] of Object.entries(value)) {
      if (/errorCode$/i.test(name) && typeof part === 'number') codes.push(part)
      contents(part, codes, texts)
    }
  }
  return { codes, texts }
}

function overrides(name: ApiName, version: number): Record<string, unknown> {
  if (name === 'Produce')
    return { acks: -1, transactionalId: null, topicData: [{ name: NAME, topicId, partitionData: [{ index: 0, records: batchOf(['x']) }] }] }
  // A session that goes on is not one of theirs.
  if (name === 'Fetch') return { sessionEpoch: -1, maxWaitMs: 0, replicaId: -1, forgottenTopicsData: [] }
  if (name === 'ListGroups') return { statesFilter: [], typesFilter: [] }
  if (name === 'ListTransactions') return { stateFilters: [], producerIdFilters: [], durationFilter: -1, transactionalIdPattern: null }
  // By name, not by id: a topic is asked for by one of them.
  if (name === 'DeleteTopics' && version >= 6) return { topics: [{ name: NAME, topicId: new Uint8Array(16) }] }
  if (name === 'OffsetForLeaderEpoch') return { replicaId: -1 }
  if (name === 'DescribeConfigs' || name === 'AlterConfigs' || name === 'IncrementalAlterConfigs')
    return { resources: [{ resourceType: 2, resourceName: NAME, configurationKeys: null, configs: [] }] }
  return {}
}

for (const [name, version] of HANDLERS.flatMap(({ name, maxVersion }) => [
  [name, apiByName(name).minVersion] as const,
  [name, maxVersion] as const,
])) {
  if (FOR_ALL.includes(name)) continue
  test(`${name} ${version} tells nothing to somebody who may do nothing`, async () => {
    const client = await connect('nobody')
    const request = requestAbout(table[name].request, version, { name: NAME, topicId })
    const answer = await client.ask(name, version, Object.assign(request, overrides(name, version)) as never)
    const { codes, texts } = contents(answer)
    // Before version 3 an answer of DescribeLogDirs has no place for an error of its own.
    const isList = LISTS.includes(name) || (name === 'DescribeLogDirs' && version < 3)
    if (isList) assert.ok(!texts.some((text) => text.includes('hidden')), name)
    else
      assert.ok(
        codes.some((code) => DENIED.includes(code)) &&
          codes.every((code) => code === 0 || DENIED.includes(code) || code === ERROR_CODE.UNKNOWN_TOPIC_ID),
        `${name}: ${codes.join()}`,
      )
    assert.ok(!texts.some((text) => text.includes(OTHER) || text.includes(VALUE)), name)
    await client.close()
  })
}

test('nothing was changed, and nothing is listed', async () => {
  const client = await connect('nobody')
  const { topics } = await client.ask('Metadata', 12, { topics: null })
  assert.deepEqual(topics, [])
  await client.close()
  const admin = await connect('admin')
  const all = await admin.ask('Metadata', 12, { topics: null })
  assert.deepEqual(
    all.topics
      .map(({ name }) => name)
      .filter((name) => !name!.startsWith('__'))
      .toSorted((a, b) => (a! < b! ? -1 : 1)),
    [NAME, OTHER],
  )
  const offsets = await admin.ask('ListOffsets', 7, {
    replicaId: -1,
    topics: [{ name: NAME, partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
  })
  assert.equal(offsets.topics[0]!.partitions[0]!.offset, 1)
  await admin.close()
})
