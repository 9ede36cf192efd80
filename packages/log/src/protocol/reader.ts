/**
 * Reads the primitive types of the protocol from a range of a byte array.
 *
 * 1. `position` never passes `end`; every read checks first and throws a `ProtocolError`, so that hostile input cannot read beside its frame.
 * 2. Nothing is allocated by a length the input claims: `bytes` and `string` take what is there, `count` bounds an element count by the bytes that remain.
 * 3. Array elements are counted over the whole message: objects cost many times the bytes they came from.
 * 4. `bytes` are views of the input: copy what outlives it. Uuids and strings are copies.
 */
import { ProtocolError } from '../errors.ts'
import { readInt16, readInt32, readInt64, readInt8, readUint16, readUint32, unzigzag, VARLONG_BYTES_MAX } from './primitives.ts'

const UUID_BYTES = 16
const TWO_28 = 0x1000_0000
/** Array elements of one message, unless the caller says otherwise. */
export const MESSAGE_ELEMENTS_MAX = 2_000_000

/** Reads the protocol's types one after the other. */
export class ByteReader {
  readonly input: Uint8Array
  readonly end: number
  position: number
  /** Array elements that may still be read. */
  elementsLeft: number
  /** The same bytes as a Buffer: the fastest decoder of short strings. */
  readonly #text: Buffer

  constructor(input: Uint8Array, start = 0, end: number = input.length, elementsMax: number = MESSAGE_ELEMENTS_MAX) {
    this.input = input
    this.elementsLeft = elementsMax
    this.position = start
    this.end = end
    this.#text = Buffer.isBuffer(input) ? input : Buffer.from(input.buffer, input.byteOffset, input.byteLength)
  }

  get remaining(): number {
    return this.end - this.position
  }

  /** Moves behind `size` bytes and returns where they begin. */
  take(size: number): number {
    const at = this.position
    if (size > this.end - at) throw new ProtocolError('PROTOCOL_TRUNCATED', { at, needed: size - (this.end - at) })
    this.position = at + size
    return at
  }

  int8(): number {
    return readInt8(this.input, this.take(1))
  }

  boolean(): boolean {
    return this.input[this.take(1)] !== 0
  }

  int16(): number {
    return readInt16(this.input, this.take(2))
  }

  uint16(): number {
    return readUint16(this.input, this.take(2))
  }

  int32(): number {
    return readInt32(this.input, this.take(4))
  }

  uint32(): number {
    return readUint32(this.input, this.take(4))
  }

  int64(): number {
    return readInt64(this.input, this.take(8))
  }

  float64(): number {
    return this.#text.readDoubleBE(this.take(8))
  }

  /** An unsigned 32-bit variable-length integer. */
  varuint(): number {
    const { input, position: at, end } = this
    const first = input[at]!
    // Most are of one byte or two. Beyond the end nothing is less than anything, or is looked at again.
    if (first < 0x80 && at < end) {
      this.position = at + 1
      return first
    }
    const second = input[at + 1]!
    if (second < 0x80 && at + 1 < end) {
      this.position = at + 2
      return (first & 0x7f) | (second << 7)
    }
    return this.#longVaruint()
  }

