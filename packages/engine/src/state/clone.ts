/** A deep copy of a value from state, as what its codec would give back: plain objects, arrays, dates, maps, sets, buffers. Primitives are themselves. */
export function cloneValue<T>(value: T): T {
  return (typeof value === 'object' && value !== null ? cloneObject(value) : value) as T
}

function cloneObject(value: object): unknown {
  if (Array.isArray(value)) return value.map(cloneValue)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return cloneRecord(value as Record<string, unknown>, prototype)
  if (value instanceof Date) return new Date(value.getTime())
  if (value instanceof Map) return new Map(Array.from(value, ([key, child]): [unknown, unknown] => [cloneValue(key), cloneValue(child)]))
  if (value instanceof Set) return new Set(Array.from(value, cloneValue))
  return structuredClone(value)
}

function cloneRecord(record: Record<string, unknown>, prototype: object | null): unknown {
  const copy: Record<string, unknown> = prototype === null ? (Object.create(null) as Record<string, unknown>) : {}
  for (const name of Object.keys(record)) {
    const child = cloneValue(record[name])
    if (name === '__proto__') Object.defineProperty(copy, name, { value: child, writable: true, enumerable: true, configurable: true })
    else copy[name] = child
  }
  return copy
}
