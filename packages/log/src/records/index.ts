export {
  BATCH_ATTRIBUTE,
  BATCH_FIELD,
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  BATCH_MAGIC_END,
  BATCH_PREFIX_BYTES,
  BatchView,
  headerProblem,
  NO_LEADER_EPOCH,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  NO_TIMESTAMP,
  sequenceAfter,
  sequenceBefore,
  viewBatch,
  type TimestampType,
} from './batch.ts'
export {
  BatchBuilder,
  buildBatch,
  recompress,
  UTF8_BYTES_MAX,
  type BatchMemory,
  type BatchOptions,
  type RecordToAppend,
} from './batch-builder.ts'
export { BatchCursor, batches, type BatchCursorOptions, type BatchStop } from './batch-cursor.ts'
export {
  batchEndTransactionMarker,
  buildEndTransactionMarker,
  CONTROL_TYPE,
  controlType,
  endTransactionMarker,
  type EndTransactionMarker,
  type MarkerOptions,
} from './control-record.ts'
export { crc32c } from './crc32c.ts'
export { BatchRecords, DECOMPRESSED_BYTES_MAX, RecordCursor, recordBytes, records, type LogRecord, type RecordHeader } from './record.ts'
export { validateProduced, type ProducedBatch, type ProduceRules, type RecordError, type RefusedBatch } from './validation.ts'
