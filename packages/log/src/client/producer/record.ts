import { inspect } from 'node:util'
import type { RecordHeader } from '../../records/index.ts'
import { clientError } from '../errors.ts'

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

/** What is no record must not come among others: it would be noticed only where all of them are sent. @throws `CLIENT_RECORD_INVALID` */
export function checkRecord(record: ProducerRecord): void {
  const { topic, partition, key, value, headers, timestamp } = record
  const isContentful = isContent(value) && (key === undefined || isContent(key)) && typeof topic === 'string' && topic !== ''
  // Most records are so: nothing is made for them.
  if (isContentful && partition === undefined && headers === undefined && (timestamp === undefined || isTime(timestamp))) return
  checkParts(record)
}

function checkParts({ topic, partition, key, value, headers, timestamp }: ProducerRecord): void {
  const invalid = (part: string, found: unknown, expected: string): never => {
    const place = typeof topic === 'string' && topic !== '' ? `topic ${topic}` : 'no topic'
    throw clientError('CLIENT_RECORD_INVALID', { topic, place, part, found: inspect(found, { depth: 0, maxStringLength: 80 }), expected })
  }
  if (typeof topic !== 'string' || topic === '') invalid('topic', topic, 'a name')
  if (key !== undefined && !isContent(key)) invalid('key', key, 'bytes, text, or null')
  if (!isContent(value)) invalid('value', value, 'bytes, text, or null')
  if (partition !== undefined && !(Number.isInteger(partition) && partition >= 0)) invalid('partition', partition, 'a whole number from 0')
  if (timestamp !== undefined && !isTime(timestamp)) invalid('timestamp', timestamp, 'milliseconds since 1970')
  if (headers === undefined) return
  if (!Array.isArray(headers)) invalid('headers', headers, 'a list of them')
  for (const header of headers) {
    if (typeof header?.key !== 'string') invalid('header', header, 'a key with a value')
    if (!isContent(header.value)) invalid(`header ${header.key}`, header.value, 'bytes, text, or null')
  }
}

function isTime(timestamp: number): boolean {
  return Number.isSafeInteger(timestamp) && timestamp >= -1
}

function isContent(value: unknown): boolean {
  return value === null || typeof value === 'string' || value instanceof Uint8Array
}

type Contents = Pick<ProducerRecord, 'key' | 'value' | 'headers'>

/** The record with bytes of its own: whoever gave it may use theirs again. */
export function ownRecord<R extends Contents>(record: R): R {
  const { key, value, headers } = record
  return {
    ...record,
    ...(key === undefined ? {} : { key: ownBytes(key) }),
    value: ownBytes(value),
    ...(headers === undefined ? {} : { headers: headers.map((header) => ({ key: header.key, value: ownBytes(header.value) })) }),
  }
}

function ownBytes<T>(content: T): T | Uint8Array {
  return content instanceof Uint8Array ? Uint8Array.from(content) : content
}

export function bytesOf(text: Uint8Array | string | null | undefined): Uint8Array | null {
  return text === undefined || text === null ? null : typeof text === 'string' ? Buffer.from(text) : text
}

const NO_HEADERS: readonly RecordHeader[] = []

export function headersOf(headers: ProducerRecord['headers']): readonly RecordHeader[] {
  if (headers === undefined || headers.length === 0) return NO_HEADERS
  return headers.map(({ key, value }) => ({ key, value: bytesOf(value) }))
}
