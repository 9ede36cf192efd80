/**
 * What a broker checks of the records a client produces, and what it answers.
 *
 * Of the batch: exactly one, format v2, size, CRC, base offset 0, offset range and count, no control batch, a sequence for a producer id, compression known and
 * allowed. Of each record: it fits the batch, its offset delta follows the one before, its time stamp is in range, it has a key where the topic is compacted.
 *
 * 1. Nothing is thrown for what a client sent; nothing is changed. The caller patches offsets and time stamps once the append is decided.
 * 2. A compressed batch is decompressed once; the result carries the bytes, so that another compression can reuse them.
 */
import { discardBytes, MillraceError } from '@millrace/core'
import { compressionType, type CompressionType } from '../compression/index.ts'
import { ERROR_CODE } from '../protocol/error-codes.ts'
import { NO_TIMESTAMP, type BatchView, type TimestampType } from './batch.ts'
import { BatchCursor } from './batch-cursor.ts'
import { DECOMPRESSED_BYTES_MAX, RecordCursor, recordBytes } from './record.ts'

/** What a topic asks of the batches that are appended to it. */
export interface ProduceRules {
  /** `max.message.bytes` of the topic: the largest batch. */
  readonly batchBytesMax: number
  /** Default `DECOMPRESSED_BYTES_MAX`. */
  readonly decompressedBytesMax?: number
  /** `message.timestamp.type` of the topic. */
  readonly timestampType: TimestampType
  /** The time of the append, for the range of the time stamps and for LogAppendTime. */
  readonly nowMs: number
  /** `message.timestamp.before.max.ms`. */
  readonly timestampBeforeMaxMs: number
  /** `message.timestamp.after.max.ms`. */
  readonly timestampAfterMaxMs: number
  /** Whether the topic is compacted: its records need keys. */
  readonly keyRequired: boolean
  /** Whether zstd may be used: from Produce version 7 on. Default true. */
  readonly zstdAllowed?: boolean
}

/** A record that was refused, by its place in the batch. */
export interface RecordError {
  readonly batchIndex: number
  readonly message: string
}

/** A batch that may be appended. */
export interface ProducedBatch {
  readonly ok: true
  readonly batch: BatchView
  readonly compression: CompressionType
  /** The records, decompressed: a view of the batch where it is not compressed. */
  readonly records: Uint8Array
  readonly timestampType: TimestampType
  /** What the batch's largest time stamp must be: of the records, or the time of the append. Patch it with `setMaxTimestamp`. */
  readonly maxTimestamp: number
  /** Offset delta of the first record that has the largest time stamp: 0 with LogAppendTime, and where no record has one. */
  readonly maxTimestampDelta: number
}

/** A batch that may not, with what its producer is answered. */
export interface RefusedBatch {
  readonly ok: false
  /** For the response's `errorCode`, `errorMessage` and `recordErrors`. */
  readonly errorCode: number
  readonly message: string
  readonly recordErrors: readonly RecordError[]
}

/** Record errors that a response lists: enough to see what is wrong, bounded for batches in which everything is. */
const RECORD_ERRORS_MAX = 1000

const NO_RECORD_ERRORS: readonly RecordError[] = Object.freeze([])

/** Validates the records of one partition of a produce request. */
export function validateProduced(bytes: Uint8Array | null, rules: ProduceRules): ProducedBatch | RefusedBatch {
  const found = onlyBatch(bytes)
  if ('ok' in found) return found
  return checkBatch(found, rules) ?? checkRecords(found, rules)
}

function onlyBatch(bytes: Uint8Array | null): BatchView | RefusedBatch {
  if (bytes === null || bytes.length === 0) return refused('INVALID_RECORD', 'The produce request has no record batch')
  const cursor = new BatchCursor(bytes)
  const batch = cursor.next()
  if (batch === undefined) {
    const { stop } = cursor
    if (stop?.reason !== 'corrupt') return refused('CORRUPT_MESSAGE', 'The record batch is cut off')
    const code = stop.problem.startsWith('magic') ? 'INVALID_RECORD' : 'CORRUPT_MESSAGE'
    return refused(code, `The record batch is not valid: ${stop.problem}`)
  }
  return cursor.position === bytes.length ? batch : refused('INVALID_RECORD', 'The produce request has more than one record batch')
}

