// Timers of rows that are not in memory, as such: their keys, their order, what is left over of them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { value, type ValueState } from '../../api/state.ts'
import type { Key } from '../../api/state.ts'
import { hashKey } from '../../keys/hash.ts'
import { modelProperty } from '../fixtures/keyed-state-model.ts'
import { cachedOver, cachedTimers } from '../fixtures/model-backends.ts'
import { step, type Step } from '../fixtures/model-steps.ts'
import { schemaOf } from '../rows/schema.ts'
import { CachedState } from './cached-state.ts'
import { MemoryStores } from './memory-stores.ts'
import type { OrderedStore } from './ordered-store.ts'
import { timerHashIn, timerIn, TimerKeyWriter } from './timer-keys.ts'
import type { TimerPageLimits } from './timer-page.ts'

const few: TimerPageLimits = { readAtOnce: 2, lookedAtOnce: 3, timersMax: 3 }
const states = { count: value<number>() }
const schema = schemaOf('test', states)
const keyGroups = { first: 0, end: 4 }

interface Made {
  readonly state: CachedState
  /** The store under it, once there is one. */
  readonly below: () => OrderedStore
}

function create(timers: TimerPageLimits | undefined, cacheBytes = 1): Made {
  let below: OrderedStore | undefined
  const open = (): OrderedStore => (below = new MemoryStores().create())
  const more = timers === undefined ? {} : { timers }
  const state = new CachedState({ operator: 'test', states, maxParallelism: 4, keyGroups }, { cacheBytes, open, ...more })
  return { state, below: () => below! }
}

function use(state: CachedState, key: Key): ValueState<number> {
  state.use(key, hashKey(key))
  return (state.handles as unknown as { readonly count: ValueState<number> }).count
}

const fireAll = (state: CachedState, time: number): string[] => {
  const fired: string[] = []
  while (state.timers.advance('event', time, (key, _, due) => fired.push(`${String(key)} ${due}`), 7));
  return fired
}

void test('keys of timers lie in the order in which timers fire, and say what they are of', () => {
  const writer = new TimerKeyWriter(schema)
  const time = fc.oneof(
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (n === 0 ? 0 : n)),
  )
  const timer = fc.record({ time, hash: fc.integer(), key: fc.oneof(fc.string(), fc.integer(), fc.bigInt()) })
  fc.assert(
    fc.property(timer, timer, (a, b) => {
      const [first, second] = [a, b].map(({ time: due, hash, key }) => new Uint8Array(writer.write('event', due, hash, key)))
      assert.deepEqual(timerIn(first!), { ...a, bytes: first })
      assert.equal(timerHashIn(second!), b.hash)
      const order = a.time - b.time || a.hash - b.hash
      if (order !== 0) assert.equal(Math.sign(Buffer.compare(first!, second!)), Math.sign(order))
    }),
  )
})

void test('each timer fires once, though rows turn out to be larger than was thought while they do, and make room', () => {
  const texts = { text: value<string>() }
  for (let keys = 2_000; keys < 2_200; keys += 20) {
    const stores = new MemoryStores()
    const options = { cacheBytes: 1_000_000, open: () => stores.create() }
    const state = new CachedState({ operator: 'test', states: texts, maxParallelism: 4, keyGroups }, options)
    const handles = state.handles as unknown as { readonly text: ValueState<string> }
    const expected: string[] = []
    for (let key = 0; key < keys; key++) {
      state.use(key, hashKey(key))
      handles.text.set('')
      const time = (key * 7919) % 8009
      state.timers.register('event', time)
      expected.push(`${key} ${time}`)
    }
    assert.equal(state.rowsBelow, 0)
    const fired: string[] = []
    const fire = (key: Key, _: number, due: number): void => {
      fired.push(`${String(key)} ${due}`)
      handles.text.set('x'.repeat(20_000))
    }
    while (state.timers.advance('event', 8_009, fire, 7));
    assert.ok(state.rowsBelow > 0)
    assert.deepEqual(fired.toSorted(), expected.toSorted())
    assert.equal(state.timers.next('event'), undefined)
  }
})

void test('with many timers that come and go, state and every checkpoint are what the model says', async () => {
  const key = fc.nat({ max: 11 })
  const kind = fc.constantFrom('event' as const, 'processing' as const)
  const timers = fc.oneof(
    { weight: 4, arbitrary: fc.record({ op: fc.constant('register' as const), key, n: key, kind }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('unregister' as const), key, n: key, kind }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('fire' as const), n: key, kind, limit: fc.integer({ min: 1, max: 4 }) }) },
  ) as fc.Arbitrary<Step>
  const steps = fc.oneof({ weight: 3, arbitrary: timers }, { weight: 2, arbitrary: step })
  // Whatever is drawn then: rows with timers that are left alone until they are written below, and a checkpoint with them.
  const checkpoint: readonly Step[] = [{ op: 'begin', full: 'share' }, { op: 'finish' }]
  const first: readonly Step[] = [
    { op: 'register', key: 3, n: 5, kind: 'event' },
    { op: 'register', key: 4, n: 7, kind: 'processing' },
    ...Array.from({ length: 8 }, () => checkpoint).flat(),
    { op: 'settle', rows: 100 },
    ...checkpoint,
  ]
  for (const backend of [cachedTimers, cachedOver(new MemoryStores(), { timers: few, cacheBytes: 600 })]) {
    let runs = 0
    let apart = 0
    const property = modelProperty(
      backend,
      ({ stored }) => {
        runs++
        // A version that says that timers are keys of their own.
        if ([...stored.values()].some(({ kept }) => kept.some(({ checkpoint, header }) => checkpoint !== undefined && header[2]! > 2)))
          apart++
      },
      steps,
      first,
    )
    await fc.assert(property, { numRuns: 20 })
    assert.equal(apart, runs)
  }
})

