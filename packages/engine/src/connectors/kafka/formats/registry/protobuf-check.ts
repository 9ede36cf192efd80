/**
 * Whether a value fits a message. The library `protobufjs` writes the default in the place of an enum's name that there is not and of text that is no number, cuts
 * integers off, and takes a field that is required and missing for empty: what is read then is not what was written.
 */
import { inspect } from 'node:util'
import type { Enum, Field, Type } from 'protobufjs'
import { isKeyed } from './plain-copy.ts'

/** From the least on, up to below the end: powers of two, which numbers hold exactly. */
const INTEGERS: { readonly [type: string]: readonly [least: number, end: number] } = {
  int32: [-(2 ** 31), 2 ** 31],
  sint32: [-(2 ** 31), 2 ** 31],
  sfixed32: [-(2 ** 31), 2 ** 31],
  uint32: [0, 2 ** 32],
  fixed32: [0, 2 ** 32],
  int64: [-(2 ** 63), 2 ** 63],
  sint64: [-(2 ** 63), 2 ** 63],
  sfixed64: [-(2 ** 63), 2 ** 63],
  uint64: [0, 2 ** 64],
  fixed64: [0, 2 ** 64],
}

/** @throws `TypeError` that names the field */
export function checkMessage(type: Type, value: unknown, path = ''): void {
  if (!isKeyed(value)) throw unfit(path, value, `a message ${type.fullName.slice(1)}`)
  const given = value as { readonly [name: string]: unknown }
  for (const field of type.fieldsArray) {
    const place = path === '' ? field.name : `${path}.${field.name}`
    const one = given[field.name]
    if (one !== undefined && one !== null) checkField(field, one, place)
    else if (field.required) throw unfit(place, one, 'there: it is required')
  }
}

function checkField(field: Field, value: unknown, place: string): void {
  if (field.map) {
    if (!isKeyed(value)) throw unfit(place, value, 'an object')
    for (const [key, each] of Object.entries(value!)) checkOne(field, each, `${place}.${key}`)
  } else if (field.repeated) {
    if (!Array.isArray(value)) throw unfit(place, value, 'an array')
    for (const [index, each] of value.entries()) checkOne(field, each, `${place}[${index}]`)
  } else checkOne(field, value, place)
}

function checkOne({ type, resolvedType }: Field, value: unknown, place: string): void {
  if (resolvedType !== null && 'fieldsArray' in resolvedType) return checkMessage(resolvedType, value, place)
  if (resolvedType !== null) return checkEnum(resolvedType, value, place)
  const range = INTEGERS[type]
  if (range !== undefined) {
    const whole = integerOf(value)
    if (whole === undefined || whole < range[0] || whole >= range[1]) throw unfit(place, value, `a whole number that fits ${type}`)
  } else if (type === 'float' || type === 'double') {
    if (typeof value !== 'number' && !(typeof value === 'string' && /^(NaN|-?Infinity|-?[\d.]+(e[-+]?\d+)?)$/i.test(value)))
      throw unfit(place, value, 'a number')
  } else if (type === 'bool') {
    if (typeof value !== 'boolean') throw unfit(place, value, 'true or false')
  } else if (type === 'string') {
    if (typeof value === 'object') throw unfit(place, value, 'text')
    // Half a pair would be written as bytes that nobody can read.
    if (typeof value === 'string' && !value.isWellFormed()) throw unfit(place, value, 'text without half a pair of surrogates')
  } else if (!(value instanceof Uint8Array) && typeof value !== 'string' && !Array.isArray(value))
    throw unfit(place, value, 'bytes, or text in base64')
}

function checkEnum({ fullName, values }: Enum, value: unknown, place: string): void {
  const isKnown = typeof value === 'string' ? Object.hasOwn(values, value) : Number.isInteger(value)
  if (!isKnown) throw unfit(place, value, `one of ${Object.keys(values).join(', ')} of ${fullName.slice(1)}`)
}

function integerOf(value: unknown): number | bigint | undefined {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number') return Number.isInteger(value) ? value : undefined
  // Instances of the library's Long are written so, too.
  const isLong = typeof value === 'object' && value !== null && 'low' in value
  const text = typeof value === 'string' ? value : isLong ? (value as { toString(): string }).toString() : ''
  return /^-?\d+$/.test(text) ? BigInt(text) : undefined
}

function unfit(place: string, value: unknown, expected: string): TypeError {
  const found = value === undefined ? 'missing' : inspect(value, { depth: 0, maxStringLength: 80 })
  return new TypeError(`this is not what the schema describes: ${place || 'the value'} is ${found}, and must be ${expected}`)
}
