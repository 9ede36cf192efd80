import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { hashKey, KeyTag } from './hash.ts'
import { sameKey } from './key.ts'

/** MurmurHash3 x86 32 over bytes, written the slow way. */
function murmur(bytes: Uint8Array, seed: number): number {
  const rotate = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (32n - by))) & 0xffffffffn
  const times = (a: bigint, b: bigint): bigint => (a * b) & 0xffffffffn
  let h = BigInt(seed)
  const scramble = (k: bigint): bigint => times(rotate(times(k, 0xcc9e2d51n), 15n), 0x1b873593n)
  const whole = bytes.length - (bytes.length % 4)
  for (let at = 0; at < whole; at += 4) {
    const k = BigInt(bytes[at]! + bytes[at + 1]! * 2 ** 8 + bytes[at + 2]! * 2 ** 16 + bytes[at + 3]! * 2 ** 24)
    h = (times(rotate(h ^ scramble(k), 13n), 5n) + 0xe6546b64n) & 0xffffffffn
  }
  let tail = 0n
  for (let at = bytes.length - 1; at >= whole; at--) tail = (tail << 8n) | BigInt(bytes[at]!)
  if (whole < bytes.length) h ^= scramble(tail)
  h ^= BigInt(bytes.length)
  h = times(h ^ (h >> 16n), 0x85ebca6bn)
  h = times(h ^ (h >> 13n), 0xc2b2ae35n)
  return Number(BigInt.asIntN(32, h ^ (h >> 16n)))
}

function payload(key: unknown): { bytes: Uint8Array; seed: number } {
  if (key === null) return { bytes: new Uint8Array(0), seed: KeyTag.null }
  if (typeof key === 'boolean') return { bytes: new Uint8Array(0), seed: key ? KeyTag.true : KeyTag.false }
  if (typeof key === 'string') return { bytes: Buffer.from(key, 'utf16le'), seed: KeyTag.latin1 }
  if (typeof key === 'number') {
    const view = Buffer.alloc(8)
    if (Number.isInteger(key) && Math.abs(key) <= 2 ** 31 && key !== 2 ** 31) {
      view.writeInt32LE(key)
      return { bytes: view.subarray(0, 4), seed: KeyTag.int32 }
    }
    view.writeDoubleLE(key)
    return { bytes: view, seed: KeyTag.float64 }
  }
  if (typeof key === 'bigint') {
    let words = 1
    while (BigInt.asIntN(32 * words, key) !== key) words++
    const view = Buffer.alloc(4 * words)
    for (let word = 0; word < words; word++) view.writeUInt32LE(Number(BigInt.asUintN(32, key >> BigInt(32 * word))), 4 * word)
    return { bytes: view, seed: KeyTag.bigint }
  }
  const atoms = key as unknown[]
  const view = Buffer.alloc(4 * atoms.length)
  atoms.forEach((atom, at) => view.writeInt32LE(hashKey(atom), 4 * at))
  return { bytes: view, seed: KeyTag.tuple }
}

const atoms: fc.Arbitrary<string | number | bigint | boolean | null> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('\ud800', '\udfff\ud800', '', '1', 'true', 'null'),
  fc.integer(),
  fc.double(),
  fc.constantFrom(0, -0, 1, Number.NaN, Infinity, 2 ** 31, -(2 ** 31), 2 ** 31 - 1, -(2 ** 31) - 1),
  fc.bigInt(),
  fc.constantFrom(0n, 1n, -1n, 2n ** 31n, -(2n ** 31n), 2n ** 63n),
  fc.boolean(),
  fc.constant(null),
)
const keys = fc.oneof(atoms, fc.array(atoms, { minLength: 1, maxLength: 5 }))

test('every fast path is the documented hash of the documented bytes', () => {
  fc.assert(
    fc.property(keys, (key) => {
      const { bytes, seed } = payload(key)
      assert.equal(hashKey(key), murmur(bytes, seed))
    }),
    { numRuns: 500 },
  )
})

test('keys that are the same hash alike', () => {
  fc.assert(
    fc.property(keys, keys, (a, b) => {
      if (sameKey(a, b)) assert.equal(hashKey(a), hashKey(b))
    }),
    { numRuns: 300 },
  )
  assert.equal(hashKey(-0), hashKey(0))
  assert.equal(hashKey([-0, Number.NaN]), hashKey([0, Number.NaN]))
})

test('no bit of a hash is lopsided over consecutive integers, and no two of them collide', () => {
  const ones = Array.from({ length: 32 }, () => 0)
  const seen = new Set<number>()
  for (let key = 0; key < 20_000; key++) {
    const hash = hashKey(key)
    seen.add(hash)
    for (let bit = 0; bit < 32; bit++) ones[bit] = ones[bit]! + ((hash >>> bit) & 1)
  }
  assert.equal(seen.size, 20_000)
  for (const count of ones) assert.ok(Math.abs(count - 10_000) < 500, String(count))
})
