import assert from 'node:assert/strict'
import { test } from 'node:test'
import { map, value, type MapState, type StateDeclarations, type ValueState } from '../../api/state.ts'
import { hashKey } from '../../keys/hash.ts'
import { immediateClock as clock } from '../fixtures/immediate-clock.ts'
import { CachedState } from './cached-state.ts'
import { entriesFrom } from './entry-encoder.ts'
import { MemoryStores } from './memory-stores.ts'
import { Turns } from '../turns.ts'

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

void test('-0 is 0 for entries that are somewhere else', () => {
  const { state, seen } = createMaps(20_000)
  const away = (): MapHandles['seen'] => {
    for (let n = 1; n < 1000; n++) seen('k').get(n)
    return seen('k')
  }
  for (let n = 0; n < 1000; n++) seen('k').set(n, `${n}`)
  assert.ok(state.residentEntries < 500)
  assert.equal(away().has(-0), true)
  assert.equal(away().get(-0), '0')
  away().delete(-0)
  assert.equal(away().has(0), false)
  assert.equal(seen('k').size, 999)
})

void test('an entry that was removed and set again is found when it has made room', () => {
  const { seen } = createMaps(20_000)
  for (let n = 0; n < 1000; n++) seen('k').set(n, n)
  seen('k').delete(5)
  assert.equal(seen('k').size, 999)
  seen('k').set(5, 'again')
  for (let n = 10; n < 1000; n++) assert.equal(seen('k').get(n), n)
  assert.equal(seen('k').get(5), 'again')
  seen('k').delete(5)
  for (let n = 10; n < 1000; n++) assert.equal(seen('k').get(n), n)
  assert.equal(seen('k').has(5), false)
  assert.equal(seen('k').size, 999)
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
  for (let key = 0; key < 20; key++) seen(key)
  const files = await (await state.checkpointBelow())!.files()
  const stored = await new MemoryStores().restore(
    'x',
    files.map((file) => ({ name: file.name, read: () => file.read() })),
  )
  assert.equal(stored.scan(entriesFrom(0), entriesFrom(2 ** 32)).next(), false)
})

void test('what is left over of a cleared map does not come back in the next one of its key, not over a checkpoint either', async () => {
  const stores = new MemoryStores()
  const { state, seen } = createMaps(1 << 20, stores)
  let checkpointId = 0
  const growOld = (): void => {
    for (let epochs = 0; epochs < 10; epochs++) state.beginSnapshot(++checkpointId, { full: 'share' }).finish()
  }
  for (let n = 0; n < 500; n++) seen('k').set(n, n)
  seen('other').set(1, 1)
  growOld()
  while (!state.settle(10));
  seen('k').clear()
  seen('k').set(1, 'again')
  seen('other')
  growOld()
  // Some of it is removed, and the row is written.
  for (let version = state.versionBelow; version === state.versionBelow;) state.settle(1)
  const writer = state.beginSnapshot(++checkpointId, { full: 'share' })
  const { rowsBelow } = state
  const files = await (await state.checkpointBelow())!.files()
  const index = writer.finish()
  const bytes = Buffer.concat(writer.take())
  const stored = await stores.restore('x', files)
  assert.ok(stored.scan(entriesFrom(0), entriesFrom(2 ** 32)).next(), 'something is left over')
  const restored = createMaps(1, stores)
  restored.state.adopt(stored, rowsBelow)
  for (const { keyGroup, offset, length } of index.segments) {
    restored.state.restoreGroup(keyGroup, [{ bytes: bytes.subarray(offset, offset + length) }])
  }
  for (const each of [seen, restored.seen]) {
    assert.deepEqual([...each('k').entries()], [[1, 'again']])
    for (let key = 0; key < 20; key++) each(key).set(1, 1)
    for (let n = 1000; n < 1100; n++) each('k').set(n, n)
    for (let key = 0; key < 20; key++) each(key).set(1, 1)
    assert.equal(each('k').size, 101)
    assert.equal([...each('k').entries()].length, 101)
    assert.equal(each('k').get(7), undefined)
  }
})

void test('keys, of maps and of their entries, may be long', () => {
  const { seen } = createMaps(1)
  const key = 'key '.repeat(3000)
  for (let n = 0; n < 40; n++) seen(key).set(`${'entry '.repeat(2000)}${n}`, n)
  for (let n = 0; n < 40; n++) assert.equal(seen(key).get(`${'entry '.repeat(2000)}${n}`), n)
  assert.equal([...seen(key).entries()].length, 40)
})

const keyGroups = { first: 0, end: 4 }
const inline = { entriesMax: 4, bytesMax: 300 }

