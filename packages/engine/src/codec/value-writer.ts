/**
 * Writes values in the format of `value-format.ts`, one behind the other, into one buffer that grows.
 *
 * 1. What is refused leaves no bytes: `position` is then where it was.
 * 2. The same value gives the same bytes, whatever was written before.
 * 3. No object that was written is referred to after `value` returns.
 */
import { types } from 'node:util'
import { ByteWriter } from './byte-writer.ts'
import { KeyBlocks } from './key-blocks.ts'
import { KnownShapes, shapeCode, type ShapeCode } from './known-shapes.ts'
import { errorPrototypes, ownPrototype } from './natives.ts'
import { quote } from './object-maker.ts'
import { ObjectNumbers } from './object-numbers.ts'
import { isPlain } from './plain-object.ts'
import { ScalarWriter } from './scalar-writer.ts'
import { errorKinds, tag, VALUE_DEPTH_MAX } from './value-format.ts'
import {
  describeObject,
  entrySegment,
  fieldSegment,
  namedProperty,
  OuterReference,
  passOn,
  Refusal,
  refuseAccessors,
  refuseOwnProperties,
  refuseSymbols,
  refuseViewProperties,
} from './value-refusal.ts'
import { writeArrayBuffer, writeBigint, writeRegex, writeView } from './write-natives.ts'

const FIRST_SIZE = 256
const shapes = new KnownShapes<ValueWriter, true>((keys) => ValueWriter.fieldsCode(keys))
const ERROR_AGGREGATE: number = errorKinds.indexOf('AggregateError')

export interface ValueWriterOptions {
  /** First size of the buffer in bytes, 256 by default. */
  readonly sizeBytes?: number
  /** Refuse accessors and hidden properties too (slow; for development). Otherwise accessors are read, as `structuredClone` does. */
  readonly strict?: boolean
}

export class ValueWriter extends ScalarWriter {
  readonly #strict: boolean
  #depth = 0
  readonly #objects = new ObjectNumbers()
  readonly #keyBlocks = new KeyBlocks()
  #outer: readonly unknown[] = []
  #outerCount = 0

  constructor(options: ValueWriterOptions = {}) {
    super(options.sizeBytes ?? FIRST_SIZE)
    this.#strict = options.strict ?? false
  }

  /**
   * A value with its tag.
   * @param name what the path in an error starts with.
   * @throws VALUE_UNSUPPORTED, VALUE_TOO_DEEP, VALUE_TOO_LARGE
   */
  value(value: unknown, name = 'value'): void {
    const start = this.at
    try {
      this.#any(value)
    } catch (error) {
      this.at = start
      throw error instanceof Refusal ? error.toError(name) : error
    } finally {
      if (this.#objects.any) this.#forget()
    }
  }

  /**
   * A value that lies inside other objects, which are written elsewhere: `outer` up to `outerCount`. A value that refers to one of them is
   * a cycle this writer cannot express.
   * @throws OuterReference
   */
  valueInside(value: unknown, name: string, outer: readonly unknown[], outerCount: number): void {
    this.#outer = outer
    this.#outerCount = outerCount
    try {
      this.value(value, name)
    } finally {
      this.#outerCount = 0
    }
  }

  #forget(): void {
    this.#objects.forget()
    this.#depth = 0
  }

