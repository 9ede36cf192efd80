import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  list,
  map,
  value,
  type ListState,
  type MapState,
  type StandardSchema,
  type StateCodec,
  type StateOptions,
  type ValueState,
} from '../api/state.ts'
import { hashKey } from '../keys/hash.ts'
import { at, createState, finish, restore, type Written } from './fixtures/operator-state.ts'

interface Order {
  id: string
  total: number
  currency: string
}

interface Handles<T> {
  v: ValueState<T>
  l: ListState<T>
  m: MapState<string, T>
}

const one = { maxParallelism: 1 }

function states<T>(options: StateOptions<T>): Parameters<typeof createState>[0] {
  return { v: value(options), l: list(options), m: map<string, T>(options) }
}

function stored<T>(options: StateOptions<T>, given: T): Written {
  const state = createState(states(options), one)
  const handles = at<Handles<T>>(state, 'k')
  handles.v.set(given)
  handles.l.set([given])
  handles.m.set('a', given)
  return finish(state.beginSnapshot(1, { full: 'all' }))
}

function restored<T>(options: StateOptions<T>, written: Written): [T | undefined, readonly T[], T | undefined] {
  const handles = at<Handles<T>>(restore(createState(states(options), one), written), 'k')
  return [handles.v.get(), handles.l.get(), handles.m.get('a')]
}

/** Orders, with the currency that they had when there was only one. */
const orders: StandardSchema<Order> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (given) => {
      const { id, total, currency = 'EUR' } = given as Partial<Order>
      if (typeof id !== 'string') return { issues: [{ message: 'is no text', path: ['id'] }] }
      if (typeof total !== 'number') return { issues: [{ message: 'is no number', path: [{ key: 'total' }] }] }
      return { value: { id, total, currency } }
    },
  },
}

test('a schema fills what older values lack, with and without a raised version', () => {
  const before = stored<unknown>({}, { id: 'a', total: 1 })
  const today = { id: 'a', total: 1, currency: 'EUR' }
  assert.deepEqual(restored({ schema: orders }, before), [today, [today], today])
  assert.deepEqual(restored({ schema: orders, version: 2 }, before), [today, [today], today])
})

test('what a schema does not accept is refused with operator, state, both versions and what to write', () => {
  const before = stored<unknown>({}, { id: 'a', total: '1' })
  assert.throws(() => restored({ schema: orders }, before), {
    code: 'STATE_SCHEMA_FAILED',
    message: /"v" of test, key 'k', stored in version 1 and declared in version 1, .*total: is no number.*declare version 2 with migrate/,
  })
  assert.throws(() => restored({ schema: orders, version: 3 }, before), {
    message: /stored in version 1 and declared in version 3.*declare version 4/,
  })
})

test('what is refused is said with its key, and of a map with its entry', () => {
  const state = createState(states<unknown>({}), one)
  for (const key of ['a', 'b']) {
    const { v, l, m } = at<Handles<unknown>>(state, key)
    v.set(key)
    l.set(['a', key])
    for (const entry of ['a', key]) m.set(entry, entry)
  }
  const written = finish(state.beginSnapshot(1, { full: 'all' }))
  const strict: StandardSchema<unknown> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (given) => (given === 'b' ? { issues: [{ message: 'is b' }] } : { value: given }),
    },
  }
  const migrate = (old: unknown): unknown => (old === 'b' ? assert.fail('is b') : old)
  const plain = states<unknown>({})
  for (const options of [{ schema: strict }, { version: 2, migrate }]) {
    for (const [name, place] of [
      ['v', "key 'b'"],
      ['l', "key 'b'"],
      ['m', "key 'b', entry 'b'"],
    ] as const) {
      const declared = { ...plain, [name]: states<unknown>(options)[name]! }
      assert.throws(() => restore(createState(declared, one), written), {
        message: new RegExp(`"${name}" of test, ${place}(, stored| failed).*is b`),
      })
    }
  }
})

test('a schema sees what migrate answers', () => {
  const before = stored<unknown>({}, { id: 'a', cents: 100 })
  const migrate = (old: unknown): Order => ({ id: (old as Order).id, total: (old as { cents: number }).cents / 100, currency: 'EUR' })
  const today = { id: 'a', total: 1, currency: 'EUR' }
  assert.deepEqual(restored({ schema: orders, version: 2, migrate }, before), [today, [today], today])
  assert.throws(() => restored({ schema: orders, version: 2, migrate: () => ({ id: 'a' }) as Order }, before), {
    code: 'STATE_SCHEMA_FAILED',
  })
})

