/**
 * Builds one batch out of records.
 *
 * 1. Record bytes are written once, into one growing buffer with room for the header before them.
 * 2. Offsets grow; time stamps are any. Offsets need not be contiguous: compaction builds batches with gaps.
 * 3. `build` ends the builder: the batch it returns shares its buffer where nothing was compressed; `release` ends that too.
 */
import { compress, compressionId, type CompressionType } from '../compression/index.ts'
import { logError } from '../errors.ts'
import {
  varlongBytes,
  varuintBytes,
  writeInt16,
  writeInt32,
  writeInt64,
  writeVarlong,
  writeVaruint,
  zigzag,
} from '../protocol/primitives.ts'
import {
  BATCH_ATTRIBUTE,
  BATCH_FIELD,
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  BATCH_PREFIX_BYTES,
  BatchView,
  NO_LEADER_EPOCH,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  NO_TIMESTAMP,
  type TimestampType,
} from './batch.ts'
import type { RecordHeader } from './record.ts'

/** The header of a batch that is built. */
export interface BatchOptions {
  /** Offset of the first record. Default 0. */
  readonly baseOffset?: number
  /** Offset of the last record where it is not that of the last one appended: a compacted batch keeps the range it had. */
  readonly lastOffset?: number
  /** Default -1. */
  readonly partitionLeaderEpoch?: number
  /** Default `none`. */
  readonly compression?: CompressionType
  /** Of gzip or zstd, within `COMPRESSION_LEVELS`; Kafka's default of each. */
  readonly compressionLevel?: number
  /** Default `CreateTime`. With `LogAppendTime`, `maxTimestamp` is the time of every record. */
  readonly timestampType?: TimestampType
  /** Default the largest of the records, -1 without records. */
  readonly maxTimestamp?: number
  /** Default the first record's time stamp. */
  readonly baseTimestamp?: number
  /** When a compacted batch's tombstones or marker may go; it takes the base time stamp's place. */
  readonly deleteHorizonMs?: number
  /** Default -1: without idempotence. */
  readonly producerId?: number
  /** Default -1. */
  readonly producerEpoch?: number
  /** Sequence of the first record; default -1. */
  readonly baseSequence?: number
  /** Whether it is part of a transaction; default false. */
  readonly transactional?: boolean
  /** Whether it holds a marker instead of records; default false. */
  readonly control?: boolean
}

/** A record for a batch that is built. */
export interface RecordToAppend {
  readonly key: Uint8Array | null
  /** Text is written as UTF-8. */
  readonly value: Uint8Array | string | null
  /** Bytes of the value, where it is text and somebody has counted them. Else they are counted as they are written, which is cheaper. */
  readonly valueBytes?: number | undefined
  /** Default -1. */
  readonly timestamp?: number
  /** Default the one after the last appended. */
  readonly offset?: number
  readonly headers?: readonly RecordHeader[]
}

/** Memory for batches that grow. */
export interface BatchMemory {
  /** A buffer with room for `bytes`, whole; undefined where there is none. */
  take(bytes: number): Buffer | undefined
  give(buffer: Buffer): void
}

const FIRST_BUFFER_BYTES = 512
/** From here on a batch is likely to become as large as they get. */
const SHARED_BYTES_MIN = 8 * 1024
/** A batch's length is a 32-bit integer. */
const BATCH_BYTES_MAX = 0x7fff_ffff

/** Of a character of a string: those of four bytes are two there. */
export const UTF8_BYTES_MAX = 3
/** Around key and value: five integers of 32 bits, one of 64, and the attributes. */
const FRAMING_BYTES_MAX = 5 * 5 + 10 + 1

const NOTHING = Buffer.alloc(0)

