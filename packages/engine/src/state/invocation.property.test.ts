// What an asynchronous function sees of its key's state, and leaves of it, is what a synchronous one would: random calls, through buffers and directly, with time passing and sweeps in
// between. (In the middle of an invocation time stands still: what it has read does not vanish under it.)
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  aggregating,
  list,
  map,
  reducing,
  value,
  type AggregatingState,
  type ListState,
  type MapState,
  type ReducingState,
  type StateDeclarations,
  type StateTtl,
  type ValueState,
} from '../api/state.ts'
import { hashKey } from '../keys/hash.ts'
import { KeyedState } from './keyed-state.ts'
import { CachedState } from './rocksdb/cached-state.ts'
import { MemoryStores } from './rocksdb/memory-stores.ts'
import type { KeyedStateOptions } from './state-types.ts'

const AFTER = 100
const KEY = 'k'
const ENTRIES = [0, 1, 2, 3]

interface Handles {
  readonly v: ValueState<unknown>
  readonly l: ListState<unknown>
  readonly m: MapState<number, unknown>
  readonly r: ReducingState<number>
  readonly a: AggregatingState<number, number>
}

/** Some plain, some objects, which a function may change in place. */
const valueOf = (n: number): unknown => [n, null, { n }, { n }][n]
const changed = (object: unknown): unknown => {
  if (typeof object === 'object' && object !== null) (object as { n: number }).n += 10
  return structuredClone(object)
}
const keysWhile = ({ m }: Handles, during: () => void): number => {
  let seen = 0
  for (const _ of m.entries()) {
    seen++
    during()
  }
  return seen
}

const calls: { readonly [name: string]: (handles: Handles, n: number) => unknown } = {
  set: ({ v }, n) => v.set(valueOf(n)),
  get: ({ v }) => changed(v.get()),
  update: ({ v }, n) => v.update((before) => (typeof before === 'number' ? before + 1 : n)),
  clear: ({ v }) => v.clear(),
  add: ({ l }, n) => l.add(valueOf(n)),
  'get list': ({ l }) => structuredClone(l.get()),
  'set list': ({ l }, n) => l.set(Array.from({ length: n }, (_, at) => at)),
  'clear list': ({ l }) => l.clear(),
  'set entry': ({ m }, n) => m.set(n, valueOf(n)),
  'get entry': ({ m }, n) => changed(m.get(n)),
  'has entry': ({ m }, n) => m.has(n),
  'delete entry': ({ m }, n) => m.delete(n),
  entries: ({ m }) => new Map(Array.from(m.entries(), ([key, entry]) => [key, changed(entry)])),
  size: ({ m }) => m.size,
  'clear map': ({ m }) => m.clear(),
  'clear among entries': (handles) => keysWhile(handles, () => handles.m.clear()),
  'delete among entries': (handles) => keysWhile(handles, () => ENTRIES.forEach((n) => handles.m.delete(n))),
  'set among entries': (handles) => keysWhile(handles, () => [...handles.m.entries()].forEach(([key]) => handles.m.set(key, key + 100))),
  reduce: ({ r }, n) => r.add(n),
  'get reduced': ({ r }) => r.get(),
  aggregate: ({ a }, n) => a.add(n),
  'get aggregated': ({ a }) => a.get(),
}

const call = fc.record({ name: fc.constantFrom(...Object.keys(calls)), n: fc.nat({ max: 3 }) })
const turn = fc.record({
  made: fc.array(call, { minLength: 1, maxLength: 8, size: 'max' }),
  lastsMs: fc.constantFrom(0, 0, 30, 60),
  waitMs: fc.constantFrom(0, 30, 120),
})

const stores = new MemoryStores()
const backends = {
  heap: (options: KeyedStateOptions) => new KeyedState(options),
  'a store': (options: KeyedStateOptions) =>
    new CachedState(options, { cacheBytes: 1, open: () => stores.create(), inline: { entriesMax: 1, bytesMax: 300 } }),
}

function declared(ttl: StateTtl | undefined): StateDeclarations {
  const options = ttl === undefined ? {} : { ttl }
  const sum = {
    create: () => ({ sum: 0 }),
    add: (n: number, acc: { sum: number }) => ({ sum: acc.sum + n }),
    result: (acc: { sum: number }) => acc.sum,
  }
  return {
    v: value(options),
    l: list(options),
    m: map(options),
    r: reducing<number>((a, b) => a + b, options),
    a: aggregating(sum, options),
  }
}

const lives: { readonly [name: string]: StateTtl | undefined } = {
  'for ever': undefined,
  'until it was not written for a while': { after: AFTER },
  'until it was not read for a while': { after: AFTER, update: 'on-read-and-write' },
  'until it is cleaned': { after: AFTER, visibility: 'until-cleaned' },
}

for (const [where, create] of Object.entries(backends)) {
  for (const [how, ttl] of Object.entries(lives)) {
    void test(`buffered calls are what direct ones are, in state on ${where} that lives ${how}`, () => {
      const property = fc.property(fc.array(turn, { minLength: 4, maxLength: 12, size: 'max' }), (turns) => {
        let nowMs = 1_000
        const options = {
          operator: 'test',
          states: declared(ttl),
          maxParallelism: 4,
          keyGroups: { first: 0, end: 4 },
          clock: { now: () => nowMs },
        }
        const [direct, buffered] = [new KeyedState(options), create(options)]
        const handlesOf = (state: KeyedState, key: unknown = KEY): Handles => {
          state.use(key, hashKey(key))
          return state.handles as unknown as Handles
        }
        const sweep = (): void => {
          if (ttl?.visibility === 'until-cleaned') return
          for (const state of [direct, buffered]) while (!state.clean(1_000));
        }
        for (const { made, lastsMs, waitMs } of turns) {
          const invocation = buffered.invocation(KEY, hashKey(KEY))
          for (const { name, n } of made)
            assert.deepEqual(calls[name]!(invocation.handles as unknown as Handles, n), calls[name]!(handlesOf(direct), n), name)
          nowMs += lastsMs
          sweep()
          invocation.commit()
          nowMs += waitMs
          // Others, for which it has to make room.
          for (let other = 0; other < 20; other++) handlesOf(buffered, other).v.set(1)
        }
        for (const name of ['get', 'get list', 'entries', 'size', 'get reduced', 'get aggregated'])
          assert.deepEqual(calls[name]!(handlesOf(buffered), 0), calls[name]!(handlesOf(direct), 0), `at the end: ${name}`)
      })
      fc.assert(property, { numRuns: 100 })
    })
  }
}