test('a schema that throws is said to, with the key', () => {
  assert.throws(() => restored({ schema: orders }, stored<unknown>({}, null)), {
    code: 'STATE_SCHEMA_FAILED',
    message: /"v" of test, key 'k', .* asks for: it threw Cannot destructure property 'id'/,
  })
})

test('a schema that would tell later is refused, and nobody else hears what it fails with then', async () => {
  for (const validate of [async (value: unknown) => ({ value }), () => Promise.reject(new Error('the server is away'))]) {
    const later: StandardSchema<unknown> = { '~standard': { version: 1, vendor: 'test', validate } }
    assert.throws(() => restored({ schema: later }, stored<unknown>({}, 1)), { code: 'STATE_SCHEMA_ASYNC' })
  }
  // A rejection that nobody has taken would fail the test.
  await new Promise((resolve) => void setImmediate(resolve))
})

test('a raised version with neither migrate, schema nor codec is refused, and the message says what to write', () => {
  assert.throws(() => restored({ version: 2 }, stored<unknown>({}, 1)), {
    code: 'STATE_MIGRATION_MISSING',
    message: /"v" of test is stored in version 1 and declared in version 2: give it migrate: \(old, fromVersion\)/,
  })
})

test('after a migration the next checkpoint is a full one, so that migrate is not needed for ever', () => {
  const state = restore(createState(states<number>({ version: 2, migrate: (old) => (old as number) + 1 }), one), stored<number>({}, 1))
  state.resumeFrom(1, new Map([[0, 1]]))
  const next = finish(state.beginSnapshot(2, { full: 'share' }))
  assert.equal(next.index.baseCheckpointId, undefined)
  assert.deepEqual(restored<number>({ version: 2 }, next), [2, [2], 2])
})

