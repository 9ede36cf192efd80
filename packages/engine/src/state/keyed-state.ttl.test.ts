import assert from 'node:assert/strict'
import { test } from 'node:test'
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
import { at, createState, finish, restore, type Written } from './fixtures/operator-state.ts'
import type { KeyedState } from './keyed-state.ts'

interface Handles {
  v: ValueState<unknown>
  l: ListState<unknown>
  m: MapState<string, unknown>
  r: ReducingState<number>
  a: AggregatingState<number, number>
}

const AFTER = 100
const clock = { nowMs: 0, now: (): number => clock.nowMs }

function declared(ttl?: StateTtl | number): StateDeclarations {
  const options = ttl === undefined ? {} : { ttl }
  return {
    v: value(options),
    l: list(options),
    m: map(options),
    r: reducing<number>((a, b) => a + b, options),
    a: aggregating({ create: () => 0, add: (n: number, sum: number) => sum + n, result: (sum: number) => sum }, options),
  }
}

function create(states: StateDeclarations): KeyedState {
  return createState(states, { maxParallelism: 1, clock })
}

function fill(state: KeyedState, key: unknown = 'k'): Handles {
  const handles = at<Handles>(state, key)
  handles.v.set({ n: 1 })
  handles.l.set([1, 2])
  handles.m.set('a', 1)
  handles.r.add(3)
  handles.a.add(4)
  return handles
}

function seen(handles: Handles): unknown {
  return [handles.v.get(), [...handles.l.get()], [...handles.m.entries()], handles.r.get(), handles.a.get()]
}

const whole = [{ n: 1 }, [1, 2], [['a', 1]], 3, 4]
const nothing = [undefined, [], [], undefined, undefined]
const snapshot = (state: KeyedState, id = 1, full: 'all' | 'share' = 'all'): Written => finish(state.beginSnapshot(id, { full }))
const rows = ({ index }: Written): number => index.segments.reduce((sum, segment) => sum + segment.rows, 0)

function sweep(state: KeyedState): void {
  while (!state.clean(1));
}

test('the bytes of format version 2', () => {
  clock.nowMs = 7
  const state = createState(
    {
      v: value({ ttl: AFTER }),
      l: list({ ttl: AFTER }),
      m: map({ ttl: AFTER, codec: { encode: (n) => Uint8Array.of(n as number), decode: ([n]) => n } }),
      c: value({ codec: { encode: (n) => Uint8Array.of(n as number), decode: ([n]) => n } }),
      cl: list({ codec: { encode: (n) => Uint8Array.of(n as number), decode: ([n]) => n } }),
    },
    { maxParallelism: 1, clock },
  )
  const handles = at<Handles & { c: ValueState<number>; cl: ListState<number> }>(state, 'k')
  handles.v.set(1)
  handles.l.set([1, 2])
  handles.m.set('a', 3)
  handles.c.set(4)
  handles.cl.set([5, 6])
  // On disk for ever: this may not change without a new version.
  assert.equal(
    Buffer.concat([...snapshot(state).groups.values()].flat().map(({ bytes }) => bytes)).toString('hex'),
    '4d530201000009000102760101026c0201026d00010263010104636c050100060100070102760701026c816b01ad020102f3018161f507f60103f60104f70201050106f0f007ad020707',
  )
})

test('a sweep leaves no key the current one where none was, so that a call which comes too late is still refused', () => {
  clock.nowMs = 1_000
  const state = create({ ...declared(AFTER), kept: value() })
  for (const key of ['a', 'b', 'c']) {
    fill(state, key)
    at<{ kept: ValueState<unknown> }>(state, key).kept.set(key)
  }
  const { kept } = state.handles as unknown as { kept: ValueState<unknown> }
  state.release()
  clock.nowMs += AFTER
  sweep(state)
  assert.throws(() => kept.set('late'), { code: 'CONTEXT_REVOKED' })
  assert.throws(() => kept.get(), { code: 'CONTEXT_REVOKED' })
  assert.equal(state.statistics().rows, 3)
})

