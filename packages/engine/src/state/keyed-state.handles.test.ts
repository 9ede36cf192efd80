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
  type StateOptions,
  type ValueState,
} from '../api/state.ts'
import { hashKey } from '../keys/hash.ts'
import { BroadcastState } from './operator/broadcast-state.ts'
import { at, createState, finish, restore } from './fixtures/operator-state.ts'

interface Handles {
  v: ValueState<unknown>
  l: ListState<unknown>
  m: MapState<string | number, unknown>
  r: ReducingState<unknown>
  a: AggregatingState<string, string>
}

const states = {
  v: value<unknown>(),
  l: list<unknown>(),
  m: map<string | number, unknown>(),
  r: reducing<{ n: number }>((a, b) => ({ n: a.n + b.n })),
  a: aggregating<string, string[], string>({ create: () => [], add: (text, all) => [...all, text], result: (all) => all.join('+') }),
}

test('numbers come back exactly: -0, NaN, infinities, the number that marks absence', () => {
  const state = createState(states)
  const numbers = [0, -0, 1.5, Number.NaN, Infinity, -Infinity, -Number.MAX_VALUE, Number.MIN_VALUE, 2 ** 31, -(2 ** 31), 2 ** 53]
  for (const [key, number] of numbers.entries()) at<Handles>(state, key).v.set(number)
  const restored = restore(createState(states), finish(state.beginSnapshot(1, { full: 'all' })))
  for (const each of [state, restored]) {
    for (const [key, number] of numbers.entries()) assert.ok(Object.is(at<Handles>(each, key).v.get(), number), String(number))
  }
})

test('keys of all types are kept apart, and -0, NaN and tuples are found again', () => {
  const state = createState(states)
  const keys = [1, 1n, '1', true, null, 'true', Number.NaN, 0, ['1'], [1, 'a'], ['1', null], '\ud800']
  for (const [n, key] of keys.entries()) at<Handles>(state, key).v.set(n)
  for (const [n, key] of keys.entries()) assert.equal(at<Handles>(state, Array.isArray(key) ? [...key] : key).v.get(), n)
  assert.equal(at<Handles>(state, -0).v.get(), keys.indexOf(0))
  assert.equal(state.statistics().rows, keys.length)
  assert.throws(() => at<Handles>(state, {}), { code: 'KEY_UNSUPPORTED' })
})

test('handles: defaults, update, undefined, emptying', () => {
  const state = createState(states)
  const { v, l, m, r, a } = at<Handles>(state, 'k')
  assert.deepEqual([v.get(), l.get(), m.get('x'), m.size, r.get(), a.get()], [undefined, [], undefined, 0, undefined, undefined])
  v.update((before) => (before === undefined ? 5 : 6))
  v.update((before) => (before as number) + 1)
  assert.equal(v.get(), 6)
  v.update(() => undefined)
  l.addAll([1, 2])
  l.set([])
  m.set('x', null)
  assert.equal(m.get('x'), null)
  m.delete('x')
  m.delete('x')
  r.add({ n: 1 })
  r.add({ n: 2 })
  assert.deepEqual(r.get(), { n: 3 })
  r.clear()
  a.add('x')
  a.add('y')
  assert.equal(a.get(), 'x+y')
  a.clear()
  assert.equal(state.statistics().rows, 0)
  assert.throws(() => l.add(undefined), { code: 'STATE_VALUE_UNDEFINED' })
  assert.throws(() => m.set('x', undefined), { code: 'STATE_VALUE_UNDEFINED' })
  assert.throws(() => m.set({} as string, 1), { code: 'STATE_MAP_KEY' })
})