function checkBatch(batch: BatchView, rules: ProduceRules): RefusedBatch | undefined {
  if (batch.sizeBytes > rules.batchBytesMax) {
    return refused('MESSAGE_TOO_LARGE', `The record batch has ${batch.sizeBytes} bytes where ${rules.batchBytesMax} are allowed`)
  }
  if (!batch.isCrcValid()) return refused('CORRUPT_MESSAGE', 'The CRC of the record batch does not match')
  if (batch.baseOffset !== 0) return refused('INVALID_RECORD', `The base offset of the record batch is ${batch.baseOffset}, not 0`)
  const { recordCount, lastOffsetDelta } = batch
  if (recordCount === 0) return refused('INVALID_RECORD', 'The record batch has no records')
  if (recordCount !== lastOffsetDelta + 1) {
    return refused('INVALID_RECORD', `The record batch has ${recordCount} records for ${lastOffsetDelta + 1} offsets`)
  }
  if (batch.isControl) return refused('INVALID_RECORD', 'Clients may not write control records')
  if (batch.timestampType === 'LogAppendTime')
    return refused('INVALID_TIMESTAMP', 'Clients may not set the time stamp type to LogAppendTime')
  if (batch.hasProducerId && batch.baseSequence < 0) {
    return refused('INVALID_RECORD', `The record batch of producer ${batch.producerId} has the sequence ${batch.baseSequence}`)
  }
  if (batch.isTransactional && !batch.hasProducerId) return refused('INVALID_RECORD', 'A transactional record batch has no producer id')
  const type = compressionType(batch.compression)
  if (type === undefined) return refused('UNSUPPORTED_COMPRESSION_TYPE', `The compression ${batch.compression} is not known`)
  if (type === 'zstd' && rules.zstdAllowed === false) return refused('UNSUPPORTED_COMPRESSION_TYPE', 'This version of Produce has no zstd')
  return undefined
}

function checkRecords(batch: BatchView, rules: ProduceRules): ProducedBatch | RefusedBatch {
  try {
    const records = recordBytes(batch, rules.decompressedBytesMax ?? DECOMPRESSED_BYTES_MAX)
    const result = walkRecords(batch, rules, records)
    if (!result.ok && batch.compression !== 0) discardBytes(records)
    return result
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    if (error.code === 'RECORDS_CORRUPT') return refused('INVALID_RECORD', error.message)
    if (error.code === 'COMPRESSION_TOO_LARGE') return refused('MESSAGE_TOO_LARGE', error.message)
    if (error.code === 'COMPRESSION_UNAVAILABLE') return refused('UNSUPPORTED_COMPRESSION_TYPE', error.message)
    if (error.code === 'COMPRESSION_CORRUPT') return refused('CORRUPT_MESSAGE', error.message)
    throw error
  }
}

function walkRecords(batch: BatchView, rules: ProduceRules, records: Uint8Array): ProducedBatch | RefusedBatch {
  const { recordCount, baseTimestamp } = batch
  const isAppendTime = rules.timestampType === 'LogAppendTime'
  const earliest = rules.nowMs - rules.timestampBeforeMaxMs
  const latest = rules.nowMs + rules.timestampAfterMaxMs
  const errors = new RecordErrors()
  const cursor = new RecordCursor(records)
  let maxTimestamp = NO_TIMESTAMP
  let maxTimestampDelta = 0
  for (let index = 0; index < recordCount; index++) {
    if (!cursor.next()) return refused('INVALID_RECORD', `The record batch claims ${recordCount} records and has ${index}`)
    if (cursor.offsetDelta !== index) return refused('INVALID_RECORD', `Record ${index} has the offset delta ${cursor.offsetDelta}`)
    const timestamp = baseTimestamp + cursor.timestampDelta
    if (!Number.isSafeInteger(timestamp)) return refused('INVALID_RECORD', `The time stamp of record ${index} does not fit a safe integer`)
    if (rules.keyRequired && cursor.keyBytes < 0) errors.add(index, 'INVALID_RECORD', 'A compacted topic takes no record without a key')
    else if (!isAppendTime && timestamp !== NO_TIMESTAMP && !(timestamp >= earliest && timestamp <= latest)) {
      errors.add(index, 'INVALID_TIMESTAMP', `The time stamp ${timestamp} is outside of ${earliest} to ${latest}`)
    }
    if (timestamp > maxTimestamp) {
      maxTimestamp = timestamp
      maxTimestampDelta = index
    }
  }
  if (cursor.remaining > 0) return refused('INVALID_RECORD', `${cursor.remaining} bytes follow the last record of the batch`)
  if (errors.total > 0) return errors.refusal()
  const compression = compressionType(batch.compression)!
  const { timestampType } = rules
  if (isAppendTime) return { ok: true, batch, compression, records, timestampType, maxTimestamp: rules.nowMs, maxTimestampDelta: 0 }
  return { ok: true, batch, compression, records, timestampType, maxTimestamp, maxTimestampDelta }
}

/** The refused records of a batch. One time stamp out of range makes the whole answer INVALID_TIMESTAMP. */
class RecordErrors {
  readonly #listed: RecordError[] = []
  #invalidTimestamp = false
  total = 0

  add(batchIndex: number, code: 'INVALID_RECORD' | 'INVALID_TIMESTAMP', message: string): void {
    this.total++
    this.#invalidTimestamp ||= code === 'INVALID_TIMESTAMP'
    if (this.#listed.length < RECORD_ERRORS_MAX) this.#listed.push({ batchIndex, message })
  }

  refusal(): RefusedBatch {
    const message = `${this.total} of the records are not valid, the first because: ${this.#listed[0]!.message}`
    return refused(this.#invalidTimestamp ? 'INVALID_TIMESTAMP' : 'INVALID_RECORD', message, this.#listed)
  }
}

function refused(code: keyof typeof ERROR_CODE, message: string, recordErrors: readonly RecordError[] = NO_RECORD_ERRORS): RefusedBatch {
  return { ok: false, errorCode: ERROR_CODE[code], message, recordErrors }
}