  #any(value: unknown): void {
    switch (typeof value) {
      case 'number':
        return this.number(value)
      case 'string':
        return this.string(value)
      case 'object':
        return value === null ? this.byte(tag.null) : this.#object(value)
      case 'boolean':
        return this.byte(value ? tag.true : tag.false)
      case 'undefined':
        return this.byte(tag.undefined)
      case 'bigint':
        return writeBigint(value, this)
      case 'function':
        throw new Refusal('VALUE_UNSUPPORTED', 'a function')
      case 'symbol':
        throw new Refusal('VALUE_UNSUPPORTED', 'a symbol')
    }
  }

  #object(value: object): void {
    if (this.#isRepeated(value)) return
    if (types.isProxy(value)) throw new Refusal('VALUE_UNSUPPORTED', 'a proxy')
    if (++this.#depth > VALUE_DEPTH_MAX) throw new Refusal('VALUE_TOO_DEEP', '', VALUE_DEPTH_MAX)
    if (isPlain(value)) this.#fields(value, tag.object)
    else this.#unlikely(value)
    this.#depth--
  }

  /** What is not known to be a plain object. */
  #unlikely(value: object, prototype: unknown = Object.getPrototypeOf(value)): void {
    if (prototype === Object.prototype) this.#fields(value, tag.object)
    else if (prototype === Array.prototype && Array.isArray(value)) this.#array(value)
    else if (prototype === null) this.#fields(value, tag.objectWithoutPrototype)
    else this.#native(value, prototype)
  }

  /** Writes a reference to an object that has been written already; any other has a number from now on. */
  #isRepeated(value: object): boolean {
    for (let i = 0; i < this.#outerCount; i++) if (this.#outer[i] === value) throw new OuterReference()
    const number = this.#objects.meet(value)
    if (number < 0) return false
    this.byte(tag.reference)
    this.varint(number)
    return true
  }

  #fields(value: object, objectTag: number): void {
    if (Object.getOwnPropertySymbols(value).length > 0) refuseSymbols(value)
    if (this.#strict) refuseAccessors(value)
    else if (objectTag === tag.object && shapes.run(value, this) === true) return
    const keys = Object.keys(value)
    if (objectTag === tag.object && !this.#strict) shapes.meet(keys)
    this.byte(objectTag)
    this.#keyBlocks.write(keys, this)
    const fields = value as { readonly [key: string]: unknown }
    let i = 0
    try {
      for (; i < keys.length; i++) this.#any(fields[keys[i]!])
    } catch (error) {
      passOn(error, fieldSegment(keys[i]!))
    }
  }

  /** `#fields` for objects with these keys: what depends on the keys alone is there already. */
  static fieldsCode(keys: readonly string[]): ShapeCode<ValueWriter, true> {
    const writer = new ByteWriter(FIRST_SIZE)
    writer.byte(tag.object)
    new KeyBlocks().write(keys, writer)
    const help = {
      head: writer.take(),
      raw: (to: ValueWriter, bytes: Uint8Array) => to.raw(bytes),
      number: (to: ValueWriter, field: number) => to.number(field),
      string: (to: ValueWriter, field: string) => to.string(field),
      any: (to: ValueWriter, field: unknown) => to.#any(field),
      fail: (error: unknown, at: number) => passOn(error, fieldSegment(keys[at]!)),
    }
    const fields = keys.map(
      (key, at) => `at = ${at}; x = v[${quote(key)}]
if (typeof x === 'number') number(c, x)
else if (typeof x === 'string') string(c, x)
else any(c, x)`,
    )
    return shapeCode(
      keys,
      help,
      `raw(c, head)
let x, at = 0
try {
${fields.join('\n')}
} catch (error) { fail(error, at) }
return true`,
    )
  }

  #array(value: readonly unknown[]): void {
    const keys = Object.keys(value)
    const length = value.length
    const named = keys.at(-1)
    // Indices come first in the order of keys, so that a key that is none shows at the end.
    if (named !== undefined && !isIndex(named, length)) throw namedProperty(named)
    if (Object.getOwnPropertySymbols(value).length > 0) refuseSymbols(value)
    if (this.#strict) refuseAccessors(value)
    if (keys.length !== length) return this.#sparseArray(value, keys)
    this.byte(tag.array)
    this.varint(length)
    let i = 0
    try {
      for (; i < length; i++) this.#any(value[i])
    } catch (error) {
      passOn(error, `[${i}]`)
    }
  }

  #sparseArray(value: readonly unknown[], keys: readonly string[]): void {
    this.byte(tag.sparseArray)
    this.varint(value.length)
    this.varint(keys.length)
    let before = -1
    for (const key of keys) {
      const index = Number(key)
      this.varint(index - before - 1)
      before = index
      try {
        this.#any(value[index])
      } catch (error) {
        passOn(error, `[${key}]`)
      }
    }
  }

  #native(value: object, prototype: unknown): void {
    if (ArrayBuffer.isView(value)) {
      if (this.#strict) refuseViewProperties(value)
      return writeView(value, prototype, this)
    }
    if (prototype === Map.prototype && types.isMap(value)) return this.#map(value)
    if (prototype === Set.prototype && types.isSet(value)) return this.#set(value)
    if (prototype === Date.prototype && types.isDate(value)) {
      refuseOwnProperties(value)
      this.byte(tag.date)
      return this.float64(value.getTime())
    }
    if (prototype === ArrayBuffer.prototype && types.isArrayBuffer(value)) return writeArrayBuffer(value, this)
    if (prototype === RegExp.prototype && types.isRegExp(value)) return writeRegex(value, this)
    const own = ownPrototype(prototype)
    if (types.isNativeError(value)) return this.#error(value, own)
    if (own === prototype) throw new Refusal('VALUE_UNSUPPORTED', describeObject(value))
    this.#unlikely(value, own)
  }

  #map(value: ReadonlyMap<unknown, unknown>): void {
    refuseOwnProperties(value)
    this.byte(tag.map)
    this.varint(value.size)
    let index = 0
    for (const [key, entry] of value) {
      try {
        this.#any(key)
      } catch (error) {
        passOn(error, `.keys()[${index}]`)
      }
      try {
        this.#any(entry)
      } catch (error) {
        passOn(error, entrySegment(key))
      }
      index++
    }
  }

  #set(value: ReadonlySet<unknown>): void {
    refuseOwnProperties(value)
    this.byte(tag.set)
    this.varint(value.size)
    let index = 0
    for (const member of value) {
      try {
        this.#any(member)
      } catch (error) {
        passOn(error, `.values()[${index}]`)
      }
      index++
    }
  }

  #error(value: Error, prototype: unknown): void {
    const kind = errorPrototypes.indexOf(prototype as object)
    if (kind < 0)
      throw new Refusal(
        'VALUE_UNSUPPORTED',
        `${describeObject(value)}, a class of its own (send its message, or an Error with it as the message)`,
      )
    if (Object.getOwnPropertySymbols(value).length > 0) refuseSymbols(value)
    const names = Object.getOwnPropertyNames(value)
    this.byte(tag.error)
    this.byte(kind)
    this.varint(names.length)
    for (const name of names) {
      this.text(name)
      this.byte(Object.prototype.propertyIsEnumerable.call(value, name) ? 1 : 0)
      try {
        this.#any((value as unknown as { readonly [name: string]: unknown })[name])
      } catch (error) {
        passOn(error, kind === ERROR_AGGREGATE && name === 'errors' ? '.errors' : fieldSegment(name))
      }
    }
  }
}

function isIndex(key: string, length: number): boolean {
  const index = Number(key)
  return Number.isInteger(index) && index >= 0 && index < length && String(index) === key
}