test('nothing is kept under a hash that is not of its key: a checkpoint with it could not be read', () => {
  const state = createState(states)
  const sent = hashKey('sent')
  state.use('asked for again', sent)
  const { v, m } = state.handles as unknown as Handles
  assert.equal(v.get(), undefined)
  const invocation = state.invocation('asked for again', sent)
  const buffered = invocation.handles as unknown as Handles
  buffered.v.set(1)
  for (const write of [
    (): void => v.set(1),
    (): void => m.set('x', 1),
    (): void => state.timers.register('event', 1),
    (): void => invocation.commit(),
  ])
    assert.throws(write, { code: 'KEY_CHANGED' })
  assert.equal(state.statistics().rows, 0)
  at<Handles>(state, 'sent').v.set(1)
  assert.equal(state.statistics().rows, 1)
})

test('a fold that forgets to answer is refused, and what was folded before stays', () => {
  const isForgetful = { now: false }
  const forgetful = {
    r: reducing<number>((before, added) => (isForgetful.now ? (undefined as never) : before + added)),
    a: aggregating<number, { sum: number }, number>({
      create: () => ({ sum: 0 }),
      add: (added, { sum }) => (isForgetful.now ? (undefined as never) : { sum: sum + added }),
      result: ({ sum }) => sum,
    }),
  }
  const state = createState(forgetful)
  const { r, a } = at<{ r: ReducingState<number>; a: AggregatingState<number, number> }>(state, 'k')
  for (const handle of [r, a]) handle.add(700)
  isForgetful.now = true
  for (const handle of [r, a]) {
    assert.throws(() => handle.add(300), { code: 'STATE_FOLD_UNDEFINED', message: /must answer the new value/ })
    assert.equal(handle.get(), 700)
  }
})

test('an iterator over entries does not outlive its key', () => {
  const state = createState(states)
  const { m } = at<Handles>(state, 'a')
  m.set('x', 1)
  m.set('y', 2)
  const entries = m.entries()
  assert.deepEqual(entries.next().value, ['x', 1])
  at<Handles>(state, 'b')
  assert.throws(() => entries.next(), { code: 'STATE_ITERATOR_STALE' })
})

test('entries that are removed while a map is looked through are not seen, not even the last ones, and leave no row behind', () => {
  for (const remove of [({ m }: Handles): void => m.clear(), ({ m }: Handles): void => ['x', 'y', 'z'].forEach((key) => m.delete(key))]) {
    const state = createState(states)
    const handles = at<Handles>(state, 'a')
    for (const key of ['x', 'y', 'z']) handles.m.set(key, { key })
    const seen: unknown[] = []
    for (const [key] of handles.m.entries()) {
      seen.push(key)
      remove(handles)
    }
    assert.deepEqual(seen, ['x'])
    assert.equal(state.statistics().rows, 0)
  }
})

test('development mode: what handles give out cannot be changed in place', () => {
  const state = createState(states, { freeze: true })
  const { v, l, m, r, a } = at<Handles>(state, 'k')
  v.set({ deep: [{ n: 1 }] })
  l.add({ n: 1 })
  m.set('x', { n: 1 })
  r.add({ n: 1 })
  const attempts = [
    (): unknown => ((v.get() as { deep: { n: number }[] }).deep[0]!.n = 2),
    (): unknown => (l.get() as unknown[]).push(1),
    (): unknown => ((l.get()[0] as { n: number }).n = 2),
    (): unknown => ((m.get('x') as { n: number }).n = 2),
    (): unknown => (([...m.entries()][0]![1] as { n: number }).n = 2),
    (): unknown => ((r.get() as { n: number }).n = 2),
  ]
  for (const attempt of attempts) assert.throws(attempt, TypeError)
  l.add(2)
  r.add({ n: 4 })
  a.add('x')
  assert.deepEqual([l.get(), r.get(), a.get()], [[{ n: 1 }, 2], { n: 5 }, 'x'])
})

