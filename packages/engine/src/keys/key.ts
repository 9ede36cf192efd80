import type { Key, KeyAtom } from '../api/state.ts'
import { engineError } from '../errors.ts'

/** Atoms in a tuple key. */
export const KEY_TUPLE_LENGTH_MAX = 255

/**
 * The key as it is kept: `-0` becomes `0`, a tuple becomes a frozen copy. Answers its argument wherever that is canonical already.
 * @throws KEY_UNDEFINED, KEY_UNSUPPORTED, KEY_TUPLE_EMPTY, KEY_TUPLE_TOO_LONG, KEY_TUPLE_ATOM
 */
export function canonicalKey(key: unknown): Key {
  if (isAtom(key)) return key === 0 ? 0 : key
  if (Array.isArray(key)) return canonicalTuple(key)
  if (key === undefined) throw engineError('KEY_UNDEFINED')
  throw engineError('KEY_UNSUPPORTED', { type: describe(key) })
}

/** Whether two keys are the same: by type and value, `NaN` equal to itself, `-0` equal to `0`, tuples atom by atom. */
export function sameKey(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a === 'number') return a !== a && b !== b
  return typeof a === 'object' && typeof b === 'object' && Array.isArray(a) && Array.isArray(b) && sameTuple(a, b)
}

function sameTuple(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at++) {
    const x = a[at]
    const y = b[at]
    if (x !== y && !(x !== x && y !== y)) return false
  }
  return true
}

function canonicalTuple(tuple: readonly unknown[]): readonly KeyAtom[] {
  if (tuple.length === 0) throw engineError('KEY_TUPLE_EMPTY')
  if (tuple.length > KEY_TUPLE_LENGTH_MAX) throw engineError('KEY_TUPLE_TOO_LONG', { length: tuple.length, limit: KEY_TUPLE_LENGTH_MAX })
  const copy: KeyAtom[] = []
  for (let at = 0; at < tuple.length; at++) {
    const atom = tuple[at]
    if (!isAtom(atom)) throw engineError('KEY_TUPLE_ATOM', { position: at, type: describe(atom) })
    copy.push(atom === 0 ? 0 : atom)
  }
  return Object.freeze(copy)
}

export function isAtom(value: unknown): value is KeyAtom {
  const type = typeof value
  return type === 'string' || type === 'number' || type === 'bigint' || type === 'boolean' || value === null
}

/** What a value is, for a message. */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value !== 'object') return value === undefined ? 'undefined' : `a ${typeof value}`
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name
  return typeof name === 'string' && name !== 'Object' && name !== '' ? `an object (${name})` : 'an object'
}
