import { copyArray, placesOf } from './sparse-array.ts'

/**
 * A deep copy of a value from state, as its codec would give it back: plain objects, arrays, dates, maps, sets, buffers, errors; what occurs twice,
 * or in itself, does so in the copy. Primitives are themselves.
 */
export function cloneValue<T>(value: T): T {
  return (typeof value === 'object' && value !== null ? cloneObject(value, new Map()) : value) as T
}

type Copies = Map<object, unknown>

function cloneChild(value: unknown, copies: Copies): unknown {
  return typeof value === 'object' && value !== null ? cloneObject(value, copies) : value
}

function cloneObject(value: object, copies: Copies): unknown {
  const known = copies.get(value)
  if (known !== undefined) return known
  if (Array.isArray(value)) return cloneArray(value, copies)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return cloneRecord(value as Record<string, unknown>, prototype, copies)
  if (prototype === Map.prototype) return cloneMap(value as Map<unknown, unknown>, copies)
  if (prototype === Set.prototype) return cloneSet(value as Set<unknown>, copies)
  const copy: unknown = Buffer.isBuffer(value) ? Buffer.from(value) : structuredClone(value)
  copies.set(value, copy)
  return copy
}

function cloneArray(array: readonly unknown[], copies: Copies): unknown[] {
  const copy = copyArray(array)
  copies.set(array, copy)
  for (const at of placesOf(copy)) if (typeof copy[at] === 'object' && copy[at] !== null) copy[at] = cloneObject(copy[at], copies)
  return copy
}

function cloneRecord(record: Record<string, unknown>, prototype: object | null, copies: Copies): unknown {
  const copy: Record<string, unknown> = prototype === null ? (Object.create(null) as Record<string, unknown>) : {}
  copies.set(record, copy)
  for (const name of Object.keys(record)) {
    const child = cloneChild(record[name], copies)
    if (name === '__proto__') Object.defineProperty(copy, name, { value: child, writable: true, enumerable: true, configurable: true })
    else copy[name] = child
  }
  return copy
}

function cloneMap(map: ReadonlyMap<unknown, unknown>, copies: Copies): unknown {
  const copy = new Map<unknown, unknown>()
  copies.set(map, copy)
  for (const [key, child] of map) copy.set(cloneChild(key, copies), cloneChild(child, copies))
  return copy
}

function cloneSet(set: ReadonlySet<unknown>, copies: Copies): unknown {
  const copy = new Set<unknown>()
  copies.set(set, copy)
  for (const child of set) copy.add(cloneChild(child, copies))
  return copy
}
