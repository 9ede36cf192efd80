// Access control entries and users of SCRAM, as an administrator makes them while clients are at work.
import assert from 'node:assert/strict'
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { ERROR_CODE } from '../../../protocol/index.ts'
import { Log } from '../../log.ts'
import { createTopic } from '../../testing/requests.ts'
import { WireClient } from '../../testing/wire-client.ts'

const secured = {
  listeners: 'SASL_PLAINTEXT://127.0.0.1:0',
  'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
  'connection.failed.authentication.delay.ms': '0',
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:admin',
}

interface Running {
  readonly log: Log
  readonly admin: WireClient
  restart(): Promise<Running>
}

async function start(t: TestContext, config: Readonly<Record<string, string>> = secured): Promise<Running> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-admin-'))
  const logs: Log[] = []
  t.after(async () => {
    for (const log of logs) await log.close()
    rmSync(dir, { recursive: true })
  })
  const open = async (): Promise<Running> => {
    const log = await Log.start({ dir, config, users: { admin: 'secret', alice: 'secret' } })
    const admin = await WireClient.connect(log)
    if (config === secured) await plain(admin, 'admin')
    logs.push(log)
    return {
      log,
      admin,
      restart: async () => {
        await log.close()
        return await open()
      },
    }
  }
  return await open()
}

async function plain(client: WireClient, user: string): Promise<WireClient> {
  await client.ask('SaslHandshake', 1, { mechanism: 'PLAIN' })
  const { errorCode } = await client.ask('SaslAuthenticate', 2, { authBytes: Buffer.from(`\0${user}\0secret`) })
  assert.equal(errorCode, ERROR_CODE.NONE)
  return client
}

const alice = { principal: 'User:alice', host: '*', permissionType: 3 }
const TOPIC = 2
const READ = 3
const DESCRIBE = 8

async function create(admin: WireClient, change: Readonly<Record<string, unknown>>): Promise<number> {
  const creation = { resourceType: TOPIC, resourceName: 'orders', resourcePatternType: 3, operation: READ, ...alice, ...change }
  return (await admin.ask('CreateAcls', 3, { creations: [creation] })).results[0]!.errorCode
}

const ANY = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
}

async function describe(admin: WireClient, change: Partial<Record<keyof typeof ANY, number | string>> = {}): Promise<string[]> {
  const { errorCode, resources } = await admin.ask('DescribeAcls', 3, { ...ANY, ...change } as typeof ANY)
  assert.equal(errorCode, ERROR_CODE.NONE)
  return resources
    .flatMap(({ resourceName, patternType, acls }) =>
      acls.map(({ operation }) => `${patternType === 4 ? 'prefix ' : ''}${resourceName} ${operation}`),
    )
    .toSorted()
}

test('entries are made, count at once, are described by every filter, survive a restart, and are deleted', async (t) => {
  const running = await start(t)
  let { admin } = running
  await createTopic(admin, 'orders')
  const client = await plain(await WireClient.connect(running.log), 'alice')
  const topicError = async (by: WireClient): Promise<number> =>
    (await by.ask('Metadata', 12, { topics: [{ name: 'orders' }], allowAutoTopicCreation: false })).topics[0]!.errorCode
  assert.equal(await topicError(client), ERROR_CODE.TOPIC_AUTHORIZATION_FAILED)
  assert.equal(await create(admin, {}), ERROR_CODE.NONE)
  assert.equal(await topicError(client), ERROR_CODE.NONE, 'who may read may describe')
  assert.equal(await create(admin, { permissionType: 2, operation: DESCRIBE, resourceName: '*' }), ERROR_CODE.NONE)
  assert.equal(await topicError(client), ERROR_CODE.TOPIC_AUTHORIZATION_FAILED, 'a denial counts more')
  await create(admin, { resourceName: 'or', resourcePatternType: 4 })
  await create(admin, { resourceName: 'pay', resourcePatternType: 4, principal: 'User:bob' })

  assert.deepEqual(await describe(admin), ['* 8', 'orders 3', 'prefix or 3', 'prefix pay 3'])
  assert.deepEqual(await describe(admin, { resourceNameFilter: 'orders', patternTypeFilter: 2 }), ['* 8', 'orders 3', 'prefix or 3'])
  assert.deepEqual(await describe(admin, { resourceNameFilter: 'orders', patternTypeFilter: 3 }), ['orders 3'])
  assert.deepEqual(await describe(admin, { patternTypeFilter: 4 }), ['prefix or 3', 'prefix pay 3'])
  assert.deepEqual(await describe(admin, { principalFilter: 'User:bob' }), ['prefix pay 3'])
  assert.deepEqual(await describe(admin, { permissionType: 2 }), ['* 8'])
  assert.deepEqual(await describe(admin, { resourceTypeFilter: 3 }), [])
  assert.equal((await admin.ask('DescribeAcls', 3, { ...ANY, operation: 99 })).errorCode, ERROR_CODE.INVALID_REQUEST)

  ;({ admin } = await running.restart())
  assert.equal((await describe(admin)).length, 4)
  const { filterResults } = await admin.ask('DeleteAcls', 3, {
    filters: [
      { ...ANY, permissionType: 2 },
      { ...ANY, resourceNameFilter: 'or' },
    ],
  })
  assert.deepEqual(
    filterResults.map(({ matchingAcls }) => matchingAcls.map(({ resourceName }) => resourceName)),
    [['*'], ['or']],
  )
  assert.deepEqual(await describe(admin), ['orders 3', 'prefix pay 3'])
})

