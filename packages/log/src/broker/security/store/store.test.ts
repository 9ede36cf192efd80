import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { EmbeddedCoordination, makePath, type CoordinationSession } from '@millrace/core'
import { SeededRandom, SimulatedDisk } from '@millrace/testkit'
import { AclStore } from '../acl/acl-store.ts'
import type { AclBinding } from '../acl/acl.ts'
import { credentialOf } from '../sasl/scram-credential.ts'
import { ScramCredentials } from '../sasl/scram-store.ts'
import { EntityStore, type ConfigEntity } from './entity-store.ts'
import { fromNodeName, toNodeName } from './node-name.ts'

async function sessions(): Promise<readonly [CoordinationSession, CoordinationSession]> {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) }).attach()
  await disk.makeDirectory('/data')
  const coordination = await EmbeddedCoordination.open({ disk, folder: '/data' })
  return [await coordination.connect(), await coordination.connect()]
}

const fail = (error: unknown): void => assert.fail(String(error))
const stored = async (session: CoordinationSession, path: string): Promise<string | undefined> => {
  const node = await session.get(path)
  return node === undefined ? undefined : Buffer.from(node.bytes).toString()
}
/** What one session has changed the stores of another hear of a little later. */
const heard = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

void test('any name becomes one part of a path, and back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (name) => {
      const node = toNodeName(name)
      assert.ok(!/[/\0]/.test(node) && node !== '.' && node !== '..')
      assert.equal(fromNodeName(node), name)
    }),
  )
  assert.equal(fromNodeName(toNodeName(null)), null)
  assert.equal(fromNodeName(toNodeName('<default>')), '<default>')
  assert.deepEqual([toNodeName('.'), toNodeName('..')].map(fromNodeName), ['.', '..'])
})

void test('configurations of entities are where Kafka has them, and every store hears of them', async () => {
  const [session, other] = await sessions()
  const [store, far] = [await EntityStore.open(session, fail), await EntityStore.open(other, fail)]
  const entities: readonly (readonly [ConfigEntity, string])[] = [
    [{ user: 'alice' }, '/config/users/alice'],
    [{ user: null }, '/config/users/<default>'],
    [{ user: 'CN=a/b' }, '/config/users/CN%3Da%2Fb'],
    [{ user: 'alice', clientId: 'c' }, '/config/users/alice/clients/c'],
    [{ user: null, clientId: null }, '/config/users/<default>/clients/<default>'],
    [{ clientId: 'c' }, '/config/clients/c'],
    [{ ip: '10.0.0.1' }, '/config/ips/10.0.0.1'],
  ]
  for (const [entity, path] of entities) {
    await store.change(
      entity,
      new Map([
        ['a', '1'],
        ['b', '2'],
      ]),
    )
    assert.equal(await stored(session, path), '{"version":1,"config":{"a":"1","b":"2"}}')
    assert.deepEqual(
      [...store.get(entity)],
      [
        ['a', '1'],
        ['b', '2'],
      ],
    )
  }
  await heard()
  assert.equal([...far.all()].length, entities.length)
  await far.change({ user: 'alice' }, new Map([['a', undefined]]))
  await heard()
  assert.deepEqual([...store.get({ user: 'alice' })], [['b', '2']])
  await store.change({ user: 'alice' }, new Map([['b', undefined]]))
  assert.equal(await stored(session, '/config/users/alice'), '', 'what is below it keeps it')
  assert.equal([...store.get({ user: 'alice', clientId: 'c' })].length, 2)
  await store.change(
    { clientId: 'c' },
    new Map([
      ['a', undefined],
      ['b', undefined],
    ]),
  )
  assert.equal(await stored(session, '/config/clients/c'), undefined)
  await Promise.all(
    [...Array(20).keys()].map((index) => (index % 2 === 0 ? store : far).change({ user: 'busy' }, new Map([[`k${index}`, 'v']]))),
  )
  await heard()
  assert.equal(store.get({ user: 'busy' }).size, 20, 'changes at the same time are all made')
})

const read = { principal: 'User:alice', host: '*', operation: 'Read', permission: 'Allow' } as const
const binding = (name: string, pattern: 'Literal' | 'Prefixed' = 'Literal'): AclBinding => ({
  resource: { type: 'Topic', pattern, name },
  entry: read,
})

void test('entries of access control are where Kafka has them, and survive a restart', async () => {
  const [session, other] = await sessions()
  const store = await AclStore.open(session, fail)
  await store.add(binding('orders'))
  await store.add(binding('orders'))
  await store.add(binding('or', 'Prefixed'))
  await store.add(binding('a/b*'))
  assert.equal(
    await stored(session, '/kafka-acl/Topic/orders'),
    '{"version":1,"acls":[{"principal":"User:alice","permissionType":"Allow","operation":"Read","host":"*"}]}',
  )
  assert.notEqual(await stored(session, '/kafka-acl-extended/prefixed/Topic/or'), undefined)
  const next = await AclStore.open(other, fail)
  const order = (bindings: Iterable<AclBinding>): unknown =>
    [...bindings].map(({ resource }) => `${resource.pattern} ${resource.name}`).toSorted()
  assert.deepEqual(order(next.all()), ['Literal a/b*', 'Literal orders', 'Prefixed or'])
  await next.remove(binding('orders'))
  await heard()
  assert.deepEqual(order(store.all()), ['Literal a/b*', 'Prefixed or'])
  assert.equal(await stored(session, '/kafka-acl/Topic/orders'), undefined)
})

void test('entries that cannot be read close the resource', async () => {
  const [session] = await sessions()
  const failures: unknown[] = []
  await makePath(session, '/kafka-acl/Topic')
  await session.create('/kafka-acl/Topic/broken', Buffer.from('{"acls":[{"principal":"User:alice"}]}'))
  const store = await AclStore.open(session, (error) => failures.push(error))
  assert.equal(failures.length, 1)
  assert.equal(store.index.decide({ principal: 'User:alice', host: '10.0.0.1' }, 'Read', 'Topic', 'broken'), 'denied')
  await assert.rejects(store.add(binding('broken')), { code: 'SECURITY_STORED_CORRUPT' })
})

void test('credentials: what is stored counts before a password of the start', async () => {
  const [session] = await sessions()
  const entities = await EntityStore.open(session, fail)
  const random = new SeededRandom(2)
  const randomBytes = (length: number): Uint8Array => random.bytes(length)
  const credentials = new ScramCredentials({ entities, randomBytes, passwordOf: (user) => (user === 'alice' ? 'secret' : undefined) })
  const made = await credentials.find('alice', 'SCRAM-SHA-256')
  assert.deepEqual([made?.storedKey.length, made?.iterations], [32, 4096])
  assert.equal(await credentials.find('alice', 'SCRAM-SHA-256'), made, 'made once')
  assert.equal(await credentials.find('bob', 'SCRAM-SHA-256'), undefined)
  assert.deepEqual(credentials.users(), [])
  const credential = credentialOf('SCRAM-SHA-512', Buffer.alloc(64, 7), Buffer.from('salt'), 8192)
  await credentials.change('alice', new Map([['SCRAM-SHA-512', credential]]))
  const found = (await credentials.find('alice', 'SCRAM-SHA-512'))!
  assert.deepEqual(Object.values(found).map(String), Object.values(credential).map(String))
  assert.deepEqual(credentials.users(), ['alice'])
  await credentials.change('alice', new Map([['SCRAM-SHA-512', undefined]]))
  assert.equal(credentials.stored('alice', 'SCRAM-SHA-512'), undefined)
})
