/**
 * A record batch (format v2) where it lies in a buffer: every header field a getter, patched in place.
 *
 * Layout: baseOffset i64 · length i32 · partitionLeaderEpoch i32 · magic i8 · crc u32 · attributes i16 · lastOffsetDelta i32 · baseTimestamp i64 ·
 * maxTimestamp i64 · producerId i64 · producerEpoch i16 · baseSequence i32 · recordCount i32 · records. The CRC-32C covers attributes onward.
 *
 * 1. The view holds no state but where the batch begins: it is as good as the bytes under it, and valid as long as they are not overwritten.
 * 2. Base offset and leader epoch lie before the CRC and are patched without a new one; whatever lies behind is patched together with the CRC.
 */
import { logError } from '../errors.ts'
import {
  isSafeInt64,
  readInt16,
  readInt32,
  readInt64,
  readInt8,
  readUint32,
  writeInt16,
  writeInt32,
  writeInt64,
} from '../protocol/primitives.ts'
import { crc32c } from './crc32c.ts'

/** Bytes of a batch's header: everything before its records. */
export const BATCH_HEADER_BYTES = 61
/** Bytes before what the `length` field counts. */
export const BATCH_PREFIX_BYTES = 12
/** Bytes that tell a batch's size and magic. */
export const BATCH_MAGIC_END = 17
/** The only batch format that is read and written. */
export const BATCH_MAGIC = 2

/** The batch is of a producer without idempotence. */
export const NO_PRODUCER_ID = -1
/** Goes with `NO_PRODUCER_ID`. */
export const NO_PRODUCER_EPOCH = -1
/** Goes with `NO_PRODUCER_ID`, and stands in markers of transactions. */
export const NO_SEQUENCE = -1
/** The record has no time. */
export const NO_TIMESTAMP = -1
/** Nobody has said which leader wrote the batch. */
export const NO_LEADER_EPOCH = -1