  #longVaruint(): number {
    let value = this.input[this.take(1)]! & 0x7f
    for (let shift = 7; shift < 35; shift += 7) {
      const byte = this.input[this.take(1)]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        if (shift === 28 && byte > 0x0f) throw this.malformed('a variable-length integer of more than 32 bits')
        return value >>> 0
      }
    }
    throw this.malformed('a variable-length integer of more than five bytes')
  }

  /** A zigzag 32-bit variable-length integer. */
  varint(): number {
    return unzigzag(this.varuint())
  }

  /** A zigzag 64-bit variable-length integer that is safe. */
  varlong(): number {
    const start = this.position
    const first = this.input[this.take(1)]!
    if (first < 0x80) return unzigzag(first)
    // The sign is the lowest bit: the magnitude is put together without it, so that it stays a safe integer.
    let low = (first & 0x7f) >>> 1
    let high = 0
    let byte = first
    for (let index = 1; byte > 0x7f; index++) {
      if (index === VARLONG_BYTES_MAX) throw this.malformed('a variable-length integer of more than ten bytes')
      byte = this.input[this.take(1)]!
      const bits = byte & 0x7f
      if (index < 4) low += bits << (7 * index - 1)
      else if (index === 4) {
        low += (bits & 1) * 0x800_0000
        high = bits >>> 1
      } else high += bits * 2 ** (7 * index - 29)
    }
    const magnitude = high * TWO_28 + low
    if (magnitude > Number.MAX_SAFE_INTEGER - 1 + (1 - (first & 1))) throw new ProtocolError('PROTOCOL_INT64_RANGE', { at: start })
    return first & 1 ? -magnitude - 1 : magnitude
  }

  /** The next `size` bytes, a view. A negative size is malformed. */
  bytes(size: number): Uint8Array {
    if (size < 0) throw this.malformed('a negative length')
    const at = this.take(size)
    return this.input.subarray(at, at + size)
  }

  /** The next `size` bytes as UTF-8 text. A negative size is malformed. */
  string(size: number): string {
    if (size < 0) throw this.malformed('a negative length')
    const at = this.take(size)
    if (size === 0) return ''
    return this.#text.toString('utf8', at, at + size)
  }

  /** A count of elements that each take at least `elementBytesMin` bytes: refused when so many cannot be left. */
  count(claimed: number, elementBytesMin: number): number {
    if (claimed * elementBytesMin > this.end - this.position) {
      throw this.malformed(`${claimed} elements claimed where ${this.end - this.position} bytes remain`)
    }
    if (claimed > this.elementsLeft) throw this.malformed('more array elements than a message may have')
    this.elementsLeft -= claimed
    return claimed
  }

  /** Sixteen opaque bytes, a copy. */
  uuid(): Uint8Array {
    const at = this.take(UUID_BYTES)
    return Uint8Array.prototype.slice.call(this.input, at, at + UUID_BYTES)
  }

  shortString(): string {
    return this.string(this.int16())
  }

  shortStringOrNull(): string | null {
    const size = this.int16()
    return size === -1 ? null : this.string(size)
  }

  compactString(): string {
    return this.string(this.varuint() - 1)
  }

  compactStringOrNull(): string | null {
    const size = this.varuint()
    return size === 0 ? null : this.string(size - 1)
  }

  longBytes(): Uint8Array {
    return this.bytes(this.int32())
  }

  longBytesOrNull(): Uint8Array | null {
    const size = this.int32()
    return size === -1 ? null : this.bytes(size)
  }

  compactBytes(): Uint8Array {
    return this.bytes(this.varuint() - 1)
  }

  compactBytesOrNull(): Uint8Array | null {
    const size = this.varuint()
    return size === 0 ? null : this.bytes(size - 1)
  }

  /** An array's element count; -1 for null. */
  longCount(elementBytesMin: number): number {
    const claimed = this.int32()
    if (claimed < -1) throw this.malformed(`${claimed} elements`)
    return claimed === -1 ? -1 : this.count(claimed, elementBytesMin)
  }

  /** An array's element count in compact form; -1 for null. */
  compactCount(elementBytesMin: number): number {
    const claimed = this.varuint() - 1
    return claimed === -1 ? -1 : this.count(claimed, elementBytesMin)
  }

  /** A count of tagged fields: each takes at least two bytes. */
  tagCount(): number {
    return this.count(this.varuint(), 2)
  }

  /** Skips tagged fields that nobody asked for. */
  skipTags(): void {
    for (let left = this.tagCount(); left > 0; left--) {
      this.varuint()
      this.take(this.varuint())
    }
  }

  malformed(problem: string): ProtocolError {
    return new ProtocolError('PROTOCOL_MALFORMED', { at: this.position, problem })
  }
}
