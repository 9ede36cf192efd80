/**
 * Reads what `ByteWriter` wrote.
 *
 * 1. Nothing is read at or past `end`: input that ends early, or lies, is a VALUE_CORRUPT.
 * 2. Texts and byte arrays handed out have memory of their own.
 */
import type { MillraceError } from '@millrace/core'
import { engineError } from '../errors.ts'
import { viewAsTextBuffer, type TextBuffer } from './text-buffer.ts'

const EMPTY = new Uint8Array(0)

export class ByteReader {
  protected memory: TextBuffer = viewAsTextBuffer(EMPTY.buffer, 0, 0)
  protected numbers: DataView = new DataView(EMPTY.buffer)
  protected at = 0
  protected end = 0

  constructor(bytes: Uint8Array = EMPTY) {
    this.reset(bytes)
  }

  /** Reads from here on, from the first byte. */
  reset(bytes: Uint8Array): void {
    this.memory = viewAsTextBuffer(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.numbers = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = 0
    this.end = bytes.byteLength
  }

  /** Where the next byte is read. */
  get position(): number {
    return this.at
  }

  /** Goes on at another place of the same bytes. */
  seek(position: number): void {
    this.at = position
  }

  /** Bytes not yet read. */
  get remaining(): number {
    return this.end - this.at
  }

  byte(): number {
    this.need(1)
    return this.memory[this.at++]!
  }

  varint(): number {
    let byte = this.byte()
    if (byte < 0x80) return byte
    let value = byte & 0x7f
    let scale = 128
    do {
      byte = this.byte()
      value += (byte & 0x7f) * scale
      scale *= 128
      if (value > Number.MAX_SAFE_INTEGER) throw this.corrupt('a length is beyond 2^53')
    } while (byte >= 0x80)
    return value
  }

  uint32(): number {
    this.need(4)
    const value = this.numbers.getUint32(this.at, true)
    this.at += 4
    return value
  }

  float64(): number {
    this.need(8)
    const value = this.numbers.getFloat64(this.at, true)
    this.at += 8
    return value
  }

  /** A copy of the next bytes. */
  raw(length: number): Uint8Array<ArrayBuffer> {
    this.need(length)
    const copy = new Uint8Array(length)
    copy.set(this.memory.subarray(this.at, this.at + length))
    this.at += length
    return copy
  }

  /** The memory that is read, of which the next `length` bytes from `position` on are there. */
  peek(length: number): Uint8Array {
    this.need(length)
    return this.memory
  }

  /** A text without a tag. */
  text(): string {
    const header = this.varint()
    const length = Math.floor(header / 2)
    return header % 2 === 0 ? this.narrowText(length) : this.#wideText(length)
  }

  protected narrowText(length: number): string {
    this.need(length)
    const at = this.at
    this.at = at + length
    if (length === 0) return ''
    if (length === 1) return String.fromCharCode(this.memory[at]!)
    return this.memory.latin1Slice(at, at + length)
  }

  #wideText(length: number): string {
    this.need(length * 2)
    const at = this.at
    this.at = at + length * 2
    return this.memory.ucs2Slice(at, at + length * 2)
  }

  protected need(length: number): void {
    if (length > this.end - this.at) throw this.corrupt(`${length} more bytes are needed and ${this.end - this.at} are there`)
  }

  corrupt(problem: string): MillraceError {
    return engineError('VALUE_CORRUPT', { at: this.at, problem })
  }
}
