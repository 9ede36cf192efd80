/**
 * The records inside a batch, read one after the other from its decompressed payload.
 *
 * Layout of a record: size varint · attributes i8 · timestampDelta varlong · offsetDelta varint · key (size varint, -1 is null) · value (likewise) ·
 * header count varint · headers (key size varint, key; value size varint, value).
 *
 * 1. A record never reaches beyond the size it begins with, nor the payload; what does is `RECORDS_CORRUPT`.
 * 2. Keys, values and header values are views of the payload: copy what outlives it.
 */
import { compressionType, decompress } from '../compression/index.ts'
import { logError, ProtocolError } from '../errors.ts'
import { ByteReader } from '../protocol/reader.ts'
import type { BatchView } from './batch.ts'
import { RecordRun } from './lent-record.ts'

/** A header of a record; names may come twice. */
export interface RecordHeader {
  readonly key: string
  readonly value: Uint8Array | null
}

/** A record with the offset and time stamp it has in its log. */
export interface LogRecord {
  readonly offset: number
  /** Milliseconds since the epoch; -1 where the producer gave none. */
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  /** The value as text, where it is ASCII and was lent together with others: decoded with them it costs a fraction. Undefined says nothing of the value. */
  readonly asciiValue?: string | undefined
  readonly headers: readonly RecordHeader[]
}

/** Decompressed bytes of one batch unless the caller says otherwise. */
export const DECOMPRESSED_BYTES_MAX: number = 128 * 1024 * 1024

const NO_HEADERS: readonly RecordHeader[] = Object.freeze([])
const ATTRIBUTES_BYTES = 1
/** Size, time stamp, offset, sizes of key and value, number of headers. */
const FRAMING_INTEGERS = 6

/** The records' bytes of a batch, decompressed: a view where it is not compressed. @throws `COMPRESSION_*` */
export function recordBytes(batch: BatchView, decompressedBytesMax: number = DECOMPRESSED_BYTES_MAX): Uint8Array {
  const type = compressionType(batch.compression)
  if (type === undefined) throw logError('COMPRESSION_UNKNOWN', { type: batch.compression })
  return decompress(type, batch.payload, decompressedBytesMax)
}

/**
 * Walks the records of a payload without making objects: `next`, then the fields of the record it stands on.
 *
 * Ask for `key`, `value`, `headers` only where needed: each makes a view.
 */
export class RecordCursor {
  readonly #reader: ByteReader
  /** Where the record begins in the payload, and where it ends. */
  start = 0
  end = 0
  timestampDelta = 0
  offsetDelta = 0
  /** -1 for null. */
  keyBytes = 0
  /** -1 for null. */
  valueBytes = 0
  headerCount = 0
  keyAt = 0
  valueAt = 0
  #headersAt = 0

  constructor(payload: Uint8Array) {
    this.#reader = new ByteReader(payload)
  }

  /** Bytes behind the record it stands on. */
  get remaining(): number {
    return this.#reader.remaining
  }

  /** Moves to the next record, headers checked too; false at the end of the payload. @throws `RECORDS_CORRUPT` */
  next(): boolean {
    const reader = this.#reader
    if (reader.remaining === 0) return false
    try {
      this.#read(reader)
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause
      throw logError('RECORDS_CORRUPT', { at: reader.position, problem: 'a record does not fit its batch' }, cause)
    }
    return true
  }

  /**
   * How many bytes are above 127 in what stands around the record's key, value and headers: of a variable-length integer all bytes but the last are. Attributes, which are
   * none by now, would not be counted.
   */
  get framingBytesAbove127(): number {
    const contentBytes = Math.max(this.keyBytes, 0) + Math.max(this.valueBytes, 0) + (this.end - this.#headersAt)
    return this.end - this.start - contentBytes - FRAMING_INTEGERS - ATTRIBUTES_BYTES
  }

  get key(): Uint8Array | null {
    return this.keyBytes < 0 ? null : this.#reader.input.subarray(this.keyAt, this.keyAt + this.keyBytes)
  }

  get value(): Uint8Array | null {
    return this.valueBytes < 0 ? null : this.#reader.input.subarray(this.valueAt, this.valueAt + this.valueBytes)
  }

  get headers(): readonly RecordHeader[] {
    if (this.headerCount === 0) return NO_HEADERS
    const reader = new ByteReader(this.#reader.input, this.#headersAt, this.end)
    const headers: RecordHeader[] = []
    for (let index = 0; index < this.headerCount; index++) {
      const key = reader.string(reader.varint())
      const size = reader.varint()
      headers.push({ key, value: size < 0 ? null : reader.bytes(size) })
    }
    return headers
  }

  #read(reader: ByteReader): void {
    this.start = reader.position
    const size = reader.varint()
    if (size < 0) throw reader.malformed(`a record of ${size} bytes`)
    const bodyAt = reader.take(size)
    this.end = reader.position
    reader.position = bodyAt
    reader.take(1)
    this.timestampDelta = reader.varlong()
    this.offsetDelta = reader.varint()
    this.keyBytes = nullable(reader.varint())
    this.keyAt = this.keyBytes < 0 ? reader.position : reader.take(this.keyBytes)
    this.valueBytes = nullable(reader.varint())
    this.valueAt = this.valueBytes < 0 ? reader.position : reader.take(this.valueBytes)
    this.headerCount = reader.varint()
    this.#headersAt = reader.position
    if (this.headerCount !== 0) skipHeaders(reader, this.headerCount)
    if (reader.position !== this.end)
      throw reader.malformed(`a record of ${this.end - bodyAt} bytes that takes ${reader.position - bodyAt}`)
  }
}

/** Every negative size means null, as Kafka reads it. */
function nullable(size: number): number {
  return size < 0 ? -1 : size
}

function skipHeaders(reader: ByteReader, count: number): void {
  if (count < 0) throw reader.malformed(`${count} headers`)
  reader.count(count, 2)
  for (let index = 0; index < count; index++) {
    const keyBytes = reader.varint()
    if (keyBytes < 0) throw reader.malformed('a header without a key')
    reader.take(keyBytes)
    const valueBytes = reader.varint()
    if (valueBytes > 0) reader.take(valueBytes)
  }
}

/**
 * The records of a batch, in order, with their offsets and time stamps, as many at a time as are asked for; a compressed payload is decompressed at once.
 */
export class BatchRecords {
  readonly #batch: BatchView
  readonly #isLent: boolean
  readonly #payload: Uint8Array
  readonly #cursor: RecordCursor
  readonly #recordCount: number
  readonly #baseOffset: number
  readonly #baseTimestamp: number
  /** Of all records, where the log has set it. */
  readonly #appendTime: number | undefined
  #count = 0