test('after a schema has made something else of what is stored the next checkpoint is a full one, so that its defaults are not needed for ever', () => {
  const strict: StandardSchema<Order> = {
    '~standard': {
      ...orders['~standard'],
      validate: (given) => ('currency' in (given as Order) ? { value: given } : { issues: [{ message: 'has no currency' }] }),
    },
  }
  const inPlace: StandardSchema<Order> = {
    '~standard': { ...orders['~standard'], validate: (given) => ({ value: Object.assign(given as Order, { currency: 'EUR' }) }) },
  }
  const text = {
    encode: (given: unknown) => Buffer.from(JSON.stringify(given)),
    decode: (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as Order,
  }
  const old = { id: 'a', total: 1 }
  const today = { ...old, currency: 'EUR' }
  for (const codec of [undefined, text]) {
    const more = codec === undefined ? {} : { codec }
    for (const schema of [orders, inPlace]) {
      const state = restore(createState(states<Order>({ schema, ...more }), one), stored<unknown>(more, old))
      state.resumeFrom(1, new Map([[0, 1]]))
      const next = finish(state.beginSnapshot(2, { full: 'share' }))
      assert.equal(next.index.baseCheckpointId, undefined)
      assert.deepEqual(restored<Order>({ schema: strict, ...more }, next), [today, [today], today])
      assert.deepEqual(restored<Order>(more, next), [today, [today], today])
      // From then on it takes everything as it is.
      const again = restore(createState(states<Order>({ schema, ...more }), one), next)
      again.resumeFrom(2, new Map([[0, 1]]))
      assert.equal(finish(again.beginSnapshot(3, { full: 'share' })).index.baseCheckpointId, 2)
    }
  }
})

test('a value that a later change has replaced or removed is none that has to pass, and one that is still there is', () => {
  const bad = { id: 'a' } as Order
  const good = { id: 'a', total: 1, currency: 'EUR' }
  const failing = (old: unknown): Order => ('total' in (old as Order) ? (old as Order) : assert.fail('has no total'))
  const changes: ((handles: Handles<Order>) => void)[] = [
    ({ v, l, m }) => (v.set(good), l.set([good]), m.set('a', good)),
    ({ v, l, m }) => (v.clear(), l.clear(), m.clear()),
    ({ v, l, m }) => (v.clear(), l.set([good]), m.delete('a'), m.set('b', good)),
  ]
  for (const change of changes) {
    const state = createState(states<Order>({}), one)
    const first = at<Handles<Order>>(state, 'k')
    first.v.set(bad)
    first.l.set([good, bad])
    first.m.set('a', bad)
    at<Handles<Order>>(state, 'other').v.set(good)
    const written = finish(state.beginSnapshot(1, { full: 'all' }))
    state.checkpointCompleted(1)
    change(at<Handles<Order>>(state, 'k'))
    const delta = finish(state.beginSnapshot(2, { full: 'share' }))
    assert.equal(delta.index.baseCheckpointId, 1)
    for (const options of [{ schema: orders }, { version: 2, migrate: failing }] as const) {
      const handles = at<Handles<Order>>(restore(createState(states<Order>(options), one), written, delta), 'k')
      const { v, l, m } = at<Handles<Order>>(state, 'k')
      const expected = [v.get(), [...l.get()], [...m.entries()]]
      assert.deepEqual([handles.v.get(), [...handles.l.get()], [...handles.m.entries()]], expected)
      for (const [name, remains] of [
        ['v', ({ l, m }) => (l.clear(), m.clear())],
        ['l', ({ v, m }) => (v.clear(), m.clear())],
        ['m', ({ v, l }) => (v.clear(), l.clear())],
      ] as [string, (handles: Handles<Order>) => void][]) {
        const before = restore(createState(states<Order>({}), one), written)
        before.resumeFrom(1, new Map([[0, 1]]))
        remains(at<Handles<Order>>(before, 'k'))
        const next = finish(before.beginSnapshot(2, { full: 'share' }))
        assert.throws(() => restore(createState(states<Order>(options), one), written, next), {
          code: 'schema' in options ? 'STATE_SCHEMA_FAILED' : 'STATE_MIGRATION_FAILED',
          message: new RegExp(`"${name}" of test`),
        })
      }
    }
  }
})

class Money {
  readonly cents: number
  constructor(cents: number) {
    this.cents = cents
  }
}

const money: StateCodec<Money> = {
  encode: ({ cents }) => Buffer.from(String(cents)),
  decode: (bytes, fromVersion) => new Money(Number(Buffer.from(bytes).toString()) * (fromVersion === 1 ? 1 : 100)),
}

test('a codec keeps what the value format cannot, and is told the version it wrote', () => {
  const before = stored<Money>({ codec: money }, new Money(150))
  for (const [version, cents] of [
    [1, 150],
    [2, 150],
  ] as const) {
    const [v, [l], m] = restored<Money>({ codec: money, version }, before)
    for (const each of [v, l, m]) {
      assert.ok(each instanceof Money)
      assert.equal(each.cents, cents)
    }
  }
})

test('a codec makes the copies of invocations: class instances stay what they are, and are kept apart', () => {
  const state = createState(states<Money>({ codec: { ...money, decode: (bytes) => money.decode(bytes, 1) } }), one)
  const handles = at<Handles<Money>>(state, 'k')
  const given = new Money(5)
  handles.v.set(given)
  handles.m.set('a', given)
  const invocation = state.invocation('k', hashKey('k'))
  const own = invocation.handles as unknown as Handles<Money>
  for (const copy of [own.v.get(), own.m.get('a')]) {
    assert.ok(copy instanceof Money && copy !== given)
    assert.equal(copy.cents, 5)
  }
  invocation.discard()
})

test('a codec may be added to what is stored, and is missed where it is gone', () => {
  const plain = stored<unknown>({}, 7)
  assert.deepEqual(restored<Money>({ codec: money }, plain), [7, [7], 7])
  assert.throws(() => restored({}, stored<Money>({ codec: money }, new Money(1))), {
    code: 'STATE_CODEC_MISSING',
    message: /"v" of test was stored by a codec, in version 1, .* declared without one in version 1: declare the codec/,
  })
})

test('a codec that fails is named: at a restore, and in a snapshot', () => {
  const failing = {
    ...money,
    decode: () => {
      throw new Error('not mine')
    },
  }
  const before = stored<Money>({ codec: money }, new Money(1))
  assert.throws(() => restored<Money>({ codec: failing, version: 2 }, before), {
    code: 'STATE_CODEC_FAILED',
    message: /"v" of test, key 'k', declared in version 2, cannot decode what was stored in version 1: not mine/,
  })
  for (const encode of [() => 'text' as unknown as Uint8Array, (): never => assert.fail('no bytes')]) {
    const state = createState({ v: value<Money>({ codec: { ...money, encode } }) }, one)
    at<Handles<Money>>(state, 'k').v.set(new Money(1))
    assert.throws(() => state.beginSnapshot(1, { full: 'all' }).finish(), { code: 'STATE_UNENCODABLE', message: /"v" of test/ })
  }
})

test('a schema or codec that is none is refused by name', () => {
  for (const options of [{ schema: {} }, { codec: { encode: () => new Uint8Array() } }] as never[]) {
    assert.throws(() => createState({ v: value(options) }, one), { code: 'STATE_DECLARATION_INVALID', message: /"v" of test/ })
  }
})
