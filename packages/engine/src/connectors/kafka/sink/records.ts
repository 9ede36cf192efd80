import { inspect } from 'node:util'
import { messageOf } from '@millrace/core'
import { engineError } from '../../../errors.ts'
import { isKeepingNothing, NotReady, writing, type Format, type WriteFormat } from '../formats/format.ts'
import { textSerializer } from '../formats/plain.ts'
import type { PendingRecord } from './open-transaction.ts'
import type { ProducerRecord } from './ports.ts'

/** What a record is made of beside its value. */
export interface RecordOptions<T, K = unknown> {
  /** Where records go. One of `topic` and `topicOf` must be given. */
  readonly topic?: string
  /** Where a record goes. Topics must exist, unless the cluster makes them on demand. */
  readonly topicOf?: (value: T) => string
  /** What a record's key is, as the format `keyFormat` takes it; no key by default. Records with a key go to the partition that Kafka's own clients choose for it. */
  readonly key?: (value: T) => K | null
  /** How keys are written; text as UTF-8 and bytes as they are by default. */
  readonly keyFormat?: WriteFormat<K>
  /** Headers, in order; text is written as UTF-8. */
  readonly headers?: (value: T) => RecordHeaders | undefined
  /** The record's time, milliseconds since 1970; by default the event time, and where there is none the time of writing. */
  readonly timestamp?: (value: T) => number | undefined
  /** The partition; undefined leaves it to the key, and to the client where there is none. */
  readonly partition?: (value: T) => number | undefined
}

/** Headers of a record, by name or as a list where a name comes twice; text is written as UTF-8. */
export type RecordHeaders =
  | Readonly<Record<string, Uint8Array | string | null>>
  | readonly { readonly key: string; readonly value: Uint8Array | string | null }[]

/** Makes records of values. */
export class RecordMaker<T, K> {
  readonly #options: RecordOptions<T, K>
  readonly #value: Pick<Format<T>, 'serialize' | 'open'>
  readonly #text: ((value: T) => string) | undefined
  readonly #key: Pick<Format<K>, 'serialize' | 'open'>

  constructor(options: RecordOptions<T, K>, value: Pick<Format<T>, 'serialize' | 'open'>) {
    this.#options = options
    this.#value = value
    this.#text = textSerializer(value)
    this.#key = options.keyFormat === undefined ? plainKeys : writing(options.keyFormat)
  }

  /** Whether a value is not looked at any more once `make` has answered. Formats of our own do not have to wait, and what they make is looked at only until it is written. */
  get keepsNothing(): boolean {
    return isKeepingNothing(this.#value, 'serialize')
  }

  async open(): Promise<void> {
    const topics = this.#options.topic === undefined ? [] : [this.#options.topic]
    await this.#value.open?.({ isKey: false, topics })
    if (this.#options.key !== undefined) await this.#key.open?.({ isKey: true, topics })
  }

  /** @throws `SINK_FORMAT_FAILED` */
  make(value: T, timestamp: number): PendingRecord {
    try {
      return this.#make(value, timestamp)
    } catch (error) {
      if (error instanceof NotReady) return this.#later(error.ready, value, timestamp)
      throw formatFailed(error)
    }
  }

  #later(ready: Promise<unknown>, value: T, timestamp: number): PendingRecord {
    const kept = value instanceof Uint8Array ? (Uint8Array.from(value) as T & Uint8Array) : value
    return async () => await this.#makeOnce(ready, kept, timestamp)
  }

  async #makeOnce(ready: Promise<unknown>, value: T, timestamp: number): Promise<ProducerRecord> {
    await ready
    const made = this.make(value, timestamp)
    return typeof made === 'function' ? await made() : made
  }

  #make(value: T, eventTime: number): ProducerRecord {
    const { topicOf, key: keyOf, headers: headersOf, timestamp: timestampOf, partition: partitionOf } = this.#options
    const topic = topicOf === undefined ? this.#options.topic! : topicOf(value)
    if (typeof topic !== 'string' || topic === '') throw new TypeError(`topicOf answers ${topic}, which is no name of a topic`)
    const key = keyOf?.(value) ?? null
    const headers = headersOf?.(value) ?? undefined
    const timestamp = timestampOf?.(value) ?? (isTime(eventTime) ? eventTime : undefined)
    const partition = partitionOf?.(value)
    if (timestamp !== undefined && !isTime(timestamp)) throw new TypeError(`timestamp answers ${timestamp}`)
    if (partition !== undefined && !(Number.isInteger(partition) && partition >= 0)) throw new TypeError(`partition answers ${partition}`)
    const keyBytes = key === null ? null : content('keyFormat', this.#key.serialize(key, { topic, isKey: true }))
    const written = this.#text === undefined ? content('value', this.#value.serialize(value, { topic, isKey: false })) : this.#text(value)
    // Most records are so: made in one piece they cost half.
    if (headers === undefined && partition === undefined && timestamp !== undefined)
      return { topic, key: keyBytes, value: written, timestamp }
    return {
      topic,
      key: keyBytes,
      value: written,
      ...(headers === undefined ? {} : { headers: headerList(headers) }),
      ...(timestamp === undefined ? {} : { timestamp }),
      ...(partition === undefined ? {} : { partition }),
    }
  }
}

const plainKeys: Pick<Format<unknown>, 'serialize'> = {
  serialize: (key) => {
    if (typeof key === 'string') return Buffer.from(key)
    if (key instanceof Uint8Array) return key
    if (typeof key === 'number' || typeof key === 'bigint') return Buffer.from(String(key))
    throw new TypeError(`key answers ${typeof key}, for which a keyFormat is needed`)
  },
}

/** Of functions of the user's, whom no compiler may have told. */
function content(what: string, made: unknown): Uint8Array | string | null {
  if (made === null || made instanceof Uint8Array || typeof made === 'string') return made
  throw new TypeError(`${what} answers ${inspect(made, { depth: 0, maxStringLength: 80 })}: bytes, or null for none`)
}

function headerList(headers: RecordHeaders): NonNullable<ProducerRecord['headers']> {
  const list = namedHeaders(headers)
  for (const { key, value } of list) {
    if (typeof key !== 'string') throw new TypeError(`headers answers one whose key is ${inspect(key, { depth: 0 })}`)
    content(`headers, for ${key},`, value)
  }
  return list
}

function namedHeaders(headers: RecordHeaders): NonNullable<ProducerRecord['headers']> {
  if (typeof headers !== 'object') throw new TypeError(`headers answers ${typeof headers}`)
  if (Array.isArray(headers)) return headers as NonNullable<ProducerRecord['headers']>
  return Object.entries(headers as Readonly<Record<string, Uint8Array | string | null>>).map(([key, value]) => ({ key, value }))
}

function isTime(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms >= 0
}

function formatFailed(cause: unknown): Error {
  const problem = messageOf(cause)
  return engineError('SINK_FORMAT_FAILED', { connector: 'kafkaSink', format: 'a record of Kafka', problem }, cause)
}
