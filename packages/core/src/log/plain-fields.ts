import { inspect } from 'node:util'
import type { LogFields } from './record.ts'

/** Longer texts are cut. */
export const TEXT_LENGTH_MAX = 16_384

/** Each field as it is where another thread and JSON can take it, as text where one of them cannot: a function, a cycle, a getter that throws. Of errors the cause is left out then. */
export function plainFields(fields: LogFields): LogFields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plainField(value)]))
}

function plainField(value: unknown): unknown {
  if (value instanceof Error) return isPlain(value) && isPlain(value.cause) ? value : withoutCause(value)
  return isPlain(value) ? value : shown(value)
}

function isPlain(value: unknown): boolean {
  try {
    JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner))
    structuredClone(value)
    return true
  } catch {
    return false
  }
}

function withoutCause(error: Error): Error {
  const { name, message, stack } = error
  return Object.assign(new Error(message), { name, stack })
}

/** Any value in a line. Never throws. */
export function shown(value: unknown): string {
  try {
    return typeof value === 'string' ? value : inspect(value, { depth: 3, breakLength: Infinity, maxStringLength: TEXT_LENGTH_MAX })
  } catch {
    return `something of type ${typeof value} that cannot be shown`
  }
}
