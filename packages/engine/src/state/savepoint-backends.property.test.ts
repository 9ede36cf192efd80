import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { list, map, value, type ListState, type MapState, type ValueState } from '../api/state.ts'
import { hashKey } from '../keys/hash.ts'
import { check } from './fixtures/keyed-state-model.ts'
import { cached, cachedApart, cachedTimers, heap, tinyLimits } from './fixtures/model-backends.ts'
import { change, type Change } from './fixtures/model-steps.ts'
import { Subjects } from './fixtures/model-subjects.ts'
import { finish } from './fixtures/operator-state.ts'
import { CachedState } from './rocksdb/cached-state.ts'
import { MemoryStores } from './rocksdb/memory-stores.ts'
import { KeyedState } from './keyed-state.ts'
import type { KeyedStateOptions } from './state-types.ts'

const backends = { heap, rocksdb: cached, apart: cachedApart, timers: cachedTimers } as const
type Name = keyof typeof backends
const pairs: readonly (readonly [Name, Name])[] = [
  ['heap', 'heap'],
  ['heap', 'rocksdb'],
  ['rocksdb', 'heap'],
  ['rocksdb', 'rocksdb'],
  ['heap', 'apart'],
  ['apart', 'heap'],
  ['apart', 'apart'],
  ['heap', 'timers'],
  ['timers', 'heap'],
]

/** A number of key groups, and subtasks that share them. */
const width = fc
  .integer({ min: 1, max: 20 })
  .chain((maxParallelism) =>
    fc.record({ maxParallelism: fc.constant(maxParallelism), parallelism: fc.integer({ min: 1, max: maxParallelism }) }),
  )

function subjectsOf(
  name: Name,
  { parallelism, maxParallelism }: { parallelism: number; maxParallelism: number },
): Subjects<KeyedState, unknown> {
  return new Subjects(backends[name], parallelism, maxParallelism)
}

async function movesOver(
  from: Name,
  to: Name,
  changes: readonly Change[],
  later: readonly Change[],
  widths: Parameters<typeof subjectsOf>[1][],
): Promise<void> {
  const [before, after] = widths as [Parameters<typeof subjectsOf>[1], Parameters<typeof subjectsOf>[1]]
  const written = subjectsOf(from, before)
  for (const each of changes) written.change(each)
  await written.begin('all')
  // What comes after the barrier is no part of it.
  for (const each of later) written.change(each)
  written.finish()
  const restored = subjectsOf(to, after)
  restored.restoreSavepoint(written.stored.get(1)!, before.maxParallelism)
  check(restored, restored.model)
  // It goes on from there, and so does a checkpoint of it.
  for (const each of later) restored.change(each)
  check(restored, restored.model)
  await restored.begin('share')
  restored.finish()
  const { model, chain, kept } = restored.stored.get(1)!
  restored.states = await restored.restored(after.parallelism, chain, kept)
  check(restored, model)
}

for (const [from, to] of pairs)
  void test(`a savepoint of ${from} restores in ${to}, at any parallelism and number of key groups, with all state and timers`, async () => {
    const changes = fc.array(change, { minLength: 5, maxLength: 60, size: 'max' })
    const property = fc.asyncProperty(changes, changes, fc.tuple(width, width), (first, later, widths) =>
      movesOver(from, to, first, later, widths),
    )
    await fc.assert(property, { numRuns: 25 })
  })

const TTL_MS = 50
const expiring = {
  last: value<number>({ ttl: TTL_MS }),
  items: list<number>({ ttl: TTL_MS }),
  entries: map<number, number>({ ttl: TTL_MS }),
  all: value<number>(),
}

interface ExpiringHandles {
  last: ValueState<number>
  items: ListState<number>
  entries: MapState<number, number>
  all: ValueState<number>
}

/** A key written to, so long after the one before. */
const write = fc.record({ key: fc.nat({ max: 6 }), afterMs: fc.nat({ max: 30 }) })

function createExpiring(name: Name, clock: { now: () => number }, maxParallelism: number): KeyedState {
  const options = {
    operator: 'test',
    states: expiring,
    maxParallelism,
    keyGroups: { first: 0, end: maxParallelism },
    clock,
  } satisfies KeyedStateOptions
  const inline = name === 'apart' ? { inline: tinyLimits } : {}
  return name === 'heap'
    ? new KeyedState(options)
    : new CachedState(options, { cacheBytes: 1, open: () => new MemoryStores().create(), ...inline })
}

for (const [from, to] of pairs)
  void test(`what expires in ${from} expires at the same moment in ${to}, over a savepoint`, () => {
    fc.assert(
      fc.property(fc.array(write, { minLength: 3, maxLength: 30 }), fc.nat({ max: 70 }), width, width, (writes, restMs, before, after) => {
        let nowMs = 1_000
        const clock = { now: () => nowMs }
        const state = createExpiring(from, clock, before.maxParallelism)
        const written: { readonly key: number; readonly n: number; readonly atMs: number }[] = []
        for (const [n, { key, afterMs }] of writes.entries()) {
          nowMs += afterMs
          state.use(key, hashKey(key))
          const { last, items, entries, all } = state.handles as unknown as ExpiringHandles
          last.set(n)
          items.add(n)
          entries.set(n, n)
          all.set(n)
          written.push({ key, n, atMs: nowMs })
        }
        const { groups } = finish(state.beginSnapshot(1, { full: 'all' }))
        const restored = createExpiring(to, clock, after.maxParallelism)
        const former = before.maxParallelism === after.maxParallelism ? undefined : before.maxParallelism
        for (const [group, segments] of groups) restored.restoreGroup(group, segments, former)
        nowMs += restMs
        for (const key of new Set(written.map((each) => each.key))) {
          const all = written.filter((each) => each.key === key).map(({ n }) => n)
          const live = written.filter((each) => each.key === key && each.atMs + TTL_MS > nowMs).map(({ n }) => n)
          restored.use(key, hashKey(key))
          const handles = restored.handles as unknown as ExpiringHandles
          assert.equal(handles.last.get(), live.at(-1))
          assert.deepEqual([...handles.items.get()], live)
          assert.deepEqual(
            [...handles.entries.entries()].map(([entry]) => entry).toSorted((a, b) => a - b),
            live,
          )
          assert.equal(handles.all.get(), all.at(-1))
        }
      }),
      { numRuns: 25 },
    )
  })
