/**
 * Writes the primitive types of the protocol into as few chunks as large byte arrays allow.
 *
 * 1. Byte arrays of `VIEW_BYTES_MIN` and more become chunks of their own, not copies: they must not change until the chunks are sent.
 * 2. A value that its type cannot carry is a `ProtocolError` with the field's name, never a truncated integer.
 * 3. `sizeBytes` is the sum of all chunks, streamed ones too.
 */
import { ProtocolError } from '../errors.ts'
import { varuintBytes, writeInt16, writeInt32, writeInt64, writeVaruint } from './primitives.ts'
import { StreamedBytes } from './streamed-bytes.ts'

const CHUNK_BYTES = 256
const CHUNK_BYTES_MAX = 64 * 1024
/** From this size on a chunk of its own costs less than a copy. */
const VIEW_BYTES_MIN = 1024
/** Strings up to this length are first tried as ASCII, without a call into the engine's encoder. */
const ASCII_LENGTH_MAX = 32
const UUID_BYTES = 16

/** Writes the protocol's types one after the other. */
export class ByteWriter {
  #chunks: (Uint8Array | StreamedBytes)[] = []
  #chunksBytes = 0
  #buffer: Buffer
  #start = 0
  #end = 0

  constructor(firstChunkBytes: number = CHUNK_BYTES) {
    this.#buffer = Buffer.allocUnsafe(firstChunkBytes)
  }

  get sizeBytes(): number {
    return this.#chunksBytes + this.#end - this.#start
  }

  /** What was written, in order, to be sent with one gathering write. Ends the writer. @throws ProtocolError where a part is streamed */
  chunks(): Uint8Array[] {
    const parts = this.parts()
    if (parts.every((part) => part instanceof Uint8Array)) return parts
    throw unencodable('records', 'a part that is streamed', 'part of a message in memory')
  }

  /** What was written, in order, with the parts that are streamed in their places. Ends the writer. */
  parts(): (Uint8Array | StreamedBytes)[] {
    this.#cut()
    return this.#chunks
  }

  int8(value: number, field: string): void {
    if ((value << 24) >> 24 !== value) throw unencodable(field, value, 'int8')
    this.#reserve(1)
    this.#buffer[this.#end++] = value
  }

  bool(value: boolean, _field: string): void {
    this.#reserve(1)
    this.#buffer[this.#end++] = value ? 1 : 0
  }

