import { types } from 'node:util'

const { isDate, isMap, isSet } = types

/**
 * Plain objects of what a library has read, which makes instances of classes of its own: state and exchanges take plain ones. Bytes are copied out of the fetched buffer.
 * `scalar` is asked about what is no object.
 */
export function plainCopy(value: unknown, scalar?: (value: unknown) => unknown): unknown {
  if (typeof value !== 'object' || value === null) return scalar === undefined ? value : scalar(value)
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (value instanceof Date) return value
  if (Array.isArray(value)) return value.map((each) => plainCopy(each, scalar))
  const copy: Record<string, unknown> = {}
  for (const name of Object.keys(value)) {
    const each = plainCopy((value as Record<string, unknown>)[name], scalar)
    // A name like any other, of a map; set as ever it would be the copy's prototype.
    if (name === '__proto__') Object.defineProperty(copy, name, { value: each, writable: true, enumerable: true, configurable: true })
    else copy[name] = each
  }
  return copy
}

/** Whether the keys of an object are all that it holds: of a Map none are, and it would be written as if it were empty. */
export function isKeyed(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isMap(value) && !isSet(value) && !isDate(value)
}
