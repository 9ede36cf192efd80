import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { aggregating, list, map, reducing, value, type Key } from '../api/state.ts'
import { anyValue } from '../codec/fixtures/values.ts'
import { hashKey } from '../keys/hash.ts'
import { keyGroupOf } from '../keys/key-group.ts'
import { KeyedState } from '../state/keyed-state.ts'
import { SegmentReader } from '../state/segments/segment-reader.ts'
import { SegmentEncoder, type KeyedStateNode } from './segment-encoder.ts'
import { StoredRows } from './stored-rows.ts'

const GROUPS = 3
const codec = {
  encode: (text: string): Uint8Array => Buffer.from(text),
  decode: (bytes: Uint8Array): string => Buffer.from(bytes).toString(),
}
const states = {
  any: value<unknown>(),
  text: value<string>({ codec }),
  texts: list<string>({ codec }),
  fresh: list<number>({ ttl: '1h' }),
  seen: map<string, number>({ ttl: '1h' }),
  large: map<number, number>(),
  sum: reducing<number>((a, b) => a + b, { ttl: '1h' }),
  all: aggregating<number, number[], number>({ create: () => [], add: (n, all) => [...all, n], result: (all) => all.length }),
}
const nodes: readonly KeyedStateNode[] = Object.entries(states).map(([name, { kind }]) => ({ name, kind, version: 1 }))

interface Handles {
  any: { set(value: unknown): void; clear(): void }
  text: { set(value: string): void }
  texts: { add(value: string): void }
  fresh: { add(value: number): void }
  seen: { set(key: string, value: number): void; delete(key: string): void }
  large: { set(key: number, value: number): void; clear(): void; delete(key: number): void }
  sum: { add(value: number): void }
  all: { add(value: number): void }
}

const clock = { now: () => 1_000_000 }
const state = (): KeyedState =>
  new KeyedState({ operator: 'op', states, maxParallelism: GROUPS, keyGroups: { first: 0, end: GROUPS }, clock })

const key: fc.Arbitrary<Key> = fc.constantFrom<Key>('a', 'b', 1, 1n, Number.NaN, null, true, ['a', 1], ['a', '1'], ['b', null])
const step = fc.record({ key, what: fc.nat({ max: 13 }), n: fc.nat({ max: 9 }), value: anyValue, snapshot: fc.boolean() })

function apply(backend: KeyedState, { key: current, what, n, value: any }: { key: Key; what: number; n: number; value: unknown }): void {
  backend.use(current, hashKey(current))
  const handles = backend.handles as unknown as Handles
  const steps: readonly (() => void)[] = [
    () => (any === undefined ? handles.any.clear() : handles.any.set(any)),
    () => handles.text.set(`text ${n}`),
    () => handles.texts.add(`element ${n}`),
    () => handles.fresh.add(n),
    () => handles.seen.set(`entry ${n}`, n),
    () => handles.seen.delete(`entry ${n}`),
    () => {
      for (let at = 0; at < 300; at++) handles.large.set(at + n, at)
    },
    () => handles.large.delete(n),
    () => handles.large.clear(),
    () => handles.sum.add(n),
    () => handles.all.add(n),
    () => backend.timers.register(n % 2 === 0 ? 'event' : 'processing', n),
    () => backend.timers.delete(n % 2 === 0 ? 'event' : 'processing', n),
    () => handles.any.clear(),
  ]
  steps[what]!()
}

interface Chains {
  readonly groups: Map<number, Uint8Array[]>
}

/** Appends a snapshot to the chains of its groups. */
function snapshot(backend: KeyedState, id: number, chains: Chains): void {
  const writer = backend.beginSnapshot(id, { full: 'share' })
  const { segments } = writer.finish()
  const bytes = Buffer.concat(writer.take())
  backend.checkpointCompleted(id)
  for (const { keyGroup, kind, offset, length } of segments) {
    const segment = Uint8Array.from(bytes.subarray(offset, offset + length))
    if (kind === 'full') chains.groups.set(keyGroup, [segment])
    else chains.groups.set(keyGroup, [...(chains.groups.get(keyGroup) ?? []), segment])
  }
}

/** All rows, in an order that does not depend on how they came to be. */
function content(groups: ReadonlyMap<number, readonly Uint8Array[]>): unknown {
  const all: unknown[] = []
  for (const [group, segments] of [...groups].toSorted(([a], [b]) => a - b)) {
    const rows = new StoredRows('op', GROUPS)
    const reader = new SegmentReader(rows, group)
    for (const segment of segments) reader.load(segment)
    all.push([
      group,
      new Map(
        Array.from(rows, (row) => [
          JSON.stringify([typeof row.key, String(row.key), Array.isArray(row.key) && row.key.map((a) => typeof a)]),
          row,
        ]),
      ),
    ])
  }
  return all.filter((each) => (each as [number, Map<string, unknown>])[1].size > 0)
}

void test('rows read from a chain, written as segments, are what the job restores: with deltas, codecs, times to live, timers and large maps', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const backend = state()
      const chains: Chains = { groups: new Map() }
      let id = 0
      for (const each of steps) {
        apply(backend, each)
        if (each.snapshot) snapshot(backend, ++id, chains)
      }
      snapshot(backend, ++id, chains)
      const restored = state()
      const written = new Map<number, Uint8Array[]>()
      for (let group = 0; group < GROUPS; group++) {
        const rows = new StoredRows('op', GROUPS)
        const reader = new SegmentReader(rows, group)
        for (const segment of chains.groups.get(group) ?? []) reader.load(segment)
        for (const row of rows) assert.equal(keyGroupOf(hashKey(row.key), GROUPS), group)
        const segments = [...new SegmentEncoder('op', nodes).group(group, rows)]
        if (segments.length > 0)
          written.set(
            group,
            segments.map(({ bytes }) => bytes),
          )
        restored.restoreGroup(
          group,
          segments.map(({ bytes, segment }) => ({ bytes, crc32: segment.crc32 })),
        )
      }
      assert.deepStrictEqual(content(written), content(chains.groups))
      const again: Chains = { groups: new Map() }
      snapshot(restored, 1, again)
      assert.deepStrictEqual(content(again.groups), content(chains.groups))
    }),
    { numRuns: 60 },
  )
})