  /**
   * @param isLent whether records are looked at only until the next are taken: then nothing is made of them that is not asked for
   * @throws `COMPRESSION_*`
   */
  constructor(batch: BatchView, isLent = false, decompressedBytesMax: number = DECOMPRESSED_BYTES_MAX) {
    this.#batch = batch
    this.#isLent = isLent
    this.#payload = recordBytes(batch, decompressedBytesMax)
    this.#cursor = new RecordCursor(this.#payload)
    this.#recordCount = batch.recordCount
    this.#baseOffset = batch.baseOffset
    this.#baseTimestamp = batch.baseTimestamp
    this.#appendTime = batch.timestampType === 'LogAppendTime' ? batch.maxTimestamp : undefined
    this.#checkEnd()
  }

  get hasMore(): boolean {
    return this.#count < this.#recordCount
  }

  /**
   * Adds the next records from `fromOffset` on, until there are `limit` in all.
   *
   * @throws `RECORDS_CORRUPT` where a record does not fit or the count is not the header's; those before it have been added
   */
  take(into: LogRecord[], limit: number, fromOffset = 0): void {
    const cursor = this.#cursor
    const baseOffset = this.#baseOffset
    const baseTimestamp = this.#baseTimestamp
    const appendTime = this.#appendTime
    const run = this.#isLent ? new RecordRun(this.#payload) : undefined
    while (into.length < limit && this.#count < this.#recordCount && cursor.next()) {
      this.#count++
      const offset = baseOffset + cursor.offsetDelta
      if (offset < fromOffset) continue
      const timestamp = appendTime ?? baseTimestamp + cursor.timestampDelta
      if (run === undefined) into.push({ offset, timestamp, key: cursor.key, value: cursor.value, headers: cursor.headers })
      else into.push(run.add(cursor, offset, timestamp))
    }
    if (into.length < limit || !this.hasMore) this.#checkEnd()
  }

  #checkEnd(): void {
    const { remaining } = this.#cursor
    if (remaining > 0 === this.hasMore) return
    const problem = `${this.#recordCount} records claimed, ${this.#count} found, ${remaining} bytes behind them`
    throw logError('RECORDS_CORRUPT', { at: this.#batch.at, problem })
  }
}

/**
 * The records of a batch, in order, with their offsets and time stamps; lazily, but a compressed payload is decompressed at once.
 *
 * @throws `RECORDS_CORRUPT` where a record does not fit or the count is not the header's; `COMPRESSION_*`
 */
export function* records(batch: BatchView, decompressedBytesMax: number = DECOMPRESSED_BYTES_MAX): Generator<LogRecord, void, undefined> {
  const { baseOffset, baseTimestamp, recordCount } = batch
  const appendTime = batch.timestampType === 'LogAppendTime' ? batch.maxTimestamp : undefined
  const cursor = new RecordCursor(recordBytes(batch, decompressedBytesMax))
  let count = 0
  for (; count < recordCount && cursor.next(); count++) {
    const { key, value, headers } = cursor
    yield { offset: baseOffset + cursor.offsetDelta, timestamp: appendTime ?? baseTimestamp + cursor.timestampDelta, key, value, headers }
  }
  if (count !== recordCount || cursor.remaining > 0) {
    const problem = `${recordCount} records claimed, ${count} found, ${cursor.remaining} bytes behind them`
    throw logError('RECORDS_CORRUPT', { at: batch.at, problem })
  }
}
