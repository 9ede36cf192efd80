// Strings that enter state must not keep the batch alive that they were cut from, wherever in a value they sit.
import { copyString } from '../../codec/copy-string.ts'
import { KnownShapes, shapeCode, type ShapeCode } from '../../codec/known-shapes.ts'
import { quote } from '../../codec/object-maker.ts'
import { isPlain } from '../../codec/plain-object.ts'
import { copyArray, isHole, placesTaken } from './sparse-array.ts'

/** Shorter strings are never slices of others. */
const SLICE_LENGTH_MIN = 13
/** Strings up to this length may be shared with an equal one that was copied before: words of a small vocabulary are copied once. */
const SHARED_LENGTH_MAX = 40
const SHARED_SLOTS = 256
/** Deeper than this nothing is looked at: the codec refuses what is deeper or cyclic, when it is written. */
const DEPTH_MAX = 64

/** Objects of one value from which on those seen are remembered: small values repeat none, large ones must not be walked for ever. */
const UNREMEMBERED_OBJECTS_MAX = 64

const shared: string[] = Array.from({ length: SHARED_SLOTS }, () => '')
let objects = 0
let seen: Set<object> | undefined

/** The value with every string in memory of its own. Objects are changed in place, where that can be seen by nobody; frozen ones are copied. */
export function detach(value: unknown): unknown {
  if (typeof value === 'string') return detachString(value)
  if (typeof value !== 'object' || value === null) return value
  try {
    return detachObject(value, 0)
  } finally {
    objects = 0
    seen = undefined
  }
}

export function detachString(text: string): string {
  const length = text.length
  if (length < SLICE_LENGTH_MIN) return text
  if (length > SHARED_LENGTH_MAX) return copyString(text)
  const slot = (text.charCodeAt(0) + 31 * text.charCodeAt(length >> 1) + 961 * text.charCodeAt(length - 1) + length) & (SHARED_SLOTS - 1)
  const other = shared[slot]!
  return other === text ? other : (shared[slot] = copyString(text))
}

function detachObject(value: object, depth: number): unknown {
  if (depth === DEPTH_MAX || wasSeen(value)) return value
  if (isPlain(value)) return detachPlain(value as Record<string, unknown>, depth)
  if (Array.isArray(value)) return detachArray(value, depth)
  if (value instanceof Map) return detachMap(value, depth)
  if (value instanceof Set) return detachSet(value, depth)
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null ? detachRecord(value as Record<string, unknown>, depth) : value
}

const shapes = new KnownShapes<number, true>(detachCode)

function detachPlain(record: Record<string, unknown>, depth: number): unknown {
  try {
    if (shapes.run(record, depth) === true) return record
  } catch {
    // A field that cannot be written; what was replaced before it may stay.
    return detachRecord(record, depth)
  }
  shapes.meet(Object.keys(record))
  return detachRecord(record, depth)
}

/** `detachRecord` for objects with these keys, whose fields can be written. */
function detachCode(keys: readonly string[]): ShapeCode<number, true> {
  const fields = keys.map((key) => {
    const field = `v[${quote(key)}]`
    return `x = ${field}
if (typeof x === 'string') { if (x.length >= ${SLICE_LENGTH_MIN}) ${field} = detachString(x) }
else if (typeof x === 'object' && x !== null) { y = detachObject(x, c + 1); if (y !== x) ${field} = y }`
  })
  return shapeCode(keys, { detachString, detachObject }, `let x, y\n${fields.join('\n')}\nreturn true`)
}

function wasSeen(value: object): boolean {
  if (++objects <= UNREMEMBERED_OBJECTS_MAX) return false
  seen ??= new Set()
  if (seen.has(value)) return true
  seen.add(value)
  return false
}

function detachChild(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return detachString(value)
  return typeof value === 'object' && value !== null ? detachObject(value, depth + 1) : value
}

function mayPin(value: unknown): boolean {
  return typeof value === 'string' ? value.length >= SLICE_LENGTH_MIN : typeof value === 'object' && value !== null
}

function detachArray(array: unknown[], depth: number): unknown[] {
  let target = array
  for (let at = 0; at < array.length; at++) {
    if (isHole(array, at)) {
      for (const taken of placesTaken(array)) target = detachElement(array, target, taken, depth)
      return target
    }
    if (mayPin(array[at])) target = detachElement(array, target, at, depth)
  }
  return target
}

/** `target`: the array, or the copy that takes its place. Answers which it is from now on. */
function detachElement(array: unknown[], target: unknown[], at: number, depth: number): unknown[] {
  const value = target[at]
  const own = detachChild(value, depth)
  if (typeof own !== 'string' && own === value) return target
  const writable = target === array && Object.isFrozen(array) ? copyArray(array) : target
  writable[at] = own
  return writable
}

function detachRecord(record: Record<string, unknown>, depth: number): unknown {
  let target = record
  for (const name in record) {
    if (!Object.hasOwn(record, name)) continue
    const value = record[name]
    if (!mayPin(value)) continue
    const own = detachChild(value, depth)
    if (typeof own === 'object' && own === value) continue
    if (target !== record) target[name] = own
    else if (!tryReplace(record, name, own)) {
      target = copyRecord(record)
      target[name] = own
    }
  }
  return target
}

/** Puts the copy in the original's place, which saves asking first: a field that cannot be written says so by throwing. */
function tryReplace(record: Record<string, unknown>, name: string, own: unknown): boolean {
  try {
    record[name] = own
    return true
  } catch {
    return false
  }
}

/** Own properties as writable data, `__proto__` among them where it is one. */
function copyRecord(record: Record<string, unknown>): Record<string, unknown> {
  const copy = Object.create(Object.getPrototypeOf(record) as object | null) as Record<string, unknown>
  for (const name of Object.keys(record)) {
    Object.defineProperty(copy, name, { value: record[name], writable: true, enumerable: true, configurable: true })
  }
  return copy
}

/** Order and identity of the map are kept: it is filled again only if a key has to be replaced. */
function detachMap(map: Map<unknown, unknown>, depth: number): Map<unknown, unknown> {
  let refill = false
  for (const [key, value] of map) {
    if (typeof key === 'string' && mayPin(key)) refill = true
    if (mayPin(value)) map.set(key, detachChild(value, depth))
  }
  if (!refill) return map
  const entries = [...map]
  map.clear()
  for (const [key, value] of entries) map.set(detachChild(key, depth), value)
  return map
}

function detachSet(set: Set<unknown>, depth: number): Set<unknown> {
  const values = [...set]
  if (!values.some(mayPin)) return set
  set.clear()
  for (const value of values) set.add(detachChild(value, depth))
  return set
}
