import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { cloneValue } from './clone.ts'
import { detach } from './detach.ts'
import { freezeDeep } from './freeze.ts'

const values = fc.anything({
  withMap: true,
  withSet: true,
  withDate: true,
  withBigInt: true,
  withTypedArray: true,
  withNullPrototype: true,
  withSparseArray: true,
})

test('detaching changes nothing that can be seen, frozen or not', () => {
  fc.assert(
    fc.property(values, fc.boolean(), (value, frozen) => {
      const expected = cloneValue(value)
      if (frozen) freezeDeep(value)
      assert.deepEqual(detach(value), expected)
    }),
    { numRuns: 200 },
  )
})

test('an object keeps its identity; a frozen one with strings to copy does not', () => {
  const plain = { text: 'a text of more than twelve', inner: { list: ['another text that is long'] } }
  assert.equal(detach(plain), plain)
  const { inner } = plain
  freezeDeep(plain)
  const copy = detach(plain) as typeof plain
  assert.deepEqual(copy, plain)
  assert.notEqual(copy.inner, inner)
  assert.ok(Object.isFrozen(plain))
})

test('an array that is nearly all holes costs what its elements do, and keeps them', () => {
  const sparse: unknown[] = []
  sparse[5] = { text: 'a text of more than twelve' }
  sparse[4_000_000_000] = 'another text that is long'
  assert.equal(detach(sparse), sparse)
  for (const copy of [cloneValue(sparse), detach(Object.freeze(cloneValue(sparse)))] as unknown[][]) {
    assert.equal(copy.length, sparse.length)
    assert.deepEqual(Object.entries(copy), Object.entries(sparse))
  }
})

test('hostile field names survive', () => {
  const hostile = JSON.parse(
    '{"__proto__": "a text of more than twelve", "constructor": {"__proto__": ["a text of more than twelve"]}}',
  ) as object
  const expected = JSON.stringify(hostile)
  assert.equal(JSON.stringify(detach(hostile)), expected)
  assert.equal(JSON.stringify(detach(freezeDeep(hostile))), expected)
  assert.equal(JSON.stringify(cloneValue(hostile)), expected)
})

test('maps and sets keep their order and identity', () => {
  const long = (n: number): string => `a key of more than twelve ${n}`
  const map = new Map<unknown, unknown>([
    [long(1), 1],
    ['short', long(2)],
    [long(3), { text: long(4) }],
  ])
  const expected = [...map.keys()]
  assert.equal(detach(map), map)
  assert.deepEqual([...map.keys()], expected)
  const set = new Set([long(1), 'short', long(2)])
  assert.equal(detach(set), set)
  assert.deepEqual([...set], [long(1), 'short', long(2)])
})

test('what is too deep or cyclic ends', () => {
  const cyclic: { text: string; self?: unknown } = { text: 'a text of more than twelve' }
  cyclic.self = cyclic
  assert.equal(detach(cyclic), cyclic)
  let shared: object = {}
  for (let depth = 0; depth < 60; depth++) shared = { a: shared, b: shared, text: 'a text of more than twelve' }
  assert.equal(detach(shared), shared)
  assert.equal(cloneValue(cyclic).text, cyclic.text)
  const copy = cloneValue(shared) as { a: object; b: object }
  assert.equal(copy.a, copy.b)
  assert.notEqual(copy, shared)
})

test('objects of a shape met often are treated as all others', () => {
  const long = 'a text of more than twelve'
  const make = (n: number): Record<string, unknown> => ({
    n,
    text: long.slice(1),
    inner: { list: [long.slice(2)], frozen: Object.freeze({ t: long }) },
  })
  for (let n = 0; n < 64; n++) {
    const value = make(n)
    assert.equal(detach(value), value)
    assert.deepEqual(value, make(n))
    const frozen = freezeDeep(make(n))
    assert.notEqual(detach(frozen), frozen)
    assert.deepEqual(detach(frozen), make(n))
  }
  const more = { ...make(1), more: long.slice(3) }
  assert.deepEqual(detach(more), { ...make(1), more: long.slice(3) })
  const { n: _, ...fewer } = make(1)
  assert.deepEqual(detach(fewer), { text: make(1)['text'], inner: make(1)['inner'] })
})
