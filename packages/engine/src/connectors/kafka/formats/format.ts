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

/** Functions of formats that keep nothing of what they are handed; none that a user wrote. */
const keepingNothing = new WeakSet<WeakKey>()
const views = new WeakMap<WeakKey, Deserializer<unknown>>()

/** Notes of a function that nothing it makes is a view of the bytes. */
export function keepsNoBytes<T>(deserialize: Deserializer<T>): Deserializer<T> {
  keepingNothing.add(deserialize)
  return deserialize
}

/** Notes of a function that it never waits, and that its value is not looked at any more once the bytes it made are written. */
export function keepsNoValue<T>(serialize: Serializer<T>): Serializer<T> {
  keepingNothing.add(serialize)
  return serialize
}

/** Whether one of that was noted of the format's way. */
export function isKeepingNothing<W extends 'deserialize' | 'serialize'>(format: { readonly [name in W]: WeakKey }, way: W): boolean {
  return keepingNothing.has(format[way])
}

/** `made`, with what is noted of the way that it is put around. */
export function around<W extends 'deserialize' | 'serialize', F extends WeakKey>(
  format: { readonly [name in W]: WeakKey },
  way: W,
  made: F,
): F {
  if (isKeepingNothing(format, way)) keepingNothing.add(made)
  return made
}

/** Notes of a function that copies bytes what does the same without the copy. */
export function copying<T>(deserialize: Deserializer<T>, view: Deserializer<T>): Deserializer<T> {
  views.set(deserialize, view)
  return keepsNoBytes(deserialize)
}

/** The format without copies, for values that nobody looks at any more once the bytes are overwritten. */
export function viewing<T>(format: Pick<Format<T>, 'deserialize' | 'open'>): Pick<Format<T>, 'deserialize' | 'open'> {
  const { deserialize }: { readonly deserialize: WeakKey } = format
  const view = views.get(deserialize) as Deserializer<T> | undefined
  return view === undefined ? format : { ...format, deserialize: keepsNoBytes(view) }
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
  return {
    ...(format.open === undefined ? {} : { open: (opening) => format.open!(opening) }),
    deserialize: around(format, 'deserialize', (bytes, context) => (bytes === null ? null : format.deserialize(bytes, context))),
    serialize: around(format, 'serialize', (value, context) => (value === null ? null : format.serialize(value, context))),
  }
}

makesFormats(nullable)

/** A format of what is never null. @throws where it is */
export function present(bytes: Uint8Array | null): Uint8Array {
  if (bytes === null) throw new TypeError('there is none (a tombstone); nullable(…) takes those')
  return bytes
}