test('entries that make no sense are refused, each on its own', async (t) => {
  const { admin } = await start(t)
  for (const change of [
    { resourceName: '' },
    { resourceType: 1 },
    { resourceType: 4, resourceName: 'my-cluster' },
    { resourcePatternType: 2 },
    { operation: 1 },
    { permissionType: 0 },
    { principal: 'alice' },
    { host: '' },
  ]) {
    assert.equal(await create(admin, change), ERROR_CODE.INVALID_REQUEST, JSON.stringify(change))
  }
  assert.deepEqual(await describe(admin), [])
})

test('without access control there are no entries to speak of', async (t) => {
  const { admin } = await start(t, {})
  assert.equal(await create(admin, {}), ERROR_CODE.SECURITY_DISABLED)
  assert.equal((await admin.ask('DescribeAcls', 3, ANY)).errorCode, ERROR_CODE.SECURITY_DISABLED)
  assert.equal((await admin.ask('DeleteAcls', 3, { filters: [ANY] })).filterResults[0]!.errorCode, ERROR_CODE.SECURITY_DISABLED)
})

const SHA256 = 1
const SHA512 = 2

function upsertion(name: string, password: string, change: Readonly<Record<string, unknown>> = {}): never {
  const salt = Buffer.from('salt of bob')
  const saltedPassword = pbkdf2Sync(password, salt, 4096, 64, 'sha512')
  return { name, mechanism: SHA512, iterations: 4096, salt, saltedPassword, ...change } as never
}

async function scram(log: Log, user: string, password: string): Promise<number> {
  const client = await WireClient.connect(log)
  await client.ask('SaslHandshake', 1, { mechanism: 'SCRAM-SHA-512' })
  const bare = `n=${user},r=nonce`
  const first = await client.ask('SaslAuthenticate', 2, { authBytes: Buffer.from(`n,,${bare}`) })
  const serverFirst = Buffer.from(first.authBytes).toString()
  const [, nonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(serverFirst)!
  const salted = pbkdf2Sync(password, Buffer.from(salt!, 'base64'), Number(iterations), 64, 'sha512')
  const clientKey = createHmac('sha512', salted).update('Client Key').digest()
  const withoutProof = `c=biws,r=${nonce}`
  const stored = createHash('sha512').update(clientKey).digest()
  const signature = createHmac('sha512', stored).update(`${bare},${serverFirst},${withoutProof}`).digest()
  const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]!)).toString('base64')
  const { errorCode } = await client.ask('SaslAuthenticate', 2, { authBytes: Buffer.from(`${withoutProof},p=${proof}`) })
  await client.close()
  return errorCode
}

test('users of SCRAM come, change their password, and go', async (t) => {
  const running = await start(t)
  let { admin, log } = running
  const alter = async (upsertions: readonly never[], deletions: readonly { name: string; mechanism: number }[] = []): Promise<number[]> => {
    const { results } = await admin.ask('AlterUserScramCredentials', 0, { deletions, upsertions })
    return results.map(({ errorCode }) => errorCode)
  }
  assert.equal(await scram(log, 'bob', 'first'), ERROR_CODE.SASL_AUTHENTICATION_FAILED)
  assert.deepEqual(await alter([upsertion('bob', 'first')]), [ERROR_CODE.NONE])
  assert.equal(await scram(log, 'bob', 'first'), ERROR_CODE.NONE)
  await alter([upsertion('bob', 'second')])
  assert.equal(await scram(log, 'bob', 'first'), ERROR_CODE.SASL_AUTHENTICATION_FAILED)
  ;({ admin, log } = await running.restart())
  assert.equal(await scram(log, 'bob', 'second'), ERROR_CODE.NONE)

  const { results } = await admin.ask('DescribeUserScramCredentials', 0, { users: null })
  assert.deepEqual(
    results.map(({ user, credentialInfos }) => [user, credentialInfos]),
    [['bob', [{ mechanism: SHA512, iterations: 4096 }]]],
  )
  const asked = await admin.ask('DescribeUserScramCredentials', 0, { users: [{ name: 'nobody' }, { name: 'bob' }, { name: 'bob' }] })
  assert.deepEqual(
    asked.results.map(({ errorCode }) => errorCode),
    [ERROR_CODE.RESOURCE_NOT_FOUND, ERROR_CODE.DUPLICATE_RESOURCE],
  )

  assert.deepEqual(await alter([], [{ name: 'bob', mechanism: SHA256 }]), [ERROR_CODE.RESOURCE_NOT_FOUND])
  assert.deepEqual(await alter([], [{ name: 'bob', mechanism: 7 }]), [ERROR_CODE.UNSUPPORTED_SASL_MECHANISM])
  assert.deepEqual(await alter([upsertion('', 'x')]), [ERROR_CODE.UNACCEPTABLE_CREDENTIAL])
  assert.deepEqual(await alter([upsertion('carl', 'x', { iterations: 100 }), upsertion('dora', 'x')]), [
    ERROR_CODE.UNACCEPTABLE_CREDENTIAL,
    ERROR_CODE.NONE,
  ])
  assert.deepEqual(await alter([upsertion('carl', 'x', { iterations: 1_000_000 })]), [ERROR_CODE.UNACCEPTABLE_CREDENTIAL])
  assert.deepEqual(await alter([upsertion('carl', 'x'), upsertion('carl', 'y')]), [ERROR_CODE.DUPLICATE_RESOURCE])
  assert.equal(await scram(log, 'carl', 'x'), ERROR_CODE.SASL_AUTHENTICATION_FAILED)
  assert.deepEqual(await alter([], [{ name: 'bob', mechanism: SHA512 }]), [ERROR_CODE.NONE])
  assert.equal(await scram(log, 'bob', 'second'), ERROR_CODE.SASL_AUTHENTICATION_FAILED)
})