test('timers fire in order of time, once each, under their key, as many as asked for', () => {
  const state = createState(states)
  const fired: [unknown, number][] = []
  const fire = (key: unknown, hash: number, time: number): void => {
    assert.equal(state.key, key)
    assert.equal(hash, hashKey(key))
    fired.push([key, time])
    // Due at once, so it fires in the same sweep.
    if (time === 30) state.timers.register('event', 20)
  }
  for (const [key, time] of [
    ['a', 30],
    ['b', 10],
    ['a', 10.5],
    ['a', 50],
    ['b', 40],
    ['b', 10],
  ] as const) {
    at(state, key)
    state.timers.register('event', time)
  }
  at(state, 'b')
  state.timers.delete('event', 40)
  state.timers.delete('event', 41)
  state.timers.delete('processing', 10)
  assert.equal(state.timers.advance('event', 45, fire, 2), true)
  assert.deepEqual(fired, [
    ['b', 10],
    ['a', 10.5],
  ])
  assert.equal(state.timers.advance('event', 45, fire, 10), false)
  assert.deepEqual(fired.slice(2), [
    ['a', 30],
    ['a', 20],
  ])
  assert.equal(state.timers.next('event'), 50)
  assert.equal(state.timers.next('processing'), undefined)
  for (const bad of [Number.NaN, Infinity]) assert.throws(() => state.timers.register('event', bad), { code: 'TIMER_TIME_INVALID' })
})

test('invocations: each sees its own writes, others nothing, and only a commit applies', () => {
  const state = createState(states)
  at<Handles>(state, 'a').v.set({ n: 1 })
  const { m } = at<Handles>(state, 'a')
  m.set('x', { n: 1 })
  m.set('y', 1)
  const [a, b] = ['a', 'b'].map((key) => state.invocation(key, hashKey(key)))
  const own = a!.handles as unknown as Handles
  ;(own.v.get() as { n: number }).n = 2
  ;(own.m.get('x') as { n: number }).n = 2
  own.m.delete('y')
  own.m.set('z', 3)
  own.l.add(1)
  a!.timers.register('event', 5)
  ;(b!.handles as unknown as Handles).v.set('b')
  assert.deepEqual(
    [...own.m.entries()],
    [
      ['x', { n: 2 }],
      ['z', 3],
    ],
  )
  assert.equal(own.m.size, 2)
  at<Handles>(state, 'c').v.set('direct')
  assert.deepEqual(at<Handles>(state, 'a').v.get(), { n: 1 })
  assert.deepEqual(
    [...m.entries()],
    [
      ['x', { n: 1 }],
      ['y', 1],
    ],
  )
  assert.equal(state.timers.next('event'), undefined)
  at<Handles>(state, 'c')
  a!.commit()
  b!.discard()
  assert.equal(state.key, 'c')
  assert.deepEqual(at<Handles>(state, 'a').v.get(), { n: 2 })
  assert.deepEqual(
    [...m.entries()],
    [
      ['x', { n: 2 }],
      ['z', 3],
    ],
  )
  assert.deepEqual(at<Handles>(state, 'a').l.get(), [1])
  assert.equal(state.timers.next('event'), 5)
  assert.equal(at<Handles>(state, 'b').v.get(), undefined)
  assert.throws(() => own.m.size, { code: 'STATE_INVOCATION_OVER' })
  assert.throws(() => a!.timers.register('event', 1), { code: 'STATE_INVOCATION_OVER' })
})

class Amount {
  readonly cents: number
  constructor(cents: number) {
    this.cents = cents
  }
}

const amounts: StateOptions<Amount> = {
  codec: { encode: ({ cents }) => Uint8Array.of(cents), decode: ([cents]) => new Amount(cents!) },
}

for (const [how, options] of Object.entries({ 'for ever': amounts, 'for a while': { ...amounts, ttl: 1_000 } })) {
  test(`a list whose elements have a codec and live ${how} is read and added to in an invocation`, () => {
    const state = createState({ l: list<Amount>(options) }, { clock: { now: () => 0 } })
    const of = ({ handles }: { readonly handles: unknown }): ListState<Amount> => (handles as { readonly l: ListState<Amount> }).l
    at(state, 'k')
    of(state).add(new Amount(1))
    const invocation = state.invocation('k', hashKey('k'))
    of(invocation).add(new Amount(2))
    assert.deepEqual(of(invocation).get(), [new Amount(1), new Amount(2)])
    of(invocation).add(new Amount(3))
    invocation.commit()
    at(state, 'k')
    assert.deepEqual(of(state).get(), [new Amount(1), new Amount(2), new Amount(3)])
  })
}

