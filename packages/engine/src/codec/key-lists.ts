/**
 * The key lists of objects that were read: the same bytes mean the same list, and a list met often gets a function that makes its objects.
 *
 * 1. A remembered list is found by all its bytes, never by a hash alone.
 * 2. At most `KEY_LISTS_MAX` lists are kept, whatever is read: objects used as maps have a list each.
 */
import { ByteReader } from './byte-reader.ts'
import { compile } from './compile.ts'
import { literalCode } from './object-maker.ts'

const KEY_LISTS_MAX = 512
/** A power of two. */
const SLOTS = 256
const REMEMBERED_BYTES_MAX = 1_024
/** How often a list is met before code is generated for it. */
const SIGHTINGS_BEFORE_CODE = 8
const CODE_KEYS_MAX = 128

export interface KeyList {
  readonly keys: readonly string[]
  /** No key is `__proto__`: fields can be assigned. */
  readonly plain: boolean
  /** Makes an object with all the keys, undefined. */
  make: (() => { [key: string]: unknown }) | undefined
}

interface Remembered extends KeyList {
  readonly block: Uint8Array
  sightings: number
}

export class KeyLists {
  readonly #slots: (Remembered[] | undefined)[] = Array.from({ length: SLOTS }, () => undefined)
  #count = 0
  readonly #keyReader = new ByteReader()

  /** Reads a list; the reader is then behind it. */
  read(reader: ByteReader): KeyList {
    const length = reader.varint()
    const block = reader.peek(length)
    const at = reader.position
    reader.seek(at + length)
    if (length === 0) return NO_KEYS
    const slot = (length * 31 + block[at]! * 17 + block[at + (length >> 1)]! * 7 + block[at + length - 1]!) & (SLOTS - 1)
    const found = this.#find(slot, block, at, length)
    if (found !== undefined) {
      if (++found.sightings === SIGHTINGS_BEFORE_CODE && found.keys.length <= CODE_KEYS_MAX) found.make = makerOf(found.keys)
      return found
    }
    const bytes = Uint8Array.from(block.subarray(at, at + length))
    const list: Remembered = { ...this.#parse(bytes, reader), make: undefined, block: bytes, sightings: 1 }
    if (this.#count < KEY_LISTS_MAX && length <= REMEMBERED_BYTES_MAX) {
      this.#count++
      ;(this.#slots[slot] ??= []).push(list)
    }
    return list
  }

  #find(slot: number, bytes: Uint8Array, at: number, length: number): Remembered | undefined {
    const candidates = this.#slots[slot]
    if (candidates === undefined) return undefined
    for (let c = 0; c < candidates.length; c++) {
      const candidate = candidates[c]!
      const block = candidate.block
      if (block.length !== length) continue
      let i = 0
      while (i < length && block[i] === bytes[at + i]) i++
      if (i === length) return candidate
    }
    return undefined
  }

  #parse(block: Uint8Array, reader: ByteReader): { keys: readonly string[]; plain: boolean } {
    this.#keyReader.reset(block)
    const keys: string[] = []
    while (this.#keyReader.remaining > 0) keys.push(this.#keyReader.text())
    if (new Set(keys).size !== keys.length) throw reader.corrupt('an object has a key twice')
    return { keys, plain: !keys.includes('__proto__') }
  }
}

const NO_KEYS: KeyList = { keys: [], plain: true, make: () => ({}) }

function makerOf(keys: readonly string[]): () => { [key: string]: unknown } {
  const nothing = keys.map(() => 'undefined')
  return compile(`return () => (${literalCode(keys, nothing)})`) as () => { [key: string]: unknown }
}
