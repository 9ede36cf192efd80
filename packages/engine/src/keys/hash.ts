// The hash of a key, version 1: MurmurHash3 (x86, 32 bits) of the key's payload bytes, with its tag as the seed.
//
// Payloads, all little-endian: int32 4 bytes · other numbers IEEE 754, 8 bytes (one NaN) · strings their UTF-16 code units · bigints their two's complement in as few
// 32-bit words as hold it · booleans and null none · tuples the 32-bit hashes of their atoms. Numbers that fit an int32 are int32s, and -0 is 0, so that equal keys hash alike.
//
// 1. A hash decides where state lives for ever: nothing here may change without a new version, and the table test pins it.
// 2. Of two int32 keys no two have the same hash (the mix is a bijection of one word).
import { engineError } from '../errors.ts'
import { describe, isAtom } from './key.ts'

/** Kept with every snapshot. */
export const KEY_HASH_VERSION = 1

/** First byte of an encoded key, and seed of its hash. Numbers are on disk for ever. */
export const KeyTag = { null: 1, false: 2, true: 3, int32: 4, float64: 5, bigint: 6, latin1: 7, utf16: 8, tuple: 9 } as const

const SEED_STRING = KeyTag.latin1
const C1 = 0xcc9e2d51 | 0
const C2 = 0x1b873593
const C3 = 0xe6546b64 | 0

const float = new Float64Array(1)
const words = new Int32Array(float.buffer)

/**
 * The key's hash, an int32 whose bits are all well mixed. Accepts every key that `canonicalKey` accepts, in any form.
 * @throws KEY_UNDEFINED, KEY_UNSUPPORTED, KEY_TUPLE_EMPTY, KEY_TUPLE_ATOM
 */
export function hashKey(key: unknown): number {
  if (typeof key === 'string') return hashString(key)
  if (typeof key === 'number') return key === (key | 0) ? hashInt32(key | 0) : hashFloat64(key)
  return hashOther(key)
}

/** The hash of a number that is an int32 (the caller has looked). */
export function hashInt32(value: number): number {
  return finish(mix(KeyTag.int32, value) ^ 4)
}

function hashFloat64(value: number): number {
  float[0] = value === value ? value : Number.NaN
  return finish(mix(mix(KeyTag.float64, words[0]!), words[1]!) ^ 8)
}

/** The hash of a string key. */
export function hashString(text: string): number {
  const length = text.length
  const paired = length & ~1
  let hash: number = SEED_STRING
  for (let at = 0; at < paired; at += 2) hash = mix(hash, text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16))
  if (paired < length) hash ^= scramble(text.charCodeAt(paired))
  return finish(hash ^ (length << 1))
}

function hashOther(key: unknown): number {
  if (key === null) return finish(KeyTag.null)
  if (typeof key === 'boolean') return finish(key ? KeyTag.true : KeyTag.false)
  if (typeof key === 'bigint') return hashBigint(key)
  if (Array.isArray(key)) return hashTuple(key)
  if (key === undefined) throw engineError('KEY_UNDEFINED')
  throw engineError('KEY_UNSUPPORTED', { type: describe(key) })
}

function hashBigint(value: bigint): number {
  let hash: number = KeyTag.bigint
  let bytes = 0
  let rest = value
  for (;;) {
    const word = Number(BigInt.asIntN(32, rest))
    hash = mix(hash, word)
    bytes += 4
    if (rest === BigInt(word)) return finish(hash ^ bytes)
    rest >>= 32n
  }
}

function hashTuple(tuple: readonly unknown[]): number {
  if (tuple.length === 0) throw engineError('KEY_TUPLE_EMPTY')
  let hash: number = KeyTag.tuple
  for (let at = 0; at < tuple.length; at++) {
    const atom = tuple[at]
    if (!isAtom(atom)) throw engineError('KEY_TUPLE_ATOM', { position: at, type: describe(atom) })
    hash = mix(hash, hashKey(atom))
  }
  return finish(hash ^ (tuple.length << 2))
}

function scramble(word: number): number {
  const k = Math.imul(word, C1)
  return Math.imul((k << 15) | (k >>> 17), C2)
}

function mix(hash: number, word: number): number {
  const h = hash ^ scramble(word)
  return (Math.imul((h << 13) | (h >>> 19), 5) + C3) | 0
}

function finish(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
