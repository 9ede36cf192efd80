import assert from 'node:assert/strict'
import { test } from 'node:test'
import { list, value, type ListState, type ValueState } from '../../api/state.ts'
import { hashKey } from '../../keys/hash.ts'
import { CachedState } from './cached-state.ts'
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

void test('what is refused takes no room from what is there', () => {
  const state = create(1 << 20)
  for (let key = 0; key < 1000; key++) at(state, key).count.set(key)
  state.release()
  const late = state.handles as unknown as Handles
  for (let time = 0; time < 50_000; time++) assert.throws(() => late.count.set(1), { code: 'CONTEXT_REVOKED' })
  for (let key = 0; key < 1000; key++) assert.equal(at(state, key).count.get(), key)
  assert.equal(state.rowsBelow, 0)
})

void test('what does not is below, and comes back when it is used', () => {
  const state = create(10_000)
  for (let key = 0; key < 1000; key++) at(state, key).count.set(key)
  assert.ok(state.rowsBelow > 800, String(state.rowsBelow))
  for (let key = 0; key < 1000; key++) assert.equal(at(state, key).count.get(), key)
  assert.equal(state.statistics().rows, 1000)
})

void test('what rows take is learnt before any of them is written, though each key is new', () => {
  const cacheBytes = 4_000_000
  const text = 'x'.repeat(10_000)
  const state = create(cacheBytes)
  let most = 0
  for (let key = 0; key < 3000; key++) {
    at(state, key).items.add(`${key}${text}`)
    most = Math.max(most, state.statistics().rows - state.rowsBelow)
  }
  assert.ok(most > 300, `${most} rows: long texts take as much in memory as they are long`)
  assert.ok(most < 1000, `${most} rows`)
})

void test('a row that grows is not encoded again and again to learn what it takes', () => {
  const stores = new MemoryStores()
  let encoded = 0
  const codec = { encode: (number: number) => (encoded++, Uint8Array.of(number & 0xff)), decode: ([number]: Uint8Array) => number! }
  const items = list<number>({ codec })
  const state = new CachedState(
    { operator: 'test', states: { items }, maxParallelism: 4, keyGroups: { first: 0, end: 4 } },
    { cacheBytes: 1 << 24, open: () => stores.create() },
  )
  const count = 50_000
  for (let number = 0; number < count; number++) {
    state.use('one', hashKey('one'))
    ;(state.handles as { readonly items: ListState<number> }).items.add(number)
  }
  assert.ok(encoded > 0)
  assert.ok(encoded < 20 * count, `${encoded / count} times each`)
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

void test('while nothing may be written below, it tells of more than a quarter beyond what fits, and when there is room again', async () => {
  const state = create(10_000)
  let told = 0
  let relieved: Promise<void> | undefined
  state.onCrowded = (until) => {
    told++
    relieved = until
  }
  for (let key = 0; key < 1000; key++) at(state, key).count.set(key)
  assert.equal(told, 0)
  const checkpoint = state.checkpointBelow()
  at(state, 1000).count.set(1)
  assert.equal(told, 0)
  for (let key = 1001; key < 1100; key++) at(state, key).count.set(key)
  assert.ok(told > 0)
  await checkpoint
  await relieved
  told = 0
  for (let key = 1100; key < 1200; key++) at(state, key).count.set(key)
  assert.equal(told, 0)
})

void test('nothing is written below while its files are being made', async () => {
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