/** Builds a batch record by record. */
export class BatchBuilder {
  readonly #options: BatchOptions
  readonly #baseOffset: number
  #buffer: Buffer = Buffer.allocUnsafe(FIRST_BUFFER_BYTES)
  #end = BATCH_HEADER_BYTES
  #count = 0
  #lastOffset: number
  #baseTimestamp: number | undefined
  #maxTimestamp = NO_TIMESTAMP
  /** The record that was asked about last, and its bytes: mostly the one that is appended next. */
  #sized: RecordToAppend | undefined
  #sizedBody = 0
  readonly #memory: BatchMemory | undefined

  /** @param memory to be used again: see `release` */
  constructor(options: BatchOptions = {}, memory?: BatchMemory) {
    this.#options = options
    this.#memory = memory
    this.#baseOffset = options.baseOffset ?? 0
    this.#lastOffset = this.#baseOffset - 1
    this.#baseTimestamp = options.deleteHorizonMs ?? options.baseTimestamp
  }

  get recordCount(): number {
    return this.#count
  }

  /** Bytes of the batch so far, before compression. */
  get sizeBytes(): number {
    return this.#end
  }

  /** Whether the batch has no more than `limitBytes` with the record. */
  fits(record: RecordToAppend, limitBytes: number): boolean {
    const room = limitBytes - this.#end
    return sizeBytesAtMost(record) <= room || this.recordSizeBytes(record) <= room
  }

  /** Bytes by which the record would make the batch grow, before compression. */
  recordSizeBytes(record: RecordToAppend): number {
    const body = this.#bodyBytes(record)
    this.#sized = record
    this.#sizedBody = body
    return varuintBytes(zigzag(body)) + body
  }

