import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { map, value, type MapState, type ValueState } from '../../api/state.ts'
import { hashKey } from '../../keys/hash.ts'
import { CachedState } from './cached-state.ts'
import { LookUpTimes } from './look-up-times.ts'
import { MemoryStores } from './memory-stores.ts'

const KEYS = 200

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('add' as const), key: fc.nat({ max: KEYS - 1 }), keys: fc.constantFrom(1, 1, 50) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('clear' as const), key: fc.nat({ max: KEYS - 1 }) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('ahead' as const), keys: fc.array(fc.nat({ max: KEYS - 1 }), { minLength: 20 }) }) },
  { weight: 1, arbitrary: fc.constant({ op: 'wait' as const }) },
  { weight: 1, arbitrary: fc.constant({ op: 'settle' as const }) },
  { weight: 1, arbitrary: fc.constant({ op: 'snapshot' as const }) },
)

void test('whatever was asked for ahead, and whenever it comes, a key has what was written last', async () => {
  let waited = 0
  const property = fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
    const stores = new MemoryStores(true)
    const state = new CachedState(
      {
        operator: 'test',
        states: { count: value<number>(), seen: map<number, number>() },
        maxParallelism: 4,
        keyGroups: { first: 0, end: 4 },
      },
      { cacheBytes: 6_000, open: () => stores.create(), inline: { entriesMax: 2, bytesMax: 1000 } },
    )
    const at = (key: number): ValueState<number> => {
      state.use(key, hashKey(key))
      return state.handles['count'] as ValueState<number>
    }
    const seen = (key: number): MapState<number, number> => {
      at(key)
      return state.handles['seen'] as MapState<number, number>
    }
    const model = new Map<number, number>()
    const entries = new Map<number, Map<number, number>>()
    for (let key = 0; key < KEYS; key += 2) at(key).set(key)
    for (let key = 0; key < KEYS; key += 2) model.set(key, key)
    let checkpointId = 0
    for (const next of steps) {
      if (next.op === 'add') {
        for (let key = next.key; key < next.key + next.keys; key++) {
          const after = (model.get(key % KEYS) ?? 0) + 1
          assert.equal((at(key % KEYS).get() ?? 0) + 1, after)
          at(key % KEYS).set(after)
          seen(key % KEYS).set(after, key)
          model.set(key % KEYS, after)
          entries.set(key % KEYS, (entries.get(key % KEYS) ?? new Map<number, number>()).set(after, key))
        }
      } else if (next.op === 'clear') {
        at(next.key).clear()
        seen(next.key).clear()
        model.delete(next.key)
        entries.delete(next.key)
      } else if (next.op === 'ahead') {
        const keys = next.keys
        const before = state.key
        const coming = state.lookAhead(
          keys.length,
          (index) => keys[index],
          (index) => hashKey(keys[index]),
        )
        assert.equal(state.key, before)
        if (coming !== undefined) waited++
      } else if (next.op === 'wait') {
        for (let turn = 0; turn < 5; turn++) await Promise.resolve()
      } else if (next.op === 'settle') {
        while (!state.settle(20));
      } else {
        state.beginSnapshot(++checkpointId, { full: 'share' }).step(5)
      }
      assert.equal(state.statistics().rows, model.size)
    }
    for (let key = 0; key < KEYS; key++) {
      assert.equal(at(key).get(), model.get(key))
      assert.deepEqual(new Map(seen(key).entries()), entries.get(key) ?? new Map())
      assert.equal(seen(key).size, entries.get(key)?.size ?? 0)
    }
  })
  await fc.assert(property, { numRuns: 100 })
  assert.ok(waited > 100, String(waited))
})

void test('look-ups are slow once most of them take longer than from memory, and now and then it is tried again', () => {
  let nowMs = 0
  const times = new LookUpTimes(() => nowMs)
  const lookUp = (count: number, tookMs: number): void => {
    for (let each = 0; each < count; each++) {
      times.begin()
      nowMs += tookMs
      times.end()
    }
  }
  lookUp(10_000, 0.005)
  lookUp(1, 10_000)
  assert.equal(times.slow, false)
  lookUp(10_000, 0.06)
  assert.equal(times.slow, true)
  lookUp(10_000, 0.001)
  assert.equal(times.slow, true, 'what is left over says nothing')
  let tried = 0
  for (let round = 0; round < 2000 && times.slow; round++) {
    times.ahead()
    while (!times.slow && tried < 200_000) {
      lookUp(1, 0.005)
      tried++
      if (tried % 10_000 === 0) break
    }
  }
  assert.equal(times.slow, false)
})