test('nothing is seen after its time, and what is left is swept away a few rows at a time', () => {
  clock.nowMs = 1_000
  const state = create(declared(AFTER))
  for (let key = 0; key < 20; key++) fill(state, key)
  clock.nowMs += AFTER - 1
  assert.deepEqual(seen(at<Handles>(state, 3)), whole)
  clock.nowMs++
  assert.deepEqual(seen(at<Handles>(state, 3)), nothing)
  assert.equal(at<Handles>(state, 3).m.get('a'), undefined)
  assert.equal(state.statistics().rows, 19, 'reading removes what it finds expired')
  fill(state, 5)
  state.use(5, hashKey(5))
  let steps = 0
  while (!state.clean(2)) steps++
  assert.ok(steps >= 9, 'a bounded number of rows a step')
  assert.equal(state.statistics().rows, 1)
  assert.equal(state.key, 5, 'the current key is what it was')
  assert.deepEqual(seen(state.handles as unknown as Handles), whole)
})

test('until cleaned, what has expired is seen once more, but nothing is folded into it', () => {
  clock.nowMs = 1_000
  const state = create(declared({ after: AFTER, visibility: 'until-cleaned' }))
  for (const key of ['k', 'folded', 'cleaned']) fill(state, key)
  clock.nowMs += AFTER
  const folded = at<Handles>(state, 'folded')
  folded.r.add(1)
  folded.a.add(1)
  assert.equal(folded.r.get(), 1)
  assert.equal(folded.a.get(), 1)
  const handles = at<Handles>(state, 'k')
  assert.equal(handles.m.size, 1)
  assert.deepEqual(seen(handles), whole)
  assert.equal(handles.m.get('a'), 1)
  assert.deepEqual(seen(handles), nothing)
  sweep(state)
  assert.deepEqual(seen(at<Handles>(state, 'cleaned')), nothing)
})

test('reading begins the time anew only where it is to, and changing a value in place never does', () => {
  for (const update of ['on-write', 'on-read-and-write'] as const) {
    clock.nowMs = 1_000
    const state = create(declared({ after: AFTER, update }))
    const handles = fill(state)
    clock.nowMs += AFTER / 2
    ;(handles.v.get() as { n: number }).n = 1
    seen(handles)
    assert.ok(handles.m.has('a'))
    clock.nowMs += AFTER / 2
    assert.deepEqual(seen(handles), update === 'on-write' ? nothing : whole, update)
  }
})

test('an entry that an invocation reads begins its time anew, though the sweep finds it expired before the invocation is over', () => {
  for (const read of [({ m }: Handles): unknown => m.get('a'), ({ m }: Handles): unknown => m.has('a')]) {
    clock.nowMs = 1_000
    const state = create(declared({ after: AFTER, update: 'on-read-and-write' }))
    fill(state)
    const reading = state.invocation('k', hashKey('k'))
    const handles = reading.handles as unknown as Handles
    clock.nowMs += AFTER / 2
    assert.ok(read(handles))
    clock.nowMs += AFTER / 4
    assert.ok(read(handles))
    clock.nowMs += AFTER / 2
    sweep(state)
    reading.commit()
    assert.deepEqual(seen(at<Handles>(state, 'k')), [undefined, [], [['a', 1]], undefined, undefined])
    clock.nowMs = 1_000 + 2.75 * AFTER
    assert.deepEqual(seen(at<Handles>(state, 'k')), nothing)
  }
})

test('a map of entries that expire ends for whoever looks through it when it is cleared', () => {
  clock.nowMs = 1_000
  const state = create(declared(AFTER))
  const { m } = fill(state)
  for (const key of ['b', 'c']) m.set(key, { key })
  const keys: string[] = []
  for (const [key] of m.entries()) {
    keys.push(key)
    m.clear()
  }
  assert.deepEqual(keys, ['a'])
})

test('an invocation that reads does not count as a write, and one that writes counts from its write', () => {
  clock.nowMs = 1_000
  const state = create(declared(AFTER))
  fill(state)
  clock.nowMs += AFTER / 2
  const reading = state.invocation('k', hashKey('k'))
  assert.deepEqual(seen(reading.handles as unknown as Handles), whole)
  reading.commit()
  const writing = state.invocation('other', hashKey('other'))
  const other = writing.handles as unknown as Handles
  other.v.set({ n: 1 })
  other.l.set([1, 2])
  other.m.set('a', 1)
  other.r.add(3)
  other.a.add(4)
  clock.nowMs += AFTER / 2
  writing.commit()
  assert.deepEqual(seen(at<Handles>(state, 'k')), nothing)
  assert.deepEqual(seen(at<Handles>(state, 'other')), whole)
  clock.nowMs += AFTER / 2
  assert.deepEqual(seen(at<Handles>(state, 'other')), nothing)
})

