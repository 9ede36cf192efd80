import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { hashKey } from './hash.ts'
import { decodeKey, encodeKey } from './key-bytes.ts'
import { canonicalKey, KEY_TUPLE_LENGTH_MAX, sameKey } from './key.ts'

const refused = (code: string, key: unknown): void => {
  assert.throws(() => canonicalKey(key), { code })
  assert.throws(() => encodeKey(key), { code })
  assert.throws(() => hashKey(key), { name: 'MillraceError' })
}

test('what is no key is refused by name', () => {
  refused('KEY_UNDEFINED', undefined)
  for (const bad of [{}, new Date(0), Symbol('a'), () => 1, new Map(), Object.create(null)]) refused('KEY_UNSUPPORTED', bad)
  refused('KEY_TUPLE_EMPTY', [])
  for (const bad of [[undefined], [[1]], [{}], ['a', Symbol('b')]]) refused('KEY_TUPLE_ATOM', bad)
  assert.throws(() => canonicalKey(Array.from({ length: 1 })), { code: 'KEY_TUPLE_ATOM' })
  assert.throws(() => canonicalKey(Array.from({ length: KEY_TUPLE_LENGTH_MAX + 1 }, () => 1)), { code: 'KEY_TUPLE_TOO_LONG' })
})

test('-0 becomes 0; tuples become frozen copies', () => {
  assert.ok(Object.is(canonicalKey(-0), 0))
  const mine = [-0, 'a']
  const key = canonicalKey(mine)
  assert.ok(Object.isFrozen(key))
  mine[1] = 'b'
  assert.deepEqual(key, [0, 'a'])
  assert.ok(Object.is((key as number[])[0], 0))
})

test('different types are different keys', () => {
  const all = [1, 1n, '1', true, [1], ['1'], null, 'null', 'true', 0, 0n, false, '', Number.NaN, 'NaN', [1, 1]]
  for (const [at, a] of all.entries()) for (const [other, b] of all.entries()) assert.equal(sameKey(a, b), at === other)
})

const atom = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('\ud800', 'é'.repeat(30), '日'.repeat(30)),
  fc.double(),
  fc.integer(),
  fc.bigInt(),
  fc.boolean(),
  fc.constant(null),
)
const keys = fc.oneof(atom, fc.array(atom, { minLength: 1, maxLength: 4 }))

test('bytes are equal exactly where keys are the same, and decode to the key', () => {
  fc.assert(
    fc.property(keys, keys, (a, b) => {
      assert.ok(sameKey(decodeKey(encodeKey(a)), a))
      assert.equal(Buffer.compare(encodeKey(a), encodeKey(b)) === 0, sameKey(a, b))
    }),
    { numRuns: 500 },
  )
})

test('damaged bytes are refused or are another key, never a crash', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
      try {
        canonicalKey(decodeKey(bytes))
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'KEY_BYTES_CORRUPT')
      }
    }),
    { numRuns: 500 },
  )
})
