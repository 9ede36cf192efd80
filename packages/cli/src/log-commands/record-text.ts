import { isUtf8 } from 'node:buffer'
import { cliError } from '../errors.ts'

/** Bytes in JSON: text where they are UTF-8, else an object with them in base64. */
export type JsonBytes = string | null | { readonly base64: string }

export function jsonOfBytes(bytes: Uint8Array | null): JsonBytes {
  if (bytes === null) return null
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return isUtf8(buffer) ? buffer.toString() : { base64: buffer.toString('base64') }
}

interface ShownRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | null }[]
}

/** A record as `consume` prints it and `produce --json` reads it. */
export function jsonOfRecord(topic: string, partition: number, record: ShownRecord): string {
  const { offset, timestamp } = record
  return JSON.stringify({
    topic,
    partition,
    offset,
    timestamp: timestamp < 0 ? null : new Date(timestamp).toISOString(),
    key: jsonOfBytes(record.key),
    value: jsonOfBytes(record.value),
    headers: record.headers.map(({ key, value }) => ({ key, value: jsonOfBytes(value) })),
  })
}

export interface InputRecord {
  readonly key?: Uint8Array | string | null
  readonly value: Uint8Array | string | null
  readonly headers?: readonly { readonly key: string; readonly value: Uint8Array | string | null }[]
  readonly partition?: number
  readonly timestamp?: number
}

/** A line of `produce --json`. `topic` and `offset` are passed over, so that the output of `consume` is input. @throws CLI_INPUT_LINE */
export function recordOfJson(line: number, text: string): InputRecord {
  const fail = (problem: string): never => {
    throw cliError('CLI_INPUT_LINE', { line, problem })
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    return fail((error as Error).message)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return fail('it is no object')
  const given = parsed as Readonly<Record<string, unknown>>
  const unknown = Object.keys(given).find(
    (name) => !['topic', 'partition', 'offset', 'timestamp', 'key', 'value', 'headers'].includes(name),
  )
  if (unknown !== undefined) fail(`it has no place for "${unknown}"`)
  if (!('value' in given)) fail('it has no value; null is one')
  const { partition } = given
  if (partition !== undefined && !(Number.isSafeInteger(partition) && (partition as number) >= 0)) fail('its partition is no number')
  const timestamp = timestampOf(given['timestamp'], fail)
  return {
    key: bytesOfJson(given['key'] ?? null, 'key', fail),
    value: bytesOfJson(given['value'], 'value', fail),
    headers: headersOf(given['headers'], fail),
    ...(partition === undefined ? {} : { partition: partition as number }),
    ...(timestamp === undefined ? {} : { timestamp }),
  }
}

type Fail = (problem: string) => never

/** Objects that are no base64 are JSON values: they are written as JSON. */
function bytesOfJson(given: unknown, what: string, fail: Fail): Uint8Array | string | null {
  if (given === null || typeof given === 'string') return given
  const { base64, ...rest } = (typeof given === 'object' ? given : {}) as { readonly base64?: unknown }
  if (typeof base64 === 'string' && Object.keys(rest).length === 0) {
    const bytes = Buffer.from(base64, 'base64')
    if (bytes.toString('base64').replace(/=+$/, '') !== base64.replace(/=+$/, '')) fail(`its ${what} is no base64`)
    return bytes
  }
  return JSON.stringify(given)
}

function timestampOf(given: unknown, fail: Fail): number | undefined {
  if (given === undefined || given === null) return undefined
  const timestamp = typeof given === 'number' ? given : typeof given === 'string' ? Date.parse(given) : Number.NaN
  return Number.isSafeInteger(timestamp) ? timestamp : fail('its timestamp is no time')
}

/** `{"a": "b"}`, or a list of `{"key", "value"}` where names repeat. */
function headersOf(given: unknown, fail: Fail): NonNullable<InputRecord['headers']> {
  if (given === undefined || given === null) return []
  if (typeof given !== 'object') return fail('its headers are no object')
  const list: readonly (readonly [unknown, unknown])[] = Array.isArray(given)
    ? (given as readonly { readonly key?: unknown; readonly value?: unknown }[]).map((one) => [one?.key, one?.value ?? null] as const)
    : Object.entries(given)
  return list.map(([key, value]) => {
    if (typeof key !== 'string') return fail('a header has no key')
    return { key, value: bytesOfJson(value, `header ${key}`, fail) }
  })
}
