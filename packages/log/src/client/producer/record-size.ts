import type { RecordToAppend } from '../../records/index.ts'
import { clientError } from '../errors.ts'

/** What a record takes beside its bytes. */
const RECORD_OVERHEAD_BYTES = 48

/** What a record takes in the buffer. */
export function recordBytes({ key, value, valueBytes, headers }: RecordToAppend): number {
  let bytes = RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (valueBytes ?? value?.length ?? 0)
  for (const header of headers ?? []) bytes += 8 + header.key.length + (header.value?.length ?? 0)
  return bytes
}

/** @throws `CLIENT_RECORD_TOO_LARGE` */
export function checkRecordSize(topic: string, record: RecordToAppend, limitBytes: number): void {
  const size = recordBytes(record)
  if (size > limitBytes) throw clientError('CLIENT_RECORD_TOO_LARGE', { topic, size, limit: limitBytes })
}
