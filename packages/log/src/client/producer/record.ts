import type { RecordHeader } from '../../records/index.ts'

/** A record to write. Text is written as UTF-8. */
export interface ProducerRecord {
  readonly topic: string
  /** Chosen by the key, or by the producer where there is none, unless it is given. */
  readonly partition?: number
  readonly key?: Uint8Array | string | null
  /** Null is a tombstone: in a compacted topic it deletes the key. */
  readonly value: Uint8Array | string | null
  readonly headers?: readonly { readonly key: string; readonly value: Uint8Array | string | null }[]
  /** Milliseconds since 1970; now by default. */
  readonly timestamp?: number
}

/** Where an acknowledged record is. */
export interface RecordMetadata {
  readonly topic: string
  readonly partition: number
  /** -1 where the broker does not tell: without acknowledgements, and for a repetition whose first answer was lost long ago. */
  readonly offset: number
  /** Milliseconds since 1970, as it stands in the log. */
  readonly timestamp: number
}

export function bytesOf(text: Uint8Array | string | null | undefined): Uint8Array | null {
  return text === undefined || text === null ? null : typeof text === 'string' ? Buffer.from(text) : text
}

const NO_HEADERS: readonly RecordHeader[] = []

export function headersOf(headers: ProducerRecord['headers']): readonly RecordHeader[] {
  if (headers === undefined || headers.length === 0) return NO_HEADERS
  return headers.map(({ key, value }) => ({ key, value: bytesOf(value) }))
}