  /** Appends a record. @throws `RECORDS_UNENCODABLE` for an offset that does not grow or a time stamp out of range. */
  append(record: RecordToAppend): void {
    const offset = record.offset ?? this.#lastOffset + 1
    const timestamp = record.timestamp ?? NO_TIMESTAMP
    const offsetDelta = offset - this.#baseOffset
    if (!(offset > this.#lastOffset) || offsetDelta > 0x7fff_ffff) throw unencodable(`offset ${offset} after ${this.#lastOffset}`)
    const timestampDelta = timestamp - (this.#baseTimestamp ?? timestamp)
    if (!Number.isSafeInteger(timestamp) || !Number.isSafeInteger(timestampDelta)) throw unencodable(`time stamp ${timestamp}`)
    this.#baseTimestamp ??= timestamp
    const isSized = this.#sized === record
    this.#sized = undefined
    if (isSized || !this.#writeAsAscii(record, timestampDelta, offsetDelta)) {
      const body = isSized ? this.#sizedBody : this.#bodyBytes(record)
      this.#reserve(body + 5)
      this.#write(record, valueBytesOf(record), body, timestampDelta, offsetDelta)
    }
    this.#lastOffset = offset
    this.#count++
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
  }

  /** The batch. A builder without records builds an empty batch, as compaction leaves them for a producer's state. */
  build(): BatchView {
    const options = this.#options
    const type = options.compression ?? 'none'
    const plain = this.#buffer.subarray(0, this.#end)
    const bytes = type === 'none' || this.#count === 0 ? plain : this.#compress(plain, type)
    this.#writeHeader(bytes, this.#count === 0 ? 'none' : type)
    const batch = new BatchView(bytes)
    batch.updateCrc()
    if (bytes !== plain) this.release()
    return batch
  }

  /** Gives the memory back that the batch was built in: nobody looks at it any more. */
  release(): void {
    this.#memory?.give(this.#buffer)
    this.#buffer = NOTHING
  }

  #compress(plain: Uint8Array, type: CompressionType): Uint8Array {
    const payload = compress(type, plain.subarray(BATCH_HEADER_BYTES), this.#options.compressionLevel)
    const bytes = Buffer.allocUnsafe(BATCH_HEADER_BYTES + payload.length)
    bytes.set(payload, BATCH_HEADER_BYTES)
    return bytes
  }

  #writeHeader(bytes: Uint8Array, type: CompressionType): void {
    const options = this.#options
    writeInt64(bytes, BATCH_FIELD.baseOffset, this.#baseOffset)
    writeInt32(bytes, BATCH_FIELD.length, bytes.length - BATCH_PREFIX_BYTES)
    writeInt32(bytes, BATCH_FIELD.partitionLeaderEpoch, options.partitionLeaderEpoch ?? NO_LEADER_EPOCH)
    bytes[BATCH_FIELD.magic] = BATCH_MAGIC
    writeInt16(bytes, BATCH_FIELD.attributes, attributes(options, type))
    writeInt32(bytes, BATCH_FIELD.lastOffsetDelta, Math.max(options.lastOffset ?? this.#lastOffset, this.#baseOffset) - this.#baseOffset)
    writeInt64(bytes, BATCH_FIELD.baseTimestamp, this.#baseTimestamp ?? NO_TIMESTAMP)
    writeInt64(bytes, BATCH_FIELD.maxTimestamp, options.maxTimestamp ?? this.#maxTimestamp)
    writeInt64(bytes, BATCH_FIELD.producerId, options.producerId ?? NO_PRODUCER_ID)
    writeInt16(bytes, BATCH_FIELD.producerEpoch, options.producerEpoch ?? NO_PRODUCER_EPOCH)
    writeInt32(bytes, BATCH_FIELD.baseSequence, options.baseSequence ?? NO_SEQUENCE)
    writeInt32(bytes, BATCH_FIELD.recordCount, this.#count)
  }

  #bodyBytes(record: RecordToAppend, valueBytes = valueBytesOf(record)): number {
    const timestamp = record.timestamp ?? NO_TIMESTAMP
    const offsetDelta = (record.offset ?? this.#lastOffset + 1) - this.#baseOffset
    let size = 1 + varlongBytes(timestamp - (this.#baseTimestamp ?? timestamp)) + varuintBytes(zigzag(offsetDelta))
    size += fieldBytes(record.key) + (valueBytes < 0 ? 1 : varuintBytes(zigzag(valueBytes)) + valueBytes)
    const headers = record.headers ?? []
    size += varuintBytes(zigzag(headers.length))
    for (const header of headers) {
      const keyBytes = Buffer.byteLength(header.key)
      size += varuintBytes(zigzag(keyBytes)) + keyBytes + fieldBytes(header.value)
    }
    return size
  }

  /** Text that nobody has counted mostly has as many bytes as characters: written as if, it need not be gone through twice. False where that was wrong, and nothing was. */
  #writeAsAscii(record: RecordToAppend, timestampDelta: number, offsetDelta: number): boolean {
    const { value, valueBytes } = record
    if (typeof value !== 'string' || valueBytes !== undefined) return false
    // Where less is written for want of room it could be as many bytes by chance.
    if (this.#end + sizeBytesAtMost(record) > this.#buffer.length) return false
    return this.#write(record, value.length, this.#bodyBytes(record, value.length), timestampDelta, offsetDelta)
  }

  /** @returns whether the value has as many bytes as were expected; else nothing counts as written */
  #write(record: RecordToAppend, valueBytes: number, body: number, timestampDelta: number, offsetDelta: number): boolean {
    const buffer = this.#buffer
    let at = writeVaruint(buffer, this.#end, zigzag(body))
    buffer[at++] = 0
    at = writeVarlong(buffer, at, timestampDelta)
    at = writeVaruint(buffer, at, zigzag(offsetDelta))
    at = writeField(buffer, at, record.key)
    at = writeVaruint(buffer, at, zigzag(valueBytes))
    const valueAt = at
    at += writeContent(buffer, at, record.value)
    if (at - valueAt !== Math.max(valueBytes, 0)) return false
    const headers = record.headers ?? []
    at = writeVaruint(buffer, at, zigzag(headers.length))
    for (const header of headers) {
      at = writeVaruint(buffer, at, zigzag(Buffer.byteLength(header.key)))
      at += buffer.write(header.key, at)
      at = writeField(buffer, at, header.value)
    }
    this.#end = at
    return true
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes
    if (needed <= this.#buffer.length) return
    if (needed > BATCH_BYTES_MAX) throw unencodable('the batch would be larger than 2 GiB')
    const shared = needed >= SHARED_BYTES_MIN ? this.#memory?.take(needed) : undefined
    const grown = shared ?? Buffer.allocUnsafe(Math.min(Math.max(needed, this.#buffer.length * 2), BATCH_BYTES_MAX))
    this.#buffer.copy(grown, 0, 0, this.#end)
    this.#memory?.give(this.#buffer)
    this.#buffer = grown
  }
}

/** A batch of these records. */
export function buildBatch(toAppend: Iterable<RecordToAppend>, options: BatchOptions = {}): BatchView {
  const builder = new BatchBuilder(options)
  for (const record of toAppend) builder.append(record)
  return builder.build()
}

/**
 * The batch with its records under another compression: the same records, header and offsets, a new CRC.
 *
 * @param decompressed what `recordBytes` or the validation made of its payload
 */
export function recompress(batch: BatchView, decompressed: Uint8Array, type: CompressionType, level?: number): BatchView {
  const payload = compress(type, decompressed, level)
  const bytes = Buffer.allocUnsafe(BATCH_HEADER_BYTES + payload.length)
  bytes.set(batch.bytes.subarray(batch.at, batch.at + BATCH_HEADER_BYTES))
  bytes.set(payload, BATCH_HEADER_BYTES)
  writeInt32(bytes, BATCH_FIELD.length, bytes.length - BATCH_PREFIX_BYTES)
  writeInt16(bytes, BATCH_FIELD.attributes, (batch.attributes & ~BATCH_ATTRIBUTE.compressionMask) | compressionId(type))
  const result = new BatchView(bytes)
  result.updateCrc()
  return result
}

function attributes(options: BatchOptions, type: CompressionType): number {
  return (
    compressionId(type) |
    (options.timestampType === 'LogAppendTime' ? BATCH_ATTRIBUTE.logAppendTime : 0) |
    (options.transactional === true ? BATCH_ATTRIBUTE.transactional : 0) |
    (options.control === true ? BATCH_ATTRIBUTE.control : 0) |
    (options.deleteHorizonMs === undefined ? 0 : BATCH_ATTRIBUTE.deleteHorizon)
  )
}

function fieldBytes(field: Uint8Array | null): number {
  return field === null ? 1 : varuintBytes(zigzag(field.length)) + field.length
}

/** -1 for null. */
function valueBytesOf({ value, valueBytes }: RecordToAppend): number {
  if (value === null) return -1
  return typeof value === 'string' ? (valueBytes ?? Buffer.byteLength(value)) : value.length
}

/** What the record takes in a batch, or more: nothing is counted for it but what has headers. */
function sizeBytesAtMost({ key, value, valueBytes, headers }: RecordToAppend): number {
  if (headers !== undefined && headers.length > 0) return Number.POSITIVE_INFINITY
  const content = value === null ? 0 : typeof value === 'string' ? (valueBytes ?? value.length * UTF8_BYTES_MAX) : value.length
  return FRAMING_BYTES_MAX + (key?.length ?? 0) + content
}

function writeContent(buffer: Buffer, at: number, content: Uint8Array | string | null): number {
  if (content === null) return 0
  if (typeof content === 'string') return buffer.write(content, at)
  buffer.set(content, at)
  return content.length
}

function writeField(buffer: Buffer, at: number, field: Uint8Array | null): number {
  if (field === null) return writeVaruint(buffer, at, zigzag(-1))
  const start = writeVaruint(buffer, at, zigzag(field.length))
  buffer.set(field, start)
  return start + field.length
}

function unencodable(problem: string): Error {
  return logError('RECORDS_UNENCODABLE', { problem })
}