  int16(value: number, field: string): void {
    if ((value << 16) >> 16 !== value) throw unencodable(field, value, 'int16')
    this.#reserve(2)
    writeInt16(this.#buffer, this.#end, value)
    this.#end += 2
  }

  uint16(value: number, field: string): void {
    if ((value & 0xffff) !== value) throw unencodable(field, value, 'uint16')
    this.#reserve(2)
    writeInt16(this.#buffer, this.#end, value)
    this.#end += 2
  }

  int32(value: number, field: string): void {
    if ((value | 0) !== value) throw unencodable(field, value, 'int32')
    this.#reserve(4)
    writeInt32(this.#buffer, this.#end, value)
    this.#end += 4
  }

  uint32(value: number, field: string): void {
    if (value >>> 0 !== value) throw unencodable(field, value, 'uint32')
    this.#reserve(4)
    writeInt32(this.#buffer, this.#end, value)
    this.#end += 4
  }

  int64(value: number, field: string): void {
    if (!Number.isSafeInteger(value)) throw unencodable(field, value, 'int64')
    this.#reserve(8)
    writeInt64(this.#buffer, this.#end, value)
    this.#end += 8
  }

  float64(value: number, field: string): void {
    if (typeof value !== 'number') throw unencodable(field, value, 'float64')
    this.#reserve(8)
    this.#end = this.#buffer.writeDoubleBE(value, this.#end)
  }

  varuint(value: number): void {
    this.#reserve(5)
    this.#end = writeVaruint(this.#buffer, this.#end, value)
  }

  uuid(value: Uint8Array, field: string): void {
    if (value?.length !== UUID_BYTES) throw unencodable(field, value, 'uuid of 16 bytes')
    this.#reserve(UUID_BYTES)
    this.#buffer.set(value, this.#end)
    this.#end += UUID_BYTES
  }

  shortString(value: string, field: string): void {
    if (typeof value !== 'string') throw unencodable(field, value, 'string')
    const size = value.length <= ASCII_LENGTH_MAX && this.#ascii(value, 2) ? value.length : Buffer.byteLength(value)
    if (size > 0x7fff) throw unencodable(field, `a string of ${size} bytes`, 'string of at most 32767 bytes')
    this.#reserve(size + 2)
    writeInt16(this.#buffer, this.#end, size)
    this.#text(value, size, 2)
  }

  shortStringOrNull(value: string | null, field: string): void {
    if (value === null) this.int16(-1, field)
    else this.shortString(value, field)
  }

  compactString(value: string, field: string): void {
    if (typeof value !== 'string') throw unencodable(field, value, 'string')
    const size = value.length <= ASCII_LENGTH_MAX && this.#ascii(value, 1) ? value.length : Buffer.byteLength(value)
    this.#reserve(size + 5)
    writeVaruint(this.#buffer, this.#end, size + 1)
    this.#text(value, size, varuintBytes(size + 1))
  }

  compactStringOrNull(value: string | null, field: string): void {
    if (value === null) this.varuint(0)
    else this.compactString(value, field)
  }

  longBytes(value: Uint8Array | StreamedBytes, field: string): void {
    if (!(value instanceof Uint8Array) && !(value instanceof StreamedBytes)) throw unencodable(field, value, 'bytes')
    this.int32(value.length, field)
    this.raw(value)
  }

  longBytesOrNull(value: Uint8Array | StreamedBytes | null, field: string): void {
    if (value === null) this.int32(-1, field)
    else this.longBytes(value, field)
  }

  compactBytes(value: Uint8Array | StreamedBytes, field: string): void {
    if (!(value instanceof Uint8Array) && !(value instanceof StreamedBytes)) throw unencodable(field, value, 'bytes')
    this.varuint(value.length + 1)
    this.raw(value)
  }

  compactBytesOrNull(value: Uint8Array | StreamedBytes | null, field: string): void {
    if (value === null) this.varuint(0)
    else this.compactBytes(value, field)
  }

  longCount(value: readonly unknown[], field: string): void {
    if (!Array.isArray(value)) throw unencodable(field, value, 'array')
    this.int32(value.length, field)
  }

  compactCount(value: readonly unknown[], field: string): void {
    if (!Array.isArray(value)) throw unencodable(field, value, 'array')
    this.varuint(value.length + 1)
  }

  /** Bytes as they are, without a length: a copy of short ones, the very array of long ones. */
  raw(value: Uint8Array | StreamedBytes): void {
    if (value.length >= VIEW_BYTES_MIN || value instanceof StreamedBytes) {
      this.#cut()
      this.#push(value)
      return
    }
    this.#reserve(value.length)
    this.#buffer.set(value, this.#end)
    this.#end += value.length
  }

  /** A tagged field: its number, the size of what `content` holds, and that. Ends `content`. */
  tagged(tag: number, content: ByteWriter): void {
    this.varuint(tag)
    this.varuint(content.sizeBytes)
    for (const part of content.parts()) this.raw(part)
  }

  /** Writes the string as ASCII `gap` bytes behind the end; false, with nothing settled, where it is not ASCII. */
  #ascii(value: string, gap: number): boolean {
    // Room for any prefix: what follows must not move to another buffer.
    this.#reserve(ASCII_LENGTH_MAX + 5)
    const buffer = this.#buffer
    const at = this.#end + gap
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index)
      if (code > 0x7f) return false
      buffer[at + index] = code
    }
    return true
  }

  /** Settles a string whose length prefix of `prefix` bytes is written at the end. */
  #text(value: string, size: number, prefix: number): void {
    const at = this.#end + prefix
    // Equal sizes mean ASCII, which `#ascii` has written already where the string is short.
    if (value.length > ASCII_LENGTH_MAX || size !== value.length) this.#buffer.write(value, at)
    this.#end = at + size
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return
    this.#cut()
    const size = Math.max(bytes, Math.min(this.#buffer.length * 2, CHUNK_BYTES_MAX))
    this.#buffer = Buffer.allocUnsafe(size)
    this.#start = 0
    this.#end = 0
  }

  #cut(): void {
    if (this.#end > this.#start) this.#push(this.#buffer.subarray(this.#start, this.#end))
    this.#start = this.#end
  }

  #push(chunk: Uint8Array | StreamedBytes): void {
    this.#chunks.push(chunk)
    this.#chunksBytes += chunk.length
  }
}

function unencodable(field: string, value: unknown, type: string): ProtocolError {
  const shown = typeof value === 'object' && value !== null ? 'an object' : String(value)
  return new ProtocolError('PROTOCOL_UNENCODABLE', { field, problem: `${shown} is no ${type}` })
}
