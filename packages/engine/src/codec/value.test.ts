import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInNewContext, runInThisContext } from 'node:vm'
import { decodeValue, encodeValue, ValueReader, ValueWriter } from './value.ts'

const again = <T>(value: T): T => decodeValue(encodeValue(value)) as T
const refuses = (value: unknown, message: RegExp, code = 'VALUE_UNSUPPORTED'): void => {
  assert.throws(
    () => encodeValue(value, 'order'),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, code)
      assert.match(error.message, message)
      return true
    },
  )
}

test('an object that occurs twice, or inside itself, arrives as one', () => {
  const shared = { n: 1 }
  const cycle: { self?: unknown; list: unknown[]; map: Map<unknown, unknown> } = { list: [shared, shared], map: new Map() }
  cycle.self = cycle
  cycle.map.set(cycle, cycle.map)
  const back = again(cycle)
  assert.equal(back.self, back)
  assert.equal(back.list[0], back.list[1])
  assert.equal(back.map.get(back), back.map)
})

test('references are right beyond the number of objects that are searched one by one', () => {
  const parts = Array.from({ length: 40 }, (_, n) => ({ n }))
  const back = again([...parts, ...parts])
  for (let i = 0; i < 40; i++) {
    assert.equal(back[i], back[i + 40])
    assert.equal(back[i]!.n, i)
  }
})

test('undefined and missing, holes and undefined, -0 and 0 are told apart', () => {
  const list: unknown[] = [undefined]
  list[2] = -0
  list[3] = 0
  const back = again({ there: undefined, list })
  assert.ok('there' in back)
  assert.ok(0 in back.list && !(1 in back.list))
  assert.ok(Object.is(back.list[2], -0) && Object.is(back.list[3], 0))
})

test('a field named __proto__ is a field', () => {
  const back = again(JSON.parse('{"a":1,"__proto__":{"polluted":true}}') as { polluted?: boolean })
  assert.deepEqual(Object.keys(back), ['a', '__proto__'])
  assert.equal(Object.getPrototypeOf(back), Object.prototype)
  assert.equal(back.polluted, undefined)
})

test('an array of a large length and few elements takes little memory to read', () => {
  const sparse: number[] = []
  sparse[4_000_000_000] = 1
  const back = again(sparse)
  assert.equal(back.length, 4_000_000_001)
  assert.deepEqual(Object.keys(back), ['4000000000'])
})

test('errors keep name, message, stack, cause and fields of their own', () => {
  const error = Object.assign(new RangeError('too far', { cause: new Error('because') }), { code: 'E_FAR' })
  const back = again(error)
  assert.ok(back instanceof RangeError)
  assert.equal(back.stack, error.stack)
  assert.equal(back.message, 'too far')
  assert.equal((back.cause as Error).message, 'because')
  assert.deepEqual(Object.keys(back), ['code'])
  const all = again(new AggregateError([new TypeError('a')], 'both'))
  assert.ok(all instanceof AggregateError && all.errors[0] instanceof TypeError)
})

test('a view travels without the rest of its memory', () => {
  const back = again(new Uint16Array(new ArrayBuffer(1_000), 10, 2))
  assert.equal(back.buffer.byteLength, 4)
  assert.ok(Buffer.isBuffer(again(Buffer.from('x'))))
})

test('a regular expression keeps where it stands', () => {
  const regex = /a/g
  regex.lastIndex = 3
  assert.equal(again(regex).lastIndex, 3)
})

test('what cannot be kept is refused with its path', () => {
  class Point {
    readonly x = 1
  }
  refuses({ items: [0, 1, 2, { callback: () => {} }] }, /^order\.items\[3\]\.callback is a function/)
  refuses({ 'no identifier': Symbol('s') }, /^order\["no identifier"\] is a symbol/)
  refuses([new Point()], /^order\[0\] is an instance of Point/)
  refuses({ later: Promise.resolve() }, /^order\.later is a promise/)
  const gone = new ArrayBuffer(8)
  const view = new Uint8Array(gone)
  structuredClone(gone, { transfer: [gone] })
  refuses({ gone }, /^order\.gone is memory that was transferred away/)
  refuses({ view: [view] }, /^order\.view\[0\] is memory that was transferred away/)
  refuses(new Map([['k', new WeakMap()]]), /^order\.get\("k"\) is a WeakMap/)
  refuses(new Map([[() => {}, 1]]), /^order\.keys\(\)\[0\] is a function/)
  refuses(new Set([1, Symbol('s')]), /^order\.values\(\)\[1\] is a symbol/)
  refuses({ p: new Proxy({}, {}) }, /^order\.p is a proxy/)
  refuses({ [Symbol('hidden')]: 1 }, /the symbol Symbol\(hidden\) as a key/)
  refuses(/(?<y>\d)/.exec('7'), /the property "groups" besides/)
  refuses(new (class extends Error {})('x'), /a class of its own/)
  refuses(new (class extends Uint8Array {})(1), /an instance of/)
  refuses({ b: new SharedArrayBuffer(1) }, /an instance of SharedArrayBuffer/)
  refuses({ s: Object('boxed') as unknown }, /an instance of String/)
  refuses(Object.create({ inherited: 1 }), /an instance of Object/)
  refuses(Object.assign(new Date(), { extra: 1 }), /an instance of Date with the property "extra"/)
})