/** A checkpoint of a state with maps of 0, 10, … entries, taken over by one with other declarations. */
async function evolve(states: StateDeclarations, nowMs: () => number): Promise<CachedState> {
  const stores = new MemoryStores()
  const declared = { seen: map<number, number>(), counts: map<number, number>(), text: value<string>() }
  const before = new CachedState(
    { operator: 'test', states: declared, maxParallelism: 4, keyGroups },
    { cacheBytes: 1, open: () => stores.create(), inline },
  )
  for (let key = 0; key < 10; key++) {
    before.use(key, hashKey(key))
    const handles = before.handles as unknown as {
      seen: MapState<number, number>
      counts: MapState<number, number>
      text: ValueState<string>
    }
    for (let n = 0; n < 10 * key; n++) handles.seen.set(n, n + key)
    for (let n = 0; n < 20 - key; n++) handles.counts.set(n, n)
    handles.text.set(`text ${key}`)
  }
  const writer = before.beginSnapshot(1, { full: 'share' })
  const { header } = before
  const files = await (await before.checkpointBelow())!.files()
  const index = writer.finish()
  const bytes = Buffer.concat(writer.take())
  const after = new CachedState(
    { operator: 'test', states, maxParallelism: 4, keyGroups, allowNonRestored: true, clock: { now: nowMs } },
    { cacheBytes: 1, open: () => stores.create(), inline },
  )
  await after.takeOver(await stores.restore('x', files), header, new Turns({ clock, rowsMax: 7 }))
  for (const { keyGroup, offset, length } of index.segments) {
    after.restoreGroup(keyGroup, [{ bytes: bytes.subarray(offset, offset + length) }])
  }
  return after
}

void test('maps that lie apart are migrated, left out and kept where the states of a job have changed', async () => {
  const state = await evolve(
    {
      added: value<number>(),
      counts: map<number, number>(),
      seen: map<number, string>({ version: 2, migrate: (old) => `number ${old as number}` }),
    },
    () => 0,
  )
  assert.equal(state.statistics().rows, 10)
  for (let key = 0; key < 10; key++) {
    state.use(key, hashKey(key))
    const { seen, counts } = state.handles as unknown as { seen: MapState<number, string>; counts: MapState<number, number> }
    assert.equal(seen.size, 10 * key)
    assert.deepEqual(new Map(seen.entries()), new Map(Array.from({ length: 10 * key }, (_, n) => [n, `number ${n + key}`] as const)))
    assert.deepEqual(new Map(counts.entries()), new Map(Array.from({ length: 20 - key }, (_, n) => [n, n] as const)))
  }
})

void test('entries that begin to expire count from the restore, wherever they lie, and are swept away', async () => {
  let nowMs = 1000
  const state = await evolve({ seen: map<number, number>({ ttl: 100 }), counts: map<number, number>() }, () => nowMs)
  const seen = (key: number): MapState<number, number> => {
    state.use(key, hashKey(key))
    return state.handles['seen'] as MapState<number, number>
  }
  nowMs += 99
  for (let key = 0; key < 10; key++) assert.equal(seen(key).size, 10 * key)
  seen(9).set(5, -5)
  nowMs += 1
  for (let key = 0; key < 9; key++) assert.equal(seen(key).size, 0)
  assert.deepEqual([...seen(9).entries()], [[5, -5]])
  for (let sweeps = 0; sweeps < 2;) if (state.clean(16)) sweeps++
  assert.equal(state.statistics().rows, 10)
  nowMs += 100
  assert.equal(seen(9).get(5), undefined)
})

void test('a sweep removes expired entries of maps that are not in memory', async () => {
  let nowMs = 0
  const stores = new MemoryStores()
  const state = new CachedState(
    { operator: 'test', states: { seen: map<number, number>({ ttl: 100 }) }, maxParallelism: 4, keyGroups, clock: { now: () => nowMs } },
    { cacheBytes: 1, open: () => stores.create(), inline },
  )
  for (let n = 0; n < 500; n++) {
    for (let key = 0; key < 3; key++) {
      state.use(key, hashKey(key))
      ;(state.handles['seen'] as MapState<number, number>).set(n, n)
    }
    if (n === 400) nowMs += 50
  }
  nowMs += 60
  for (let sweeps = 0; sweeps < 2;) if (state.clean(64)) sweeps++
  const files = await (await state.checkpointBelow())!.files()
  const stored = await stores.restore('x', files)
  let entries = 0
  for (const scan = stored.scan(entriesFrom(0), entriesFrom(2 ** 32)); scan.next();) entries++
  assert.ok(entries <= 3 * 99, String(entries))
  assert.equal(state.statistics().rows, 3)
  nowMs += 100
  for (let sweeps = 0; sweeps < 2;) if (state.clean(64)) sweeps++
  assert.equal(state.statistics().rows, 0)
})

void test('a row of few but large entries lets go of its maps, and a map that has become small comes back', async () => {
  const stores = new MemoryStores()
  const state = new CachedState(
    { operator: 'test', states: { seen: map<number, string>() }, maxParallelism: 4, keyGroups },
    { cacheBytes: 1, open: () => stores.create(), inline: { entriesMax: 100, bytesMax: 1000 } },
  )
  const seen = (key: number): MapState<number, string> => {
    state.use(key, hashKey(key))
    return state.handles['seen'] as MapState<number, string>
  }
  const apart = async (): Promise<number> => {
    for (let key = 100; key < 110; key++) seen(key).set(1, 'small')
    const files = await (await state.checkpointBelow())!.files()
    const stored = await stores.restore('x', files)
    let entries = 0
    for (const scan = stored.scan(entriesFrom(0), entriesFrom(2 ** 32)); scan.next();) entries++
    return entries
  }
  for (let n = 0; n < 5; n++) seen(1).set(n, 'x'.repeat(400))
  assert.equal(await apart(), 5)
  seen(1).set(2, 'y'.repeat(400))
  assert.equal(await apart(), 5)
  assert.equal(seen(1).get(2), 'y'.repeat(400))
  for (let n = 0; n < 4; n++) seen(1).delete(n)
  assert.equal(await apart(), 0)
  assert.deepEqual([...seen(1).entries()], [[4, 'x'.repeat(400)]])
})
