import { engineError } from '../../../errors.ts'

/** A header of a record. A name may come more than once. */
export interface KafkaHeader {
  readonly key: string
  readonly value: Uint8Array | null
}

/** The record whose bytes are read, and where it stood. One object for all records: what is kept for longer must be copied. */
export interface DeserializationContext {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Milliseconds since 1970; -1 where the producer gave none. */
  readonly timestampMs: number
  /** As they are in the log: views of a fetched buffer. */
  readonly key: Uint8Array | null
  readonly headers: readonly KafkaHeader[]
  /** Whether the bytes are the record's key. */
  readonly isKey: boolean
}

/** Where a record goes whose bytes are made. */
export interface SerializationContext {
  readonly topic: string
  /** Whether the bytes will be the record's key. */
  readonly isKey: boolean
}

/**
 * Makes a value of a record's bytes; null where the record has none (a tombstone). What it throws makes the record a poison record.
 * The bytes are a view of a fetched buffer: copy what is kept.
 */
export type Deserializer<T> = (bytes: Uint8Array | null, context: DeserializationContext) => T

/** Makes the bytes of a record; null for none (a tombstone). */
export type Serializer<T> = (value: T, context: SerializationContext) => Uint8Array | null

/** What a format is told before it is used. */
export interface FormatOpening {
  readonly isKey: boolean
  /** The topics that will be written, as far as they are known: formats with a registry look their schemas up. None for reading. */
  readonly topics: readonly string[]
}

/** Both ways between values and bytes. One is made per source or sink; `open` is called in each subtask before anything else. */
export interface Format<T> {
  /** Loads libraries, asks registries. */
  open?(opening: FormatOpening): Promise<void>
  /** @throws `NotReady` when it must wait for something (a schema); the same bytes are handed in again once that is there. */
  deserialize(bytes: Uint8Array | null, context: DeserializationContext): T
  /** @throws `NotReady`, as above */
  serialize(value: T, context: SerializationContext): Uint8Array | null
}

/** Thrown by a format that cannot go on before `ready` has resolved; a rejection fails the task. */
export class NotReady extends Error {
  readonly ready: Promise<unknown>

  constructor(ready: Promise<unknown>) {
    super('a format waits for what it needs')
    this.ready = ready
  }
}

/** What a source takes: a format, or only the way that it needs. */
export type ReadFormat<T> = Deserializer<T> | Pick<Format<T>, 'deserialize' | 'open'>

/** What a sink takes: a format, or only the way that it needs. */
export type WriteFormat<T> = Serializer<T> | Pick<Format<T>, 'serialize' | 'open'>

/** Functions that make formats. In the place of one they would take bytes for their options. */
const makers = new WeakSet<object>()

export function makesFormats(...functions: readonly object[]): void {
  for (const each of functions) makers.add(each)
}

/** @throws `CONNECTOR_OPTION_INVALID` for what is no format, or cannot go this way */
export function checkFormat(connector: string, option: string, format: unknown, way: 'deserialize' | 'serialize'): void {
  if (typeof format === 'function' && !makers.has(format)) return
  if (typeof (format as Partial<Format<unknown>> | null | undefined)?.[way] === 'function') return
  const example = way === 'deserialize' ? 'json<Order>()' : 'json()'
  const name = typeof format === 'function' ? format.name : ''
  const problem = name !== '' ? `is the function ${name} itself: call it, ${name}()` : format === undefined ? 'is missing' : `has no ${way}`
  throw engineError('CONNECTOR_OPTION_INVALID', { connector, option, problem: `${problem}: a format such as ${example}, or a function` })
}

const keepingNothing = new WeakSet<WeakKey>()

/** Notes of a function that nothing of what it makes is a view of the bytes: they may be overwritten once it has returned. */
export function keepsNothing<T>(deserialize: Deserializer<T>): Deserializer<T> {
  keepingNothing.add(deserialize)
  return deserialize
}

/** Whether that was noted of the format; of no function that a user wrote. */
export function isKeepingNothing({ deserialize }: Pick<Format<unknown>, 'deserialize'>): boolean {
  return keepingNothing.has(deserialize)
}

/** The way from bytes of what a user gave. */
export function reading<T>(format: ReadFormat<T>): Pick<Format<T>, 'deserialize' | 'open'> {
  return typeof format === 'function' ? { deserialize: format } : format
}

/** The way to bytes of what a user gave. */
export function writing<T>(format: WriteFormat<T>): Pick<Format<T>, 'serialize' | 'open'> {
  return typeof format === 'function' ? { serialize: format } : format
}

/**
 * Lets records without a value (tombstones) through, as null, both ways. Without it they are poison records for every format but this one.
 *
 * ```ts
 * kafkaSource({ …, value: nullable(json<Customer>()) })  // Customer | null
 * ```
 */
export function nullable<T>(format: Format<T>): Format<T | null> {
  const deserialize: Deserializer<T | null> = (bytes, context) => (bytes === null ? null : format.deserialize(bytes, context))
  return {
    ...(format.open === undefined ? {} : { open: (opening) => format.open!(opening) }),
    deserialize: isKeepingNothing(format) ? keepsNothing(deserialize) : deserialize,
    serialize: (value, context) => (value === null ? null : format.serialize(value, context)),
  }
}

makesFormats(nullable)

/** A format of what is never null. @throws where it is */
export function present(bytes: Uint8Array | null): Uint8Array {
  if (bytes === null) throw new TypeError('there is none (a tombstone); nullable(…) takes those')
  return bytes
}
