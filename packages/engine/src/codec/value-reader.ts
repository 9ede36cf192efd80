/**
 * Reads values in the format of `value-format.ts`.
 *
 * 1. Every string, array and object read has memory of its own: none keeps the bytes, or another string, alive.
 * 2. What is allocated is bounded by the bytes that are there, not by the lengths they claim.
 * 3. An object has its number before its contents are read, so that they may refer to it.
 */
import { ByteReader } from './byte-reader.ts'
import { makeError, makeView } from './natives.ts'
import { defineField } from './object-maker.ts'
import { regexFlags, SHORT_TEXT, SMALL_INTEGER_MAX, tag, VALUE_DEPTH_MAX } from './value-format.ts'
import { KeyLists, type KeyList } from './key-lists.ts'

/** The length from which an array with holes is kept from getting memory for its whole length. */
const LARGE_ARRAY_LENGTH = 1_024
const ARRAY_LENGTH_MAX: number = 2 ** 32 - 1

export class ValueReader extends ByteReader {
  readonly #keyLists = new KeyLists()
  #depth = 0
  #objects: unknown[] = []
  #objectCount = 0

  /** @throws VALUE_CORRUPT */
  value(): unknown {
    const first = this.end > this.at ? this.memory[this.at]! : -1
    // Most cells are small numbers.
    if (first >= 0 && first <= SMALL_INTEGER_MAX) {
      this.at++
      return first
    }
    try {
      return this.#any()
    } finally {
      this.#depth = 0
      if (this.#objectCount > 0) this.#forget()
    }
  }

  #forget(): void {
    // A large list is dropped whole; a small one is emptied, to be used again.
    if (this.#objects.length > 64) this.#objects = []
    else for (let i = 0; i < this.#objectCount; i++) this.#objects[i] = undefined
    this.#objectCount = 0
  }

  #any(): unknown {
    const first = this.byte()
    if (first <= SMALL_INTEGER_MAX) return first
    if (first < tag.undefined) return this.narrowText(first - SHORT_TEXT)
    switch (first) {
      case tag.undefined:
        return undefined
      case tag.null:
        return null
      case tag.false:
        return false
      case tag.true:
        return true
      case tag.int8:
        return (this.byte() << 24) >> 24
      case tag.int16:
        this.need(2)
        this.at += 2
        return this.numbers.getInt16(this.at - 2, true)
      case tag.int32:
        this.need(4)
        this.at += 4
        return this.numbers.getInt32(this.at - 4, true)
      case tag.float64:
        return this.float64()
      case tag.bigintPositive:
        return this.#magnitude()
      case tag.bigintNegative:
        return -this.#magnitude()
      case tag.text:
        return this.text()
      case tag.reference:
        return this.#reference()
      default:
        return this.#container(first)
    }
  }

  #container(first: number): unknown {
    if (++this.#depth > VALUE_DEPTH_MAX) throw this.corrupt(`it is nested deeper than ${VALUE_DEPTH_MAX} levels`)
    const value = this.#contents(first)
    this.#depth--
    return value
  }

  #contents(first: number): unknown {
    switch (first) {
      case tag.object:
        return this.#fields()
      case tag.objectWithoutPrototype:
        return this.#fill(this.#numbered(Object.create(null) as { [key: string]: unknown }), this.#keyLists.read(this))
      case tag.array:
        return this.#array()
      case tag.sparseArray:
        return this.#sparseArray()
      case tag.map:
        return this.#map()
      case tag.set:
        return this.#set()
      case tag.date:
        return this.#numbered(new Date(this.float64()))
      case tag.regex:
        return this.#regex()
      case tag.arrayBuffer:
        return this.#numbered(this.raw(this.varint()).buffer)
      case tag.view:
        return this.#view()
      case tag.error:
        return this.#error()
      default:
        throw this.corrupt(`0x${first.toString(16)} is no tag`)
    }
  }

  #numbered<T>(object: T): T {
    this.#objects[this.#objectCount++] = object
    return object
  }

  #reference(): unknown {
    const number = this.varint()
    if (number >= this.#objectCount) throw this.corrupt(`it refers to object ${number} of ${this.#objectCount}`)
    return this.#objects[number]
  }

  #magnitude(): bigint {
    const bytes = this.raw(this.varint())
    return bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex')}`)
  }

  #fields(): object {
    const list = this.#keyLists.read(this)
    const made = this.#numbered(list.make === undefined ? {} : list.make())
    return this.#fill(made, list)
  }

  #fill(object: { [key: string]: unknown }, list: KeyList): object {
    const keys = list.keys
    if (list.plain) for (let i = 0; i < keys.length; i++) object[keys[i]!] = this.#any()
    else for (let i = 0; i < keys.length; i++) defineField(object, keys[i]!, this.#any())
    return object
  }

  #array(): unknown[] {
    const length = this.#count(1)
    const array: unknown[] = this.#numbered([])
    for (let i = 0; i < length; i++) array.push(this.#any())
    return array
  }

  #sparseArray(): unknown[] {
    const length = this.varint()
    const count = this.#count(2)
    if (length > ARRAY_LENGTH_MAX || count > length) throw this.corrupt(`an array of length ${length} with ${count} elements`)
    const array: unknown[] = this.#numbered([])
    if (length > LARGE_ARRAY_LENGTH) {
      // An element far out makes V8 keep the array as a table.
      array[length - 1] = undefined
      Reflect.deleteProperty(array, length - 1)
    }
    array.length = length
    let index = -1
    for (let i = 0; i < count; i++) {
      index += this.varint() + 1
      if (index >= length) throw this.corrupt(`an element at ${index} of an array of length ${length}`)
      array[index] = this.#any()
    }
    return array
  }

  #map(): Map<unknown, unknown> {
    const size = this.#count(2)
    const map = this.#numbered(new Map<unknown, unknown>())
    for (let i = 0; i < size; i++) map.set(this.#any(), this.#any())
    return map
  }

  #set(): Set<unknown> {
    const size = this.#count(1)
    const set = this.#numbered(new Set<unknown>())
    for (let i = 0; i < size; i++) set.add(this.#any())
    return set
  }

  #regex(): RegExp {
    const bits = this.byte()
    const source = this.text()
    const lastIndex = this.varint()
    const flags = regexFlags.filter((_, index) => (bits & (1 << index)) !== 0).join('')
    try {
      const regex = new RegExp(source, flags)
      regex.lastIndex = lastIndex
      return this.#numbered(regex)
    } catch {
      throw this.corrupt('a regular expression that this Node does not accept')
    }
  }

  #view(): ArrayBufferView {
    const kind = this.byte()
    const view = makeView(kind, this.raw(this.varint()).buffer)
    if (view === undefined) throw this.corrupt(`a typed array of kind ${kind}, which this Node does not have or whose length does not fit`)
    return this.#numbered(view)
  }

  #error(): Error {
    const kind = this.byte()
    const error = makeError(kind)
    if (error === undefined) throw this.corrupt(`an error of kind ${kind}`)
    this.#numbered(error)
    const count = this.#count(3)
    for (let i = 0; i < count; i++) {
      const name = this.text()
      const enumerable = this.byte() === 1
      Object.defineProperty(error, name, { value: this.#any(), enumerable, writable: true, configurable: true })
    }
    return error
  }

  /** A claimed number of parts, each of at least `bytesMin` bytes: refused at once if they cannot be there. */
  #count(bytesMin: number): number {
    const count = this.varint()
    if (count * bytesMin > this.remaining) throw this.corrupt(`it claims ${count} parts and ${this.remaining} bytes are left`)
    return count
  }
}
