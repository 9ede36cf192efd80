import { makesFormats, type Format } from './format.ts'

/** A change of a row, as Debezium writes it. */
export interface Change<T> {
  /** `read`: the row was there when the snapshot was taken. */
  readonly operation: 'create' | 'update' | 'delete' | 'read' | 'truncate' | 'message'
  /** Null where there was none, or where the database does not keep it. */
  readonly before: T | null
  readonly after: T | null
  /** Where it comes from: connector, database, table, position. */
  readonly source: Readonly<Record<string, unknown>>
  /** When Debezium saw it, milliseconds since 1970; -1 where it does not say. */
  readonly timestampMs: number
}

const OPERATIONS = { c: 'create', u: 'update', d: 'delete', r: 'read', t: 'truncate', m: 'message' } as const
const LETTERS = { create: 'c', update: 'u', delete: 'd', read: 'r', truncate: 't', message: 'm' } as const

/**
 * Debezium's envelope inside another format: JSON (with its schema beside it or without), or Avro and others by a registry. Debezium writes a tombstone after
 * each deletion unless told otherwise: `nullable(debezium(…))`.
 *
 * ```ts
 * nullable(debezium<Customer>(json()))  // Change<Customer> | null
 * ```
 */
export function debezium<T>(format: Format<unknown>): Format<Change<T>> {
  return {
    ...(format.open === undefined ? {} : { open: (opening) => format.open!(opening) }),
    deserialize: (bytes, context) => changeOf<T>(format.deserialize(bytes, context)),
    serialize: ({ operation, before, after, source, timestampMs }, context) => {
      if (!Object.hasOwn(LETTERS, operation))
        throw new TypeError(`${operation} is no operation of Debezium: ${Object.keys(LETTERS).join(', ')}`)
      return format.serialize({ before, after, source, op: LETTERS[operation], ts_ms: timestampMs >= 0 ? timestampMs : null }, context)
    },
  }
}

makesFormats(debezium)

interface Envelope {
  readonly op?: unknown
  readonly before?: unknown
  readonly after?: unknown
  readonly source?: unknown
  readonly ts_ms?: unknown
}

function changeOf<T>(value: unknown): Change<T> {
  const outer = value as { readonly schema?: unknown; readonly payload?: unknown } | null
  const envelope = (
    typeof outer === 'object' && outer !== null && 'payload' in outer && 'schema' in outer ? outer.payload : value
  ) as Envelope | null
  const op = typeof envelope === 'object' && envelope !== null ? String(envelope.op) : ''
  const operation = Object.hasOwn(OPERATIONS, op) ? OPERATIONS[op as keyof typeof OPERATIONS] : undefined
  if (envelope === null || operation === undefined) throw new TypeError('this is no change of Debezium: it has no "op" that is known')
  const { before, after, source, ts_ms: timestampMs } = envelope
  return {
    operation,
    before: (before ?? null) as T | null,
    after: (after ?? null) as T | null,
    source: (source ?? {}) as Readonly<Record<string, unknown>>,
    timestampMs: typeof timestampMs === 'number' ? timestampMs : -1,
  }
}