/** Where each header field begins. */
export const BATCH_FIELD = {
  baseOffset: 0,
  length: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const

/** Bits of the attributes. */
export const BATCH_ATTRIBUTE = {
  compressionMask: 0x07,
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
  deleteHorizon: 0x40,
} as const

/** Whose time records have: their producer's, or the broker's when it appended them. As `message.timestamp.type`. */
export type TimestampType = 'CreateTime' | 'LogAppendTime'

/** A batch where it lies in a buffer, header fields as getters. */
export class BatchView {
  readonly bytes: Uint8Array
  /** Where the batch begins in `bytes`. */
  readonly at: number

  /** The caller knows that a whole batch lies at `at` (see `BatchCursor`). */
  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  get baseOffset(): number {
    return readInt64(this.bytes, this.at)
  }

  /** Bytes behind the length field. */
  get length(): number {
    return readInt32(this.bytes, this.at + BATCH_FIELD.length)
  }

  /** Bytes of the whole batch. */
  get sizeBytes(): number {
    return this.length + BATCH_PREFIX_BYTES
  }

  get partitionLeaderEpoch(): number {
    return readInt32(this.bytes, this.at + BATCH_FIELD.partitionLeaderEpoch)
  }

  get magic(): number {
    return readInt8(this.bytes, this.at + BATCH_FIELD.magic)
  }

  get crc(): number {
    return readUint32(this.bytes, this.at + BATCH_FIELD.crc)
  }

  get attributes(): number {
    return readInt16(this.bytes, this.at + BATCH_FIELD.attributes)
  }

  /** The compression's id on the wire: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd; 5 to 7 are not assigned. */
  get compression(): number {
    return this.attributes & BATCH_ATTRIBUTE.compressionMask
  }

  get timestampType(): TimestampType {
    return this.attributes & BATCH_ATTRIBUTE.logAppendTime ? 'LogAppendTime' : 'CreateTime'
  }

  get isTransactional(): boolean {
    return (this.attributes & BATCH_ATTRIBUTE.transactional) !== 0
  }

  get isControl(): boolean {
    return (this.attributes & BATCH_ATTRIBUTE.control) !== 0
  }

  /** When tombstones and markers of a compacted batch may go; undefined where compaction has not set it. */
  get deleteHorizonMs(): number | undefined {
    return this.attributes & BATCH_ATTRIBUTE.deleteHorizon ? this.baseTimestamp : undefined
  }

  get lastOffsetDelta(): number {
    return readInt32(this.bytes, this.at + BATCH_FIELD.lastOffsetDelta)
  }

  get lastOffset(): number {
    return this.baseOffset + this.lastOffsetDelta
  }

  get nextOffset(): number {
    return this.lastOffset + 1
  }

  get baseTimestamp(): number {
    return readInt64(this.bytes, this.at + BATCH_FIELD.baseTimestamp)
  }

  get maxTimestamp(): number {
    return readInt64(this.bytes, this.at + BATCH_FIELD.maxTimestamp)
  }

  get producerId(): number {
    return readInt64(this.bytes, this.at + BATCH_FIELD.producerId)
  }

  get hasProducerId(): boolean {
    return this.producerId > NO_PRODUCER_ID
  }

  get producerEpoch(): number {
    return readInt16(this.bytes, this.at + BATCH_FIELD.producerEpoch)
  }

  get baseSequence(): number {
    return readInt32(this.bytes, this.at + BATCH_FIELD.baseSequence)
  }

  /** The sequence of the last record; it wraps from 2^31-1 to 0. -1 without a producer. */
  get lastSequence(): number {
    const base = this.baseSequence
    return base === NO_SEQUENCE ? NO_SEQUENCE : sequenceAfter(base, this.lastOffsetDelta)
  }

  get recordCount(): number {
    return readInt32(this.bytes, this.at + BATCH_FIELD.recordCount)
  }

  /** The records as they lie there, compressed or not: a view. */
  get payload(): Uint8Array {
    return this.bytes.subarray(this.at + BATCH_HEADER_BYTES, this.at + this.sizeBytes)
  }

  /** The whole batch: a view. */
  get whole(): Uint8Array {
    return this.bytes.subarray(this.at, this.at + this.sizeBytes)
  }

  isCrcValid(): boolean {
    return this.crc === this.#computeCrc()
  }

  setBaseOffset(offset: number): void {
    writeInt64(this.bytes, this.at, offset)
  }

  /** Sets the base offset so that the last record has `offset`. */
  setLastOffset(offset: number): void {
    this.setBaseOffset(offset - this.lastOffsetDelta)
  }

  setPartitionLeaderEpoch(epoch: number): void {
    writeInt32(this.bytes, this.at + BATCH_FIELD.partitionLeaderEpoch, epoch)
  }

  /** Sets the type of the timestamps and the largest of them, with the CRC; does nothing where both are so already. */
  setMaxTimestamp(type: TimestampType, timestampMs: number): void {
    if (this.timestampType === type && this.maxTimestamp === timestampMs) return
    const attributes = this.attributes
    const { logAppendTime } = BATCH_ATTRIBUTE
    writeInt16(
      this.bytes,
      this.at + BATCH_FIELD.attributes,
      type === 'LogAppendTime' ? attributes | logAppendTime : attributes & ~logAppendTime,
    )
    writeInt64(this.bytes, this.at + BATCH_FIELD.maxTimestamp, timestampMs)
    this.updateCrc()
  }

  /** Sets the producer's fields, with the CRC. */
  setProducer(producerId: number, producerEpoch: number, baseSequence: number): void {
    writeInt64(this.bytes, this.at + BATCH_FIELD.producerId, producerId)
    writeInt16(this.bytes, this.at + BATCH_FIELD.producerEpoch, producerEpoch)
    writeInt32(this.bytes, this.at + BATCH_FIELD.baseSequence, baseSequence)
    this.updateCrc()
  }

  /** Writes the CRC of the bytes as they are now. */
  updateCrc(): void {
    writeInt32(this.bytes, this.at + BATCH_FIELD.crc, this.#computeCrc())
  }

  #computeCrc(): number {
    return crc32c(this.bytes, this.at + BATCH_FIELD.attributes, this.at + this.sizeBytes)
  }
}

/** The sequence number `count` records after `sequence`: it wraps from 2^31-1 to 0. */
export function sequenceAfter(sequence: number, count: number): number {
  const next = sequence + count
  return next > 0x7fff_ffff ? next - 0x8000_0000 : next
}

/** The sequence number `count` records before `sequence`: it wraps from 0 to 2^31-1. */
export function sequenceBefore(sequence: number, count: number): number {
  const previous = sequence - count
  return previous < 0 ? previous + 0x8000_0000 : previous
}

/** What makes the header of a whole batch senseless, or undefined. Does not look at the CRC. */
export function headerProblem(batch: BatchView): string | undefined {
  const { bytes, at } = batch
  for (const field of ['baseOffset', 'baseTimestamp', 'maxTimestamp', 'producerId'] as const) {
    if (!isSafeInt64(bytes, at + BATCH_FIELD[field])) return `${field} does not fit a safe integer`
  }
  if (batch.baseOffset < 0) return `base offset ${batch.baseOffset}`
  if (batch.lastOffsetDelta < 0) return `last offset delta ${batch.lastOffsetDelta}`
  if (!Number.isSafeInteger(batch.lastOffset)) return 'the last offset does not fit a safe integer'
  if (batch.recordCount < 0) return `record count ${batch.recordCount}`
  return undefined
}

/** A batch whose header makes sense, alone at the start of `bytes`. @throws `RECORDS_CORRUPT` otherwise; the CRC is not looked at. */
export function viewBatch(bytes: Uint8Array): BatchView {
  const batch = new BatchView(bytes)
  const whole = bytes.length >= BATCH_HEADER_BYTES && batch.magic === BATCH_MAGIC && batch.length >= BATCH_HEADER_BYTES - BATCH_PREFIX_BYTES
  if (!whole || batch.sizeBytes > bytes.length) throw logError('RECORDS_CORRUPT', { at: 0, problem: 'no whole batch' })
  const problem = headerProblem(batch)
  if (problem !== undefined) throw logError('RECORDS_CORRUPT', { at: 0, problem })
  return batch
}
