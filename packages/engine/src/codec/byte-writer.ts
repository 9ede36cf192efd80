/**
 * Bytes written one behind the other into a buffer that grows.
 *
 * 1. `memory` is large enough for what `reserve` was asked; it is another buffer after a `reserve`, so it is read anew after each.
 * 2. What lies beyond `at` is undefined.
 */
import { engineError } from '../errors.ts'
import { allocateTextBuffer, isLatin1, type TextBuffer } from './text-buffer.ts'
import { VALUE_BYTES_MAX } from './value-format.ts'

/** Texts up to this length are checked and copied unit by unit: a call into Node costs more. */
export const LOOPED_TEXT_LENGTH_MAX = 20

/** The same, for bytes. */
const LOOPED_BYTES_MAX = 64
const FIRST_SIZE_MIN = 16

export class ByteWriter {
  protected memory: TextBuffer
  protected numbers: DataView
  protected at = 0
  /** Of the bytes written since the last `reset` those that are units of texts longer than `LOOPED_TEXT_LENGTH_MAX`: in memory they take as much. */
  longTextBytes = 0

  constructor(sizeBytes: number) {
    this.memory = allocateTextBuffer(Math.max(FIRST_SIZE_MIN, sizeBytes))
    this.numbers = new DataView(this.memory.buffer)
  }

  /** Where the next byte goes, and so how many have been written. */
  get position(): number {
    return this.at
  }

  /** Starts over; the memory is kept. */
  reset(): void {
    this.at = 0
    this.longTextBytes = 0
  }

  /** Forgets what was written from `position` on. */
  rewind(position: number): void {
    this.at = position
  }

  /** A copy of what was written; starts over. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(this.at)
    taken.set(this.memory.subarray(0, this.at))
    this.at = 0
    return taken
  }

  /** What was written, without a copy: good until the next call. */
  view(from = 0, to: number = this.at): Uint8Array<ArrayBuffer> {
    return this.memory.subarray(from, to) as unknown as Uint8Array<ArrayBuffer>
  }

  byte(value: number): void {
    this.reserve(1)
    this.memory[this.at++] = value
  }

  /** A whole number from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.reserve(8)
    let rest = value
    while (rest > 0x7fffffff) {
      this.memory[this.at++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    while (rest > 0x7f) {
      this.memory[this.at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.memory[this.at++] = rest
  }

  uint32(value: number): void {
    this.reserve(4)
    this.numbers.setUint32(this.at, value, true)
    this.at += 4
  }

  float64(value: number): void {
    this.reserve(8)
    this.numbers.setFloat64(this.at, value === value ? value : NaN, true)
    this.at += 8
  }

  raw(bytes: Uint8Array): void {
    const length = bytes.length
    this.reserve(length)
    const { memory, at } = this
    if (length > LOOPED_BYTES_MAX) memory.set(bytes, at)
    else for (let i = 0; i < length; i++) memory[at + i] = bytes[i]!
    this.at = at + length
  }

  /** Overwrites a byte written before. */
  patchByte(at: number, value: number): void {
    this.memory[at] = value
  }

  /** Overwrites four bytes written before, such as a length that was not known yet. */
  patchUint32(at: number, value: number): void {
    this.numbers.setUint32(at, value, true)
  }

  /** A text without a tag. */
  text(text: string): void {
    const length = text.length
    if (length > LOOPED_TEXT_LENGTH_MAX) return this.#longText(text)
    const start = this.at
    this.reserve(1 + 2 * length)
    const bytes = this.memory
    let at = start
    bytes[at++] = length << 1
    let all = 0
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      all |= unit
      bytes[at++] = unit
    }
    if (all <= 0xff) this.at = at
    else this.wideText(text)
  }

  #longText(text: string): void {
    const { length } = text
    if (!isLatin1(text)) {
      this.longTextBytes += length * 2
      return this.wideText(text)
    }
    this.longTextBytes += length
    this.varint(length * 2)
    this.reserve(length)
    this.at += this.memory.latin1Write(text, this.at)
  }

  protected wideText(text: string): void {
    this.varint(text.length * 2 + 1)
    this.reserve(text.length * 2)
    this.at += this.memory.ucs2Write(text, this.at)
  }

  protected reserve(size: number): void {
    if (this.at + size > this.memory.length) this.#grow(size)
  }

  #grow(size: number): void {
    const needed = this.at + size
    if (needed > VALUE_BYTES_MAX) throw engineError('VALUE_TOO_LARGE', { limit: VALUE_BYTES_MAX })
    const grown = allocateTextBuffer(Math.min(VALUE_BYTES_MAX, Math.max(needed, this.memory.length * 2)))
    grown.set(this.memory.subarray(0, this.at))
    this.memory = grown
    this.numbers = new DataView(grown.buffer)
  }
}