test('what another realm made, as the vm context of a test runner, is as good as what this one made', () => {
  const make = `({ o: { a: [1, , { b: 2 }] }, m: new Map([[1, {}]]), s: new Set(['x']), d: new Date(5), r: /y/g, u: new Uint8Array([7]), e: new RangeError('e'), n: Object.create(null) })`
  const { e, ...back } = again(runInNewContext(make) as { readonly e: Error; readonly [name: string]: unknown })
  const { e: expected, ...own } = runInThisContext(make) as typeof back & { readonly e: Error }
  assert.deepEqual(back, own)
  assert.ok(e instanceof RangeError)
  assert.equal(e.message, expected.message)
  refuses(runInNewContext('new (class Point { x = 1 })()'), /an instance of Point/)
  refuses(runInNewContext('new (class Map { x = 1 })()'), /an instance of Map/)
  refuses(runInNewContext('Object.create({ inherited: 1 })'), /an instance of Object/)
  refuses(runInNewContext('Promise.resolve()'), /an instance of Promise/)
  refuses(runInNewContext('new (class extends Error {})()'), /a class of its own/)
})

test('in strict use accessors and hidden properties are refused too', () => {
  const strict = new ValueWriter({ strict: true })
  assert.throws(() => strict.value({ a: { get b() { return 1 } } }), /value\.a\.b is an accessor/) // oxfmt-ignore
  assert.throws(() => strict.value(Object.defineProperty({}, 'h', { value: 1 })), /value\.h is a property that is not enumerable/)
  const extended = Object.assign(new Uint8Array(2), { extra: 1 })
  assert.throws(() => strict.value({ bytes: extended }), /value\.bytes is an instance of Uint8Array with the property "extra" of its own/)
  assert.doesNotThrow(() => strict.value([new Uint8Array(2), Buffer.from('ab'), new DataView(new ArrayBuffer(2))]))
  strict.reset()
  assert.equal(strict.position, 0)
})

test('too deep a nesting is refused by both sides', () => {
  let deep: unknown[] = []
  for (let i = 0; i < 1_000; i++) deep = [deep]
  refuses(deep, /nested deeper than 1000 levels/, 'VALUE_TOO_DEEP')
  assert.doesNotThrow(() => again(deep[0]))
  let named: unknown = () => {}
  for (let i = 0; i < 900; i++) named = { ['a-field-with-a-long-name']: named }
  assert.throws(
    () => encodeValue(named, 'order'),
    ({ message }: Error) => message.length < 700 && /^order\[.* … .*\] is a function/.test(message),
  )
  const bytes = new Uint8Array(10_000).fill(0xad).fill(1, 1)
  for (let i = 1; i < bytes.length; i += 2) bytes[i] = 0xad
  assert.throws(() => decodeValue(Uint8Array.from([1, ...bytes])), { code: 'VALUE_CORRUPT' })
})

test('a refused value leaves no bytes, and the writer and its numbering go on', () => {
  const writer = new ValueWriter()
  writer.value({ ok: [1] })
  const before = writer.position
  assert.throws(() => writer.value({ a: { b: [[() => {}]] } }))
  assert.equal(writer.position, before)
  const shared = {}
  writer.value([shared, shared])
  const reader = new ValueReader(writer.take())
  reader.value()
  assert.deepEqual(reader.value(), [{}, {}])
})

test('claimed lengths allocate nothing', () => {
  for (const kind of [0xad, 0xaf, 0xb0, 0xb3, 0xaa, 0xa8])
    assert.throws(() => decodeValue(Uint8Array.of(1, kind, 0xff, 0xff, 0xff, 0xff, 0x0f)), { code: 'VALUE_CORRUPT' })
  assert.throws(() => decodeValue(Uint8Array.of(2, 0)), { code: 'VALUE_VERSION_UNKNOWN' })
  assert.throws(() => decodeValue(Uint8Array.of(1, 0, 0)), { code: 'VALUE_CORRUPT' })
})
