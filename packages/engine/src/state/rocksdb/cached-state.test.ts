import assert from 'node:assert/strict'
import { test } from 'node:test'
import { list, map, value, type ListState, type MapState, type ValueState } from '../../api/state.ts'
import { hashKey } from '../../keys/hash.ts'
import { CachedState } from './cached-state.ts'
import { entriesFrom } from './entry-encoder.ts'
import { MemoryStores } from './memory-stores.ts'

interface Handles {
  readonly count: ValueState<number>
  readonly items: ListState<string>
}

const declarations = { count: value<number>(), items: list<string>() }

function create(cacheBytes: number, storedBytesMax?: number): CachedState {
  const stores = new MemoryStores()
  return new CachedState(
    { operator: 'test', states: declarations, maxParallelism: 4, keyGroups: { first: 0, end: 4 } },
    { cacheBytes, open: () => stores.create(), ...(storedBytesMax === undefined ? {} : { storedBytesMax }) },
  )
}

function at(state: CachedState, key: unknown): Handles {
  state.use(key, hashKey(key))
  return state.handles as unknown as Handles
}

void test('what fits into the cache is never written below', () => {
  const state = create(1 << 20)
  for (let key = 0; key < 1000; key++) at(state, key).count.set(key)
  assert.equal(state.versionBelow, 0)
  assert.equal(state.rowsBelow, 0)
})

void test('what does not is below, and comes back when it is used', () => {
  const state = create(10_000)
  for (let key = 0; key < 1000; key++) at(state, key).count.set(key)
  assert.ok(state.rowsBelow > 800, String(state.rowsBelow))
  for (let key = 0; key < 1000; key++) assert.equal(at(state, key).count.get(), key)
  assert.equal(state.statistics().rows, 1000)
})

void test('rows that are not touched for some snapshots are written below, and are no part of the next one', () => {
  const state = create(1 << 20)
  for (let key = 0; key < 100; key++) at(state, key).count.set(key)
  for (let id = 1; id < 10; id++) {
    at(state, 0).count.set(id)
    state.beginSnapshot(id, { full: 'share' }).finish()
    while (!state.settle(10));
  }
  assert.equal(state.rowsBelow, 99)
  const { segments } = state.beginSnapshot(10, { full: 'share' }).finish()
  assert.equal(
    segments.reduce((sum, { rows }) => sum + rows, 0),
    1,
  )
})

void test('nothing is written below while its files are being listed', async () => {
  const state = create(10_000)
  for (let key = 0; key < 1000; key++) at(state, key).count.set(key)
  const { versionBelow } = state
  const checkpoint = state.checkpointBelow()
  for (let key = 1000; key < 2000; key++) at(state, key).count.set(key)
  assert.equal(state.versionBelow, versionBelow)
  await checkpoint
  for (let key = 2000; key < 3000; key++) at(state, key).count.set(key)
  assert.ok(state.versionBelow > versionBelow)
})

void test('a value larger than the database takes is refused', () => {
  const state = create(1000, 200)
  at(state, 0).items.set(['x'.repeat(300)])
  assert.throws(
    () => {
      for (let key = 1; key < 1000; key++) at(state, key).count.set(key)
    },
    { code: 'STATE_STORED_TOO_LARGE', message: /A value of test takes 3\d\d bytes/ },
  )
})

interface MapHandles {
  readonly seen: MapState<number | string, unknown>
}

function createMaps(cacheBytes: number, stores = new MemoryStores()): { state: CachedState; seen: (key: unknown) => MapHandles['seen'] } {
  const state = new CachedState(
    { operator: 'test', states: { seen: map<number | string, unknown>() }, maxParallelism: 4, keyGroups: { first: 0, end: 4 } },
    { cacheBytes, open: () => stores.create(), inline: { entriesMax: 16, bytesMax: 2000 } },
  )
  const seen = (key: unknown): MapHandles['seen'] => {
    state.use(key, hashKey(key))
    return (state.handles as unknown as MapHandles).seen
  }
  return { state, seen }
}

void test('a map of one key that is larger than the cache: some of its entries are here, and each is found', () => {
  const { state, seen } = createMaps(20_000)
  for (let n = 0; n < 5000; n++) seen('k').set(n, n)
  assert.ok(state.residentEntries < 200, String(state.residentEntries))
  assert.equal(seen('k').size, 5000)
  for (let n = 0; n < 5000; n++) assert.equal(seen('k').get(n), n)
  assert.equal(seen('k').get(5000), undefined)
  assert.ok(state.residentEntries < 200, String(state.residentEntries))
  assert.equal([...seen('k').entries()].length, 5000)
})

void test('one changed entry of a map that lies apart is all that a checkpoint has of it', () => {
  const { state, seen } = createMaps(1 << 20)
  for (let n = 0; n < 5000; n++) seen('k').set(n, n)
  for (let id = 1; id < 12; id++) {
    state.beginSnapshot(id, { full: 'share' }).finish()
    while (!state.settle(10));
  }
  const without = state.beginSnapshot(12, { full: 'share' }).finish().sizeBytes
  seen('k').set(7, -7)
  const { sizeBytes } = state.beginSnapshot(13, { full: 'share' }).finish()
  assert.ok(sizeBytes < without + 100, `${without} ${sizeBytes}`)
})

void test('a map that was cleared leaves nothing in the store', async () => {
  const { state, seen } = createMaps(1)
  for (let n = 0; n < 500; n++) seen('k').set(n, n)
  seen('other').set(1, 1)
  seen('k').clear()
  seen('k').set(1, 'again')
  for (let key = 0; key < 20; key++) seen(key).set(1, 1)
  assert.deepEqual([...seen('k').entries()], [[1, 'again']])
  assert.equal(seen('k').size, 1)
  seen('k').clear()
  seen('other').clear()
  for (let key = 0; key < 20; key++) seen(key).clear()
  for (let id = 1; id < 12; id++) {
    state.beginSnapshot(id, { full: 'share' }).finish()
    while (!state.settle(10));
  }
  assert.ok(state.rowsBelow <= 1, String(state.rowsBelow))
  const { files } = (await state.checkpointBelow())!
  const stored = await new MemoryStores().restore(
    'x',
    files.map((file) => ({ name: file.name, read: () => file.read() })),
  )
  assert.equal(stored.scan(entriesFrom(0), entriesFrom(2 ** 32)).next(), false)
})

void test('keys, of maps and of their entries, may be long', () => {
  const { seen } = createMaps(1)
  const key = 'key '.repeat(3000)
  for (let n = 0; n < 40; n++) seen(key).set(`${'entry '.repeat(2000)}${n}`, n)
  for (let n = 0; n < 40; n++) assert.equal(seen(key).get(`${'entry '.repeat(2000)}${n}`), n)
  assert.equal([...seen(key).entries()].length, 40)
})