void test('rows with timers leave memory, and come back when these are due, in order', () => {
  const { state } = create(undefined, 10_000)
  for (let key = 0; key < 900; key++) {
    use(state, key).set(key)
    state.timers.register('event', 10_000 - key)
    if (key % 3 === 0) state.timers.register('event', 20_000 + key)
  }
  assert.ok(state.rowsBelow > 600, String(state.rowsBelow))
  assert.equal(state.timers.next('event'), 9101)
  assert.equal(state.statistics().eventTimers, 1200)
  assert.deepEqual(
    fireAll(state, 10_000),
    Array.from({ length: 900 }, (_, n) => `${899 - n} ${9101 + n}`),
  )
  for (let key = 0; key < 900; key++) assert.equal(use(state, key).get(), key)
  assert.equal(fireAll(state, 1e9).length, 300)
  assert.deepEqual([state.timers.next('event'), state.statistics().eventTimers], [undefined, 0])
})

void test('rows with timers that are not touched are no part of later checkpoints', () => {
  const { state } = create(undefined, 1 << 20)
  for (let key = 0; key < 100; key++) {
    use(state, key).set(key)
    state.timers.register('processing', key)
  }
  for (let id = 1; id < 10; id++) {
    state.beginSnapshot(id, { full: 'share' }).finish()
    while (!state.settle(10));
  }
  assert.equal(state.rowsBelow, 100)
  assert.deepEqual(
    state
      .beginSnapshot(10, { full: 'share' })
      .finish()
      .segments.filter(({ rows }) => rows > 0),
    [],
  )
})

void test('a timer that goes while nothing may be written leaves a key, which fires nothing, and goes', async () => {
  const { state, below } = create(few)
  for (let key = 0; key < 20; key++) {
    use(state, key).set(key)
    state.timers.register('event', 100 + key)
  }
  const checkpoint = state.checkpointBelow()
  use(state, 5)
  state.timers.delete('event', 105)
  use(state, 6)
  state.timers.delete('event', 106)
  await checkpoint
  use(state, 6)
  state.timers.register('event', 106)
  for (let key = 0; key < 20; key++) use(state, key)
  assert.equal(state.statistics().eventTimers, 19)
  assert.deepEqual(
    fireAll(state, 1_000),
    Array.from({ length: 20 }, (_, n) => `${n} ${100 + n}`).filter((text) => text !== '5 105'),
  )
  for (let key = 0; key < 20; key++) use(state, key)
  const scan = below().scan(Uint8Array.of(0x65), Uint8Array.of(0x66))
  assert.equal(scan.next(), false)
})

void test('a database with keys of timers has a version of its own, and the columns it had', () => {
  const { state } = create(undefined)
  const plain = state.header
  for (let key = 0; key < 4; key++) {
    use(state, key).set(key)
    state.timers.register('event', key)
  }
  const { header } = state
  assert.deepEqual([plain[2], header[2]], [1, 3])
  const other = create(undefined).state
  assert.deepEqual([other.hasColumns(plain), other.hasColumns(header)], [true, true])
  const options = { operator: 'test', states: { total: value<number>() }, maxParallelism: 4, keyGroups }
  const renamed = new CachedState(options, { cacheBytes: 1, open: () => new MemoryStores().create() })
  assert.deepEqual([renamed.hasColumns(plain), renamed.hasColumns(header)], [false, false])
})

void test('a key that is left over in a checkpoint fires nothing', () => {
  const { state, below } = create(few)
  for (let key = 0; key < 10; key++) {
    use(state, key).set(key)
    state.timers.register('event', 100 + key)
  }
  const writer = new TimerKeyWriter(schema)
  // Of a row that is there, and of one that is not.
  for (const key of [3, 77]) below().put(writer.write('event', 50, hashKey(key), key), new Uint8Array(0))
  const restored = create(few)
  restored.state.adopt(below(), state.rowsBelow)
  assert.equal(fireAll(restored.state, 99).length, 0)
  assert.equal(restored.state.timers.next('event'), 100)
  const scan = below().scan(Uint8Array.of(0x65), Uint8Array.of(0x66))
  assert.ok(scan.next())
  assert.ok(timerIn(new Uint8Array(scan.key)).time >= 100)
})
