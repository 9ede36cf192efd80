import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { hashKey, KEY_HASH_VERSION } from './hash.ts'
import { decodeKey, encodeKey } from './key-bytes.ts'
import { keyGroupOf } from './key-group.ts'
import { sameKey } from './key.ts'

// The published vectors of hash version 1: key, hash, encoded bytes. State on disk depends on every line: none may ever change.
const vectors: readonly (readonly [unknown, number, string])[] = [
  [0, -27770521, '0400000000'],
  [1, -672062263, '0401000000'],
  [-1, -1660710678, '04ffffffff'],
  [2147483647, -438373755, '04ffffff7f'],
  [-2147483648, -853567367, '0400000080'],
  [2147483648, 2103795402, '05000000000000e041'],
  [0.5, 990766773, '05000000000000e03f'],
  [NaN, 1047044448, '05000000000000f87f'],
  [Infinity, 248698732, '05000000000000f07f'],
  [1e300, 502451714, '059c7500883ce4377e'],
  [0n, 1003199976, '060100'],
  [1n, 697929323, '060101'],
  [-1n, 1000619999, '0601ff'],
  [2147483648n, 279417401, '06050000008000'],
  [-18446744073709551616n, 1274098784, '06090000000000000000ff'],
  [18446744073709551616n, 1199416373, '0609000000000000000001'],
  [true, -2047822809, '03'],
  [false, 821347078, '02'],
  [null, 1364076727, '01'],
  ['', 415870660, '0700'],
  ['1', -172315920, '070131'],
  ['a', -1911403394, '070161'],
  ['ab', -664830252, '07026162'],
  ['order-17', 477258040, '07086f726465722d3137'],
  [
    'a key of more than twenty-four characters',
    -1676646265,
    '072961206b6579206f66206d6f7265207468616e207477656e74792d666f75722063686172616374657273',
  ],
  ['é', 1417222051, '0701e9'],
  ['日本', -143163325, '0802e5652c67'],
  ['\ud800', -830952420, '080100d8'],
  ['true', -1543436953, '070474727565'],
  ['null', 1933122156, '07046e756c6c'],
  [['a', 1], -964586344, '09020701610401000000'],
  [[1, 'a'], 514753933, '09020401000000070161'],
  [[null], 435273485, '090101'],
  [['a'], -658691339, '0901070161'],
  [[NaN, true, 7n], 1156409633, '090305000000000000f87f03060107'],
]

test('published vectors of hash version 1', () => {
  assert.equal(KEY_HASH_VERSION, 1)
  for (const [key, hash, hex] of vectors) {
    assert.equal(hashKey(key), hash, String(key))
    assert.equal(Buffer.from(encodeKey(key)).toString('hex'), hex, String(key))
    assert.ok(sameKey(decodeKey(Buffer.from(hex, 'hex')), key))
  }
})

test('all vectors are different keys', () => {
  for (const [at, [a]] of vectors.entries()) for (const [b] of vectors.slice(at + 1)) assert.ok(!sameKey(a, b))
  assert.equal(new Set(vectors.map(([, hash]) => hash)).size, vectors.length)
  assert.equal(new Set(vectors.map(([, , hex]) => hex)).size, vectors.length)
})

test('published key groups of hash version 1', () => {
  const groups = ['order-17', 0, 1, 'a', null].map((key) => keyGroupOf(hashKey(key), 128))
  assert.deepEqual(groups, [14, 127, 107, 71, 40])
})
