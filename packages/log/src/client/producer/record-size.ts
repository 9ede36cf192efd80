import { UTF8_BYTES_MAX, type RecordToAppend } from '../../records/index.ts'
import { clientError } from '../errors.ts'

/** What a record takes beside its bytes. */
export const RECORD_OVERHEAD_BYTES = 40
/** Around its key and value in a batch. */
const FRAMING_BYTES = 8

/** What a record takes in the buffer until it is in a batch. Text is counted, which costs something. */
export function recordBytes(record: RecordToAppend): number {
  const { value, valueBytes } = record
  return sizeWith(record, typeof value === 'string' ? (valueBytes ?? Buffer.byteLength(value)) : (value?.length ?? 0))
}

/** @throws `CLIENT_RECORD_TOO_LARGE` */
export function checkRecordSize(topic: string, record: RecordToAppend, limitBytes: number): void {
  const { value, valueBytes } = record
  const valueBytesMax = typeof value === 'string' ? (valueBytes ?? value.length * UTF8_BYTES_MAX) : (value?.length ?? 0)
  if (sizeWith(record, valueBytesMax) <= limitBytes) return
  const size = recordBytes(record)
  if (size > limitBytes) throw clientError('CLIENT_RECORD_TOO_LARGE', { topic, size, limit: limitBytes })
}

function sizeWith({ key, headers }: RecordToAppend, valueBytes: number): number {
  let bytes = RECORD_OVERHEAD_BYTES + FRAMING_BYTES + (key?.length ?? 0) + valueBytes
  if (headers !== undefined) for (const header of headers) bytes += 8 + header.key.length + (header.value?.length ?? 0)
  return bytes
}
