import type { ValueFile } from './value-files.ts'
import {
  lengthOfRecord,
  RECORD_HEADER_BYTES,
  recordAt,
  recordLength,
  valueIn,
  writeRecord,
  type ValuePlace,
  type ValueRecord,
} from './value-record.ts'
import type { SoughtValue, ValuePiece } from './value-pieces.ts'

/** What is appended together. */
const TAIL_BYTES = 256 * 1024
/** Memory for a value that is read now is kept up to this. */
const READ_KEPT_BYTES_MAX = 64 * 1024
/** What is read together where all is read. */
const CHUNK_BYTES = 512 * 1024

const EMPTY = Buffer.alloc(0)

/** One file of values. The newest of them are in memory until there are enough. */
export class ValueSegment {
  readonly number: number
  readonly file: ValueFile
  /** Of it what does not count any more, about. */
  #garbageBytes: number
  #tail: Buffer = EMPTY
  #tailBytes = 0
  #read: Buffer = EMPTY

  constructor(number: number, file: ValueFile, garbageBytes: number = 0) {
    this.number = number
    this.file = file
    this.#garbageBytes = garbageBytes
  }

  get garbageBytes(): number {
    return this.#garbageBytes
  }

  /** So many bytes more do not count any more, about. Answers how many that are: there are no more than it has. */
  outdate(bytes: number): number {
    const more = Math.min(bytes, this.length - this.#garbageBytes)
    this.#garbageBytes += more
    return more
  }

  /** Bytes of it, with those in memory. */
  get length(): number {
    return this.file.length + this.#tailBytes
  }

  /** Answers where the record begins. */
  append(key: Uint8Array, value: Uint8Array): number {
    const length = recordLength(key.length, value.length)
    if (this.#tailBytes + length > this.#tail.length) this.#makeRoom(length)
    const offset = this.length
    writeRecord(this.#tail, this.#tailBytes, key, value)
    this.#tailBytes += length
    return offset
  }

  /** Good until the next call. @throws TypeError where it is not what was written */
  valueNow(key: Uint8Array, place: ValuePlace): Uint8Array {
    const length = recordLength(key.length, place.valueLength)
    const fromMemory = this.#inMemory(place.offset, length)
    if (fromMemory !== undefined) return this.#checked(fromMemory, key, place)
    const bytes = this.#memoryFor(length)
    this.file.readNow(bytes, place.offset)
    return this.#checked(bytes, key, place)
  }

  /** In memory of its own. Rejects with a TypeError where it is not what was written. */
  async value(key: Uint8Array, place: ValuePlace): Promise<Uint8Array> {
    const length = recordLength(key.length, place.valueLength)
    const bytes = Buffer.allocUnsafeSlow(length)
    const fromMemory = this.#inMemory(place.offset, length)
    if (fromMemory === undefined) await this.file.read(bytes, place.offset)
    else bytes.set(fromMemory)
    return this.#checked(bytes, key, place)
  }

  /** Nothing is appended any more. */
  seal(): void {
    this.#flush()
    this.#tail = EMPTY
  }

  /** Whether the value is in memory, and not in the file. */
  hasInMemory({ offset }: ValuePlace): boolean {
    return offset >= this.file.length
  }

  /** Values that lie close to each other in the file, in memory that they share. Those that are what was written go to `found`. Rejects where they cannot be read. */
  async piece<T extends SoughtValue>(
    { offset, length, sought }: ValuePiece<T>,
    found: (sought: T, value: Uint8Array) => void,
  ): Promise<void> {
    const bytes = Buffer.allocUnsafeSlow(length)
    await this.file.read(bytes, offset)
    for (const each of sought) {
      const value = valueIn(bytes, each.place.offset - offset, each.key, each.place)
      if (value !== undefined) found(each, value)
    }
  }

  /** Bytes of what is sealed, from `offset`: whole records, at least one. Rejects with a TypeError where they are not what was written. */
  async records(offset: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, this.length - offset))
    await this.file.read(bytes, offset)
    const first = lengthOfRecord(bytes, 0) ?? Infinity
    if (first > this.length - offset) throw this.#damaged(offset)
    if (first <= bytes.length) return bytes
    const whole = Buffer.allocUnsafeSlow(first)
    await this.file.read(whole, offset)
    return whole
  }

  /** All records of what is sealed, from `offset`. */
  recordsNow(offset: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(this.length - offset)
    this.file.readNow(bytes, offset)
    return bytes
  }

  /** The record at a place of what `records` has answered for an offset; undefined where it is not whole there. @throws TypeError where it is not what was written */
  recordIn(bytes: Buffer, at: number, offset: number): ValueRecord | undefined {
    const length = lengthOfRecord(bytes, at)
    const end = at + (length ?? RECORD_HEADER_BYTES)
    if (length !== undefined && end <= bytes.length) return recordAt(bytes, at) ?? this.#fail(offset + at)
    if (at === bytes.length || offset + end <= this.length) return undefined
    throw this.#damaged(offset + at)
  }

  /** All of the file as it is. */
  async *bytes(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < this.file.length; at += CHUNK_BYTES) {
      const bytes = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, this.file.length - at))
      await this.file.read(bytes, at)
      yield bytes
    }
  }

  #memoryFor(length: number): Buffer {
    if (length > READ_KEPT_BYTES_MAX) return Buffer.allocUnsafeSlow(length)
    if (this.#read.length < length) this.#read = Buffer.allocUnsafeSlow(Math.min(2 * length, READ_KEPT_BYTES_MAX))
    return this.#read.subarray(0, length)
  }

  #inMemory(offset: number, length: number): Buffer | undefined {
    const at = offset - this.file.length
    if (at + length > this.#tailBytes) throw this.#damaged(offset)
    return at < 0 ? undefined : this.#tail.subarray(at, at + length)
  }

  #checked(bytes: Buffer, key: Uint8Array, place: ValuePlace): Uint8Array {
    return valueIn(bytes, 0, key, place) ?? this.#fail(place.offset)
  }

  #makeRoom(length: number): void {
    this.#flush()
    if (this.#tail.length < length) this.#tail = Buffer.allocUnsafeSlow(Math.max(TAIL_BYTES, length))
  }

  #flush(): void {
    if (this.#tailBytes === 0) return
    this.file.appendNow(this.#tail.subarray(0, this.#tailBytes))
    this.#tailBytes = 0
  }

  #fail(offset: number): never {
    throw this.#damaged(offset)
  }

  #damaged(offset: number): TypeError {
    return new TypeError(`the value at byte ${offset} of ${this.file.name} is not what was written`)
  }
}
