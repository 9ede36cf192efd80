import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MillraceError } from '@millrace/core'
import type { StoredDatabase } from '../../checkpoint/handles.ts'
import type { StateFileStorage } from '../../checkpoint/storage.ts'
import { value, type StateDeclarations, type ValueState } from '../../api/state.ts'
import { engineError } from '../../errors.ts'
import { hashKey } from '../../keys/hash.ts'
import { immediateClock as clock } from '../../state/fixtures/immediate-clock.ts'
import { CachedState } from '../../state/rocksdb/cached-state.ts'
import { MemoryStores } from '../../state/rocksdb/memory-stores.ts'
import type { OrderedScan, OrderedStores } from '../../state/rocksdb/ordered-store.ts'
import { DatabaseSnapshots } from './database-snapshots.ts'

const keyGroups = { first: 0, end: 4 }

void test('a snapshot that was given up asks for no files any more: they may be gone', async () => {
  const stores = new MemoryStores()
  const asked: string[] = []
  const open = (): ReturnType<MemoryStores['create']> => {
    const store = stores.create()
    const checkpoint = store.checkpoint.bind(store)
    store.checkpoint = async () => {
      await checkpoint()
      return {
        files: async () => (asked.push('files'), []),
        release: async () => void asked.push('release'),
      }
    }
    return store
  }
  const state = new CachedState({ operator: 'test', states: { n: value<number>() }, maxParallelism: 4, keyGroups }, { cacheBytes: 1, open })
  for (let key = 0; key < 2_000; key++) {
    state.use(key, hashKey(key))
    const n = state.handles['n'] as ValueState<number>
    n.set(key)
  }
  const snapshots = new DatabaseSnapshots({ state, stores, name: 'one', keyGroups, turns: { clock } })
  const snapshot = snapshots.begin(1, () => assert.fail('a file is begun'))!
  await snapshot.abort()
  await assert.rejects(snapshot.finish(), /the snapshot was given up/)
  assert.ok(!asked.includes('files'))
  assert.ok(asked.includes('release'))
})

void test('a restore that nobody needs any more ends, lets go of what it has opened, and begins nothing else', async () => {
  const stores = new MemoryStores()
  const keys = 2_000
  const create = (): CachedState =>
    new CachedState(
      { operator: 'test', states: { n: value<number>() }, maxParallelism: 4, keyGroups },
      { cacheBytes: 1, open: () => stores.create() },
    )
  const before = create()
  for (let key = 0; key < keys; key++) {
    before.use(key, hashKey(key))
    const n = before.handles['n'] as ValueState<number>
    n.set(key)
  }
  const files = await (await before.checkpointBelow())!.files()
  const opened: string[] = []
  const closed: string[] = []
  let whenClosed = (): void => {}
  const watched: OrderedStores = {
    create: () => stores.create(),
    restore: async (name) => {
      opened.push(name)
      const store = await stores.restore(name, files)
      const close = store.close.bind(store)
      store.close = async () => (closed.push(name), whenClosed(), await close())
      return store
    },
  }
  const stored: StoredDatabase = {
    format: 'rocksdb',
    keyGroups: { first: 0, end: 2 },
    rows: before.rowsBelow,
    header: before.header,
    shared: [],
    own: { path: 'none', length: 0, crc32: 0, parts: [] },
  }
  const ended = new Error('the job has ended')
  for (const [when, taken] of [
    ['while rows are taken over', 50],
    ['between two databases', before.rowsBelow],
  ] as const) {
    const controller = new AbortController()
    const soon = (run: () => void): (() => void) => (controller.abort(ended), clock.soon(run))
    const atTurn = { clock: { ...clock, soon }, signal: controller.signal, rowsMax: 50 }
    const turns = taken === 50 ? atTurn : { clock, signal: controller.signal }
    whenClosed = () => controller.abort(ended)
    const state = create()
    const snapshots = new DatabaseSnapshots({ state, stores: watched, name: 'one', keyGroups, turns })
    const noStorage = {} as StateFileStorage
    await assert.rejects(snapshots.restore(noStorage, [stored, stored], false, false), ended, when)
    assert.deepEqual([opened.splice(0), closed.splice(0)], [['one-former-0'], ['one-former-0']], when)
    assert.equal(state.rowsBelow, taken, when)
    await snapshots.close()
  }
})

void test('what is wrong with rows that are taken over is told with the operator, the file and its cause', async () => {
  const states = { n: value<number>() } satisfies StateDeclarations
  const options = { operator: 'totals', maxParallelism: 4, keyGroups }
  const stores = new MemoryStores()
  const create = (declared: StateDeclarations): CachedState =>
    new CachedState({ ...options, states: declared }, { cacheBytes: 1, open: () => stores.create() })
  const before = create(states)
  for (let key = 0; key < 100; key++) {
    before.use(key, hashKey(key))
    const n = before.handles['n'] as ValueState<number>
    n.set(key)
  }
  const files = await (await before.checkpointBelow())!.files()
  const own = { path: 'shared/1-7-1-0-db', length: 0, crc32: 0, parts: [] }
  const stored: StoredDatabase = { format: 'rocksdb', keyGroups, rows: before.rowsBelow, header: before.header, shared: [], own }
  const damage = new TypeError('Corruption: block checksum mismatch')
  const disk = engineError('STATE_DISK_FAILED', { problem: 'IO error' })
  const isNamed =
    (isCause: (cause: unknown) => boolean) =>
    (error: unknown): boolean => {
      assert.ok(error instanceof MillraceError && error.code === 'STATE_DATABASE_CORRUPT', String(error))
      assert.match(error.message, /totals.*shared\/1-7-1-0-db/)
      return isCause(error.cause)
    }
  const fails = (error: Error) => (): never => {
    throw error
  }
  const cutShort = (scan: OrderedScan): void => void Object.defineProperty(scan, 'key', { value: new Uint8Array(5) })
  const added = { ...states, added: value<number>() }
  for (const [declared, spoil, expected, same = false] of [
    // As they are, the files become the new database.
    [states, fails(damage), isNamed((cause) => cause === damage), true],
    [states, fails(damage), isNamed((cause) => cause === damage)],
    [added, fails(damage), isNamed((cause) => cause === damage)],
    [added, cutShort, isNamed((cause) => cause instanceof MillraceError && cause.code === 'VALUE_CORRUPT')],
    [states, fails(disk), disk],
    [added, fails(disk), disk],
  ] as const) {
    const closed: string[] = []
    const spoilt: OrderedStores = {
      create: () => stores.create(),
      restore: async (name) => {
        const store = await stores.restore(name, files)
        const scan = store.scan.bind(store)
        const close = store.close.bind(store)
        store.scan = (...range) => {
          const rows = scan(...range)
          const next = rows.next.bind(rows)
          rows.next = () => (spoil(rows), next())
          return rows
        }
        store.close = async () => (closed.push(name), await close())
        return store
      },
    }
    const snapshots = new DatabaseSnapshots({ state: create(declared), stores: spoilt, name: 'one', keyGroups, turns: { clock } })
    await assert.rejects(snapshots.restore({} as StateFileStorage, [stored], same, false), expected)
    assert.deepEqual(closed, same ? [] : ['one-former-0'])
    await snapshots.close()
    assert.equal(closed.length, 1)
  }
})