test('full snapshots leave out what has expired; deltas have tombstones of what was removed', () => {
  clock.nowMs = 1_000
  const state = create({ v: value({ ttl: AFTER }), forever: value() })
  for (let key = 0; key < 10; key++) at<Handles>(state, key).v.set(key)
  at<Handles & { forever: ValueState<number> }>(state, 10).forever.set(1)
  const first = snapshot(state, 1)
  assert.equal(rows(first), 11)
  state.checkpointCompleted(1)
  clock.nowMs += AFTER
  assert.equal(rows(snapshot(state, 2)), 1, 'not swept yet, and not in the snapshot')
  sweep(state)
  const delta = snapshot(state, 3, 'share')
  assert.equal(delta.index.baseCheckpointId, 1)
  assert.equal(rows(delta), 10)
  const restored = restore(create({ v: value({ ttl: AFTER }), forever: value() }), first, delta)
  assert.equal(restored.statistics().rows, 1)
})

test('a large map expires entry by entry, swept over many steps', () => {
  clock.nowMs = 1_000
  const state = create({ m: map({ ttl: AFTER }) })
  const { m } = at<{ m: MapState<number, number> }>(state, 'k')
  for (let entry = 0; entry < 5_000; entry++) {
    if (entry === 4_000) clock.nowMs += AFTER / 2
    m.set(entry, entry)
  }
  clock.nowMs += AFTER / 2
  assert.equal(m.size, 1_000)
  const stored = snapshot(state)
  let steps = 0
  while (!state.clean(10)) steps++
  assert.ok(steps >= 50, `${steps} steps`)
  const restored = at<{ m: MapState<number, number> }>(restore(create({ m: map({ ttl: AFTER }) }), stored), 'k').m
  for (const handle of [m, restored])
    assert.deepEqual(
      [...handle.entries()],
      Array.from({ length: 1_000 }, (_, n) => [4_000 + n, 4_000 + n]),
    )
  clock.nowMs += AFTER
  sweep(state)
  assert.equal(state.statistics().rows, 0)
})

test('times are kept over a restore; another duration holds for what is there', () => {
  clock.nowMs = 1_000
  const state = create(declared(AFTER))
  fill(state)
  const stored = snapshot(state)
  clock.nowMs += AFTER / 2
  for (const [after, expected] of [
    [AFTER, whole],
    [AFTER / 2, nothing],
  ] as const) {
    assert.deepEqual(seen(at<Handles>(restore(create(declared(after)), stored), 'k')), expected)
  }
  const longer = restore(create(declared(10 * AFTER)), stored)
  clock.nowMs += AFTER
  assert.deepEqual(seen(at<Handles>(longer, 'k')), whole)
})

test('switched on, the time counts from the restore; switched off, what is stored stays; either way the next checkpoint is a full one', () => {
  clock.nowMs = 1_000
  const without = create(declared())
  fill(without)
  const stored = snapshot(without)
  clock.nowMs += 10 * AFTER
  const on = restore(create(declared(AFTER)), stored)
  on.resumeFrom(1, new Map([[0, 1]]))
  assert.deepEqual(seen(at<Handles>(on, 'k')), whole)
  const next = snapshot(on, 2, 'share')
  assert.equal(next.index.baseCheckpointId, undefined)
  clock.nowMs += AFTER
  assert.deepEqual(seen(at<Handles>(on, 'k')), nothing)
  const off = restore(create(declared()), next)
  off.resumeFrom(2, new Map([[0, 1]]))
  assert.deepEqual(seen(at<Handles>(off, 'k')), whole)
  assert.equal(snapshot(off, 3, 'share').index.baseCheckpointId, undefined)
})

test('state that does not expire never asks for the time', () => {
  const state = createState(declared(), { maxParallelism: 1 })
  fill(state)
  assert.ok(state.clean(1))
  assert.equal(state.shortestTtlMs, undefined)
  assert.equal(rows(snapshot(state)), 1)
})

test('a ttl that is none is refused by name', () => {
  for (const ttl of [0, -1, 'soon', { after: '1h', update: 'never' }, { after: '1h', visibility: 'always' }] as never[]) {
    assert.throws(() => create({ v: value({ ttl }) }), { code: 'STATE_DECLARATION_INVALID', message: /"v" of test.*ttl/ })
  }
})
