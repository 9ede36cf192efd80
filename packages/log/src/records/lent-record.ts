/**
 * Records that are lent: views of their batch, made only where they are asked for, and the text of a run of them made at once.
 */
import type { LogRecord, RecordCursor, RecordHeader } from './record.ts'

/** A run of larger records gains nothing, and would hold their bytes twice. */
const TEXT_BYTES_MAX = 128 * 1024

/** Not in the types of Node. */
const { latin1Slice } = Buffer.prototype as unknown as { readonly latin1Slice: (this: Uint8Array, start: number, end: number) => string }
/** What is written there is not looked at. */
let scratch: Buffer | undefined

/** Records of one batch that follow each other. */
export class RecordRun {
  readonly #payload: Uint8Array
  readonly #memory: ArrayBufferLike
  readonly #memoryAt: number
  #start = -1
  #end = 0
  #framingBytesAbove127 = 0
  /** Undefined where it is not ASCII; null where nobody has asked yet. */
  #text: string | undefined | null = null

  constructor(payload: Uint8Array) {
    this.#payload = payload
    this.#memory = payload.buffer
    this.#memoryAt = payload.byteOffset
  }

  /** The record that the cursor stands on. All are added before anything is asked of one. */
  add(cursor: RecordCursor, offset: number, timestamp: number): LogRecord {
    if (this.#start < 0) this.#start = cursor.start
    this.#end = cursor.end
    this.#framingBytesAbove127 += cursor.framingBytesAbove127
    return new LentRecord(this, cursor, offset, timestamp)
  }

  /** Bytes of the payload without what the subarray of a Buffer does besides. */
  view(at: number, bytes: number): Uint8Array {
    return new Uint8Array(this.#memory, this.#memoryAt + at, bytes)
  }

  /** Of a value whose run is ASCII but for the integers around keys and values. */
  asciiText(at: number, bytes: number): string | undefined {
    if (this.#text === null) this.#text = this.#decode()
    return this.#text?.substring(at - this.#start, at - this.#start + bytes)
  }

  #decode(): string | undefined {
    if (this.#end - this.#start > TEXT_BYTES_MAX) return undefined
    const text = latin1Slice.call(this.#payload, this.#start, this.#end)
    // As UTF-8 each character above 127 takes a byte more. Writing them is faster than counting them by Buffer.byteLength.
    scratch ??= Buffer.allocUnsafeSlow(2 * TEXT_BYTES_MAX)
    return scratch.write(text) - text.length === this.#framingBytesAbove127 ? text : undefined
  }
}

class LentRecord implements LogRecord {
  readonly offset: number
  readonly timestamp: number
  readonly headers: readonly RecordHeader[]
  readonly #run: RecordRun
  readonly #keyAt: number
  readonly #keyBytes: number
  readonly #valueAt: number
  readonly #valueBytes: number

  constructor(run: RecordRun, cursor: RecordCursor, offset: number, timestamp: number) {
    this.offset = offset
    this.timestamp = timestamp
    this.headers = cursor.headers
    this.#run = run
    this.#keyAt = cursor.keyAt
    this.#keyBytes = cursor.keyBytes
    this.#valueAt = cursor.valueAt
    this.#valueBytes = cursor.valueBytes
  }

  get key(): Uint8Array | null {
    return this.#keyBytes < 0 ? null : this.#run.view(this.#keyAt, this.#keyBytes)
  }

  get value(): Uint8Array | null {
    return this.#valueBytes < 0 ? null : this.#run.view(this.#valueAt, this.#valueBytes)
  }

  get asciiValue(): string | undefined {
    return this.#valueBytes < 0 ? undefined : this.#run.asciiText(this.#valueAt, this.#valueBytes)
  }
}
