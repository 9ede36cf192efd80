/** What every implementation of the coordination port must do; each runs these tests against its own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Coordination, CoordinationSession, WatchEvent } from '../coordination.ts'

export interface CoordinationUnderTest {
  readonly coordination: Coordination
  /** Ends a session as a crash of its process would; resolves when its ephemeral nodes are gone. */
  expire(session: CoordinationSession): Promise<void>
  close(): Promise<void>
}

const bytes = (text: string): Uint8Array => Buffer.from(text)
const textOf = async (session: CoordinationSession, path: string): Promise<string | undefined> => {
  const node = await session.get(path)
  return node && Buffer.from(node.bytes).toString()
}

/** Registers the tests. @param open gives an empty tree */
export function coordinationConformance(name: string, open: () => Promise<CoordinationUnderTest>): void {
  const conform = (aspect: string, body: (session: CoordinationSession, under: CoordinationUnderTest) => Promise<void>): void => {
    void test(`${name}: ${aspect}`, async () => {
      const under = await open()
      try {
        await body(await under.coordination.connect(), under)
      } finally {
        await under.close()
      }
    })
  }

  conform('a node is made, read, changed and removed', async (session) => {
    assert.equal(await session.get('/a'), undefined)
    const made = await session.create('/a', bytes('one'))
    assert.equal(made.path, '/a')
    assert.equal(await textOf(session, '/a'), 'one')
    const changed = await session.set('/a', bytes('two'))
    assert.deepEqual([changed.version, changed.creationId], [1, made.stat!.creationId])
    assert.ok(changed.modificationId > made.stat!.modificationId)
    await session.create('/a/b', bytes(''))
    assert.deepEqual(await session.children('/a'), ['b'])
    assert.deepEqual((await session.get('/a'))!.stat, { ...changed, childCount: 1, childVersion: 1 })
    await session.remove('/a/b')
    await session.remove('/a')
    assert.equal(await session.get('/a'), undefined)
    assert.equal(await session.children('/a'), undefined)
    assert.ok((await session.create('/a', bytes('three'))).stat!.creationId > changed.modificationId)
  })

  conform('what cannot be done changes nothing', async (session) => {
    await session.create('/a', bytes('x'))
    await session.create('/a/b', bytes(''))
    await assert.rejects(session.create('/a', bytes('')), { code: 'COORDINATION_NODE_EXISTS' })
    await assert.rejects(session.create('/c/d', bytes('')), { code: 'COORDINATION_NO_NODE' })
    await assert.rejects(session.set('/c', bytes('')), { code: 'COORDINATION_NO_NODE' })
    await assert.rejects(session.set('/a', bytes('y'), 3), { code: 'COORDINATION_BAD_VERSION' })
    await assert.rejects(session.remove('/a'), { code: 'COORDINATION_NOT_EMPTY' })
    await assert.rejects(session.remove('/a/b', 3), { code: 'COORDINATION_BAD_VERSION' })
    await assert.rejects(session.remove('/'), { code: 'COORDINATION_BAD_PATH' })
    for (const path of ['', 'a', '/a/', '//a', '/a/../b', '/a\0']) {
      await assert.rejects(session.create(path, bytes('')), { code: 'COORDINATION_BAD_PATH' }, path)
    }
    await assert.rejects(session.create('/big', new Uint8Array(1024 * 1024 + 1)), { code: 'COORDINATION_TOO_LARGE' })
    assert.equal(await textOf(session, '/a'), 'x')
    assert.deepEqual(await session.children('/'), ['a'])
  })

  conform('a transaction happens whole or not at all', async (session) => {
    await session.create('/epoch', bytes('1'))
    const operations = [
      { kind: 'check', path: '/epoch', version: 0 },
      { kind: 'create', path: '/a', bytes: bytes('1') },
      { kind: 'create', path: '/a/b', bytes: bytes('2') },
      { kind: 'set', path: '/a', bytes: bytes('3') },
    ] as const
    const results = await session.multi(operations)
    assert.deepEqual(
      results.map(({ path, stat }) => [path, stat?.version]),
      [
        ['/epoch', 0],
        ['/a', 0],
        ['/a/b', 0],
        ['/a', 1],
      ],
    )
    await session.set('/epoch', bytes('2'))
    await assert.rejects(
      session.multi([
        { kind: 'remove', path: '/a/b' },
        { kind: 'check', path: '/epoch', version: 0 },
      ]),
      (error: Error & { code?: string; details?: { operation?: number } }) =>
        error.code === 'COORDINATION_BAD_VERSION' && error.details?.operation === 1,
    )
    assert.deepEqual(await session.children('/a'), ['b'])
  })

  conform('of two conditional writes at one version one succeeds', async (session, { coordination }) => {
    await session.create('/a', bytes('0'))
    const other = await coordination.connect()
    const attempts = await Promise.allSettled([session.set('/a', bytes('1'), 0), other.set('/a', bytes('2'), 0)])
    assert.equal(attempts.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.equal((await session.get('/a'))!.stat.version, 1)
  })

  conform('sequential nodes are numbered by their parent', async (session) => {
    await session.create('/q', bytes(''))
    const first = await session.create('/q/n-', bytes(''), { sequential: true })
    await session.remove(first.path)
    const second = await session.create('/q/n-', bytes(''), { sequential: true })
    assert.ok(/^\/q\/n-\d{10}$/.test(first.path) && second.path > first.path)
  })

  conform('ephemeral nodes go with their session', async (session, under) => {
    const { coordination } = under
    const [closing, dying] = [await coordination.connect(), await coordination.connect()]
    await closing.create('/closing', bytes(''), { ephemeral: true })
    const made = await dying.create('/dying', bytes(''), { ephemeral: true })
    assert.equal(made.stat!.ephemeralOwner, dying.id)
    await assert.rejects(dying.create('/dying/child', bytes('')), { code: 'COORDINATION_EPHEMERAL_PARENT' })
    let expired = 0
    for (const each of [closing, dying]) each.onExpired(() => expired++)
    await closing.close()
    assert.deepEqual(await session.children('/'), ['dying'])
    await under.expire(dying)
    assert.deepEqual(await session.children('/'), [])
    assert.equal(expired, 1)
    assert.deepEqual([closing.isExpired, dying.isExpired, session.isExpired], [true, true, false])
    for (const each of [closing, dying]) await assert.rejects(each.get('/'), { code: 'COORDINATION_SESSION_EXPIRED' })
  })

  conform('watches tell of changes in their order, before these can be read', async (session, { coordination }) => {
    const other = await coordination.connect()
    const seen: string[] = []
    const note =
      (scope: string) =>
      ({ kind, path }: WatchEvent): void =>
        void seen.push(`${scope}: ${kind} ${path}`)
    const cancel = await session.watch('/a', 'node', note('node'))
    await session.watch('/a', 'children', note('children'))
    await session.watch('/a', 'tree', note('tree'))
    await session.watch('/a', 'node', note('once'), { once: true })
    await other.create('/a', bytes('1'))
    await other.create('/ab', bytes('1'))
    await other.create('/a/b', bytes('1'))
    await session.get('/a/b')
    cancel()
    await other.set('/a', bytes('2'))
    await other.remove('/a/b')
    await other.remove('/a')
    await session.get('/a')
    assert.deepEqual(seen.toSorted(), [
      'children: children /a',
      'children: children /a',
      'children: removed /a',
      'node: created /a',
      'once: created /a',
      'tree: changed /a',
      'tree: created /a',
      'tree: created /a/b',
      'tree: removed /a',
      'tree: removed /a/b',
    ])
    const changes = seen.filter((line) => line.startsWith('tree'))
    assert.deepEqual(changes, ['tree: created /a', 'tree: created /a/b', 'tree: changed /a', 'tree: removed /a/b', 'tree: removed /a'])
  })
}
