/**
 * Any value that state can hold as JSON and back. What JSON has no word for is an object with one key that begins with `$`:
 *
 *   $number   'NaN', 'Infinity', '-Infinity', '-0'        $bigint  '12'                $undefined  true
 *   $date     ISO text, or null: an invalid one           $map     [[key, value], …]   $set        [value, …]
 *   $bytes    base64 of a Uint8Array                      $ref     n: the nth object of this value, from 0, once more
 *   $object   [[key, value], …]: has a key that begins with `$`, or is `__proto__`
 *   $value    base64, in the engine's own format: anything else (errors, regular expressions, other arrays of bytes, arrays with holes, …)
 */
import { decodeValue, encodeValue } from '../codec/value.ts'

/** Of one value: its objects are numbered in the order in which they come. */
export function valueToJson(value: unknown): unknown {
  return toJson(value, new Map())
}

/** @throws TypeError naming what is wrong; what `decodeValue` throws */
export function valueFromJson(json: unknown): unknown {
  return fromJson(json, [])
}

export function bytesToJson(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** @throws TypeError */
export function bytesFromJson(json: unknown): Uint8Array<ArrayBuffer> {
  if (typeof json !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(json)) throw new TypeError(`${JSON.stringify(json)} is no base64`)
  return new Uint8Array(Buffer.from(json, 'base64'))
}

function toJson(value: unknown, seen: Map<object, number>): unknown {
  if (typeof value === 'object' && value !== null) return objectToJson(value, seen)
  if (typeof value === 'bigint') return { $bigint: String(value) }
  if (value === undefined) return { $undefined: true }
  if (typeof value !== 'number' || (Number.isFinite(value) && !Object.is(value, -0))) return value
  return { $number: Object.is(value, -0) ? '-0' : String(value) }
}

function objectToJson(value: object, seen: Map<object, number>): unknown {
  const known = seen.get(value)
  if (known !== undefined) return { $ref: known }
  seen.set(value, seen.size)
  const each = (item: unknown): unknown => toJson(item, seen)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (Array.isArray(value) && Object.keys(value).length === value.length) return value.map(each)
  if (prototype === Date.prototype) return { $date: Number.isNaN((value as Date).getTime()) ? null : (value as Date).toISOString() }
  if (prototype === Map.prototype) return { $map: Array.from(value as Map<unknown, unknown>, ([key, item]) => [each(key), each(item)]) }
  if (prototype === Set.prototype) return { $set: Array.from(value as Set<unknown>, each) }
  if (prototype === Uint8Array.prototype) return { $bytes: bytesToJson(value as Uint8Array) }
  if (prototype !== Object.prototype) return { $value: bytesToJson(encodeValue(value)) }
  const entries = Object.entries(value)
  if (entries.some(([key]) => key.startsWith('$') || key === '__proto__'))
    return { $object: entries.map(([key, item]) => [key, each(item)]) }
  return Object.fromEntries(entries.map(([key, item]) => [key, each(item)]))
}

function fromJson(json: unknown, seen: unknown[]): unknown {
  if (typeof json !== 'object' || json === null) return json
  if (Array.isArray(json)) {
    const array: unknown[] = []
    seen.push(array)
    for (const item of json as readonly unknown[]) array.push(fromJson(item, seen))
    return array
  }
  const keys = Object.keys(json)
  const [tag] = keys
  if (tag?.startsWith('$') === true) {
    if (keys.length > 1) throw new TypeError(`an object with the key ${tag} beside others: write it as {"$object": [[key, value], …]}`)
    return fromTag(tag, (json as { readonly [tag: string]: unknown })[tag], seen)
  }
  const object: Record<string, unknown> = {}
  seen.push(object)
  for (const [key, item] of Object.entries(json)) put(object, key, fromJson(item, seen))
  return object
}

function fromTag(tag: string, content: unknown, seen: unknown[]): unknown {
  switch (tag) {
    case '$number':
      return oneOf(content, { NaN: Number.NaN, Infinity: Number.POSITIVE_INFINITY, '-Infinity': Number.NEGATIVE_INFINITY, '-0': -0 })
    case '$bigint':
      if (typeof content !== 'string' || !/^-?\d+$/.test(content)) throw new TypeError(`${JSON.stringify(content)} is no bigint`)
      return BigInt(content)
    case '$undefined':
      return undefined
    case '$date':
      return keep(seen, date(content))
    case '$map': {
      const map = keep(seen, new Map<unknown, unknown>())
      for (const [key, item] of pairs(content)) map.set(fromJson(key, seen), fromJson(item, seen))
      return map
    }
    case '$set': {
      const set = keep(seen, new Set<unknown>())
      for (const item of list(content)) set.add(fromJson(item, seen))
      return set
    }
    case '$bytes':
      return keep(seen, bytesFromJson(content))
    case '$object': {
      const object = keep<Record<string, unknown>>(seen, {})
      for (const [key, item] of pairs(content)) put(object, String(key), fromJson(item, seen))
      return object
    }
    case '$value':
      return keep(seen, decodeValue(bytesFromJson(content)))
    case '$ref':
      if (!Number.isInteger(content) || !((content as number) in seen))
        throw new TypeError(`$ref ${JSON.stringify(content)} is of no object before`)
      return seen[content as number]
    default:
      throw new TypeError(`${tag} means nothing: an object with such a key is written as {"$object": [[key, value], …]}`)
  }
}

/** Also `__proto__`, as a key like any other. */
function put(object: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
}

function keep<T>(seen: unknown[], object: T): T {
  seen.push(object)
  return object
}

function oneOf(name: unknown, values: { readonly [name: string]: unknown }): unknown {
  if (typeof name === 'string' && Object.hasOwn(values, name)) return values[name]
  throw new TypeError(`${JSON.stringify(name)} is none of ${Object.keys(values).join(', ')}`)
}

function date(content: unknown): Date {
  if (content === null) return new Date(Number.NaN)
  const parsed = typeof content === 'string' ? new Date(content) : new Date(Number.NaN)
  if (Number.isNaN(parsed.getTime())) throw new TypeError(`${JSON.stringify(content)} is no date`)
  return parsed
}

function list(content: unknown): readonly unknown[] {
  if (Array.isArray(content)) return content as readonly unknown[]
  throw new TypeError(`${JSON.stringify(content)} is no list`)
}

function pairs(content: unknown): readonly (readonly unknown[])[] {
  return list(content).map((pair) => {
    if (list(pair).length !== 2) throw new TypeError(`${JSON.stringify(pair)} is no pair`)
    return pair as readonly unknown[]
  })
}