for (const [how, ttl] of Object.entries({ 'for ever': {}, 'for a while': { ttl: 1_000 } })) {
  test(`what an invocation adds to a list whose elements live ${how} is added without a look at the others`, () => {
    let copied = 0
    const codec = { encode: ({ cents }: Amount) => (copied++, Uint8Array.of(cents)), decode: ([cents]: Uint8Array) => new Amount(cents!) }
    const state = createState({ l: list<Amount>({ codec, ...ttl }) }, { clock: { now: () => 0 } })
    for (let n = 0; n < 10; n++) {
      const invocation = state.invocation('k', hashKey('k'))
      const { l } = invocation.handles as { readonly l: ListState<Amount> }
      l.addAll([new Amount(n), new Amount(n)])
      invocation.commit()
    }
    assert.equal(copied, 0)
    const { l } = state.invocation('k', hashKey('k')).handles as { readonly l: ListState<Amount> }
    l.add(new Amount(10))
    assert.deepEqual(
      l.get().map(({ cents }) => cents),
      [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10],
    )
    assert.equal(copied, 20)
  })
}

test('an invocation that commits leaves no key the current one where none was', () => {
  const state = createState({ n: value<number>() })
  const { n } = state.handles as unknown as { n: ValueState<number> }
  const invocation = state.invocation('a', hashKey('a'))
  ;(invocation.handles as unknown as { n: ValueState<number> }).n.set(1)
  state.release()
  invocation.commit()
  assert.throws(() => n.set(2), { code: 'CONTEXT_REVOKED' })
  assert.equal(at<{ n: ValueState<number> }>(state, 'a').n.get(), 1)
})

test('broadcast state: written by one side, read by both, restored from a copy', () => {
  const declared = { rules: map<string, { limit: number }>(), version: value<number>(), seen: list<number>() }
  type Broadcast = { rules: MapState<string, { limit: number }>; version: ValueState<number>; seen: ListState<number> }
  const state = new BroadcastState({ operator: 'test', states: declared })
  const handles = state.handles as unknown as Broadcast
  assert.equal((state.readonlyHandles as unknown as Broadcast).rules.size, 0)
  handles.rules.set('a', { limit: 1 })
  handles.version.set(7)
  handles.seen.add(1)
  const copy = new BroadcastState({ operator: 'test', states: declared })
  copy.restore(state.snapshot())
  handles.rules.set('b', { limit: 2 })
  handles.version.clear()
  const reading = copy.readonlyHandles as unknown as Broadcast
  assert.deepEqual([...reading.rules.entries()], [['a', { limit: 1 }]])
  assert.deepEqual([reading.rules.get('a'), reading.rules.has('b'), reading.rules.size], [{ limit: 1 }, false, 1])
  assert.equal(reading.version.get(), 7)
  assert.deepEqual(reading.seen.get(), [1])
  assert.throws(() => reading.version.set(8), { code: 'STATE_READ_ONLY' })
  ;(copy.handles as unknown as Broadcast).version.set(9)
  assert.equal(reading.version.get(), 9)
  assert.throws(() => new BroadcastState({ operator: 'test', states: declared }).restore(new Uint8Array(3)), { code: 'STATE_CORRUPT' })
  const empty = new BroadcastState({ operator: 'test', states: declared })
  empty.restore(new BroadcastState({ operator: 'test', states: declared }).snapshot())
  assert.equal((empty.handles as unknown as Broadcast).rules.size, 0)
})

test('a disposed state holds nothing', () => {
  const state = createState(states)
  at<Handles>(state, 1).v.set(1)
  state.timers.register('event', 1)
  const writer = state.beginSnapshot(1, { full: 'all' })
  state.dispose()
  assert.ok(writer.done)
  assert.deepEqual(state.statistics(), { rows: 0, eventTimers: 0, processingTimers: 0, estimatedBytes: 0 })
})
