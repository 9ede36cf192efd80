/**
 * Makes what is emitted of a fetched record, by the formats and the policy for poison records.
 */
import { messageOf } from '@millrace/core'
import type { FetchedRecords } from '@millrace/log/client'
import type { SplitOutput } from '../../source.ts'
import { NotReady, type DeserializationContext, type Format, type KafkaHeader } from '../formats/format.ts'
import { textDeserializer } from '../formats/plain.ts'
import type { KafkaSourceSettings } from './options.ts'
import { copied, copiedHeaders, poisonError, poisonRecord } from './poison.ts'

export type FetchedRecord = FetchedRecords['records'][number]

const NOTHING: unique symbol = Symbol('nothing')

/** Where the record stands that is being read; one object for all of them. */
class Place implements DeserializationContext {
  topic = ''
  partition = -1
  isKey = false
  record: FetchedRecord = { offset: -1, timestamp: -1, key: null, value: null, headers: [] }

  get offset(): number {
    return this.record.offset
  }

  get timestampMs(): number {
    return this.record.timestamp
  }

  get key(): Uint8Array | null {
    return this.record.key
  }

  get headers(): readonly KafkaHeader[] {
    return this.record.headers
  }
}

export class RecordEmitter {
  readonly #value: Pick<Format<unknown>, 'deserialize' | 'open'>
  readonly #ofText: ((text: string) => unknown) | undefined
  readonly #key: Pick<Format<unknown>, 'deserialize' | 'open'> | undefined
  readonly #hasMetadata: boolean
  readonly #onPoison: KafkaSourceSettings['onPoison']
  readonly #skipped: (message: string) => void
  readonly #place = new Place()

  constructor({ value, key, hasMetadata, onPoison }: KafkaSourceSettings, skipped: (message: string) => void) {
    this.#value = value
    this.#ofText = textDeserializer(value)
    this.#key = key
    this.#hasMetadata = hasMetadata
    this.#onPoison = onPoison
    this.#skipped = skipped
  }

  async open(): Promise<void> {
    await this.#value.open?.({ isKey: false, topics: [] })
    await this.#key?.open?.({ isKey: true, topics: [] })
  }

  /** The following records are of this partition. */
  at(topic: string, partition: number): void {
    this.#place.topic = topic
    this.#place.partition = partition
  }

  /** For people: 'orders-3 at offset 17'. */
  position(): string {
    const { topic, partition, offset } = this.#place
    return `${topic}-${partition} at offset ${offset}`
  }

  /** Emits what becomes of the record. @throws `KAFKA_POISON`, `NotReady` (the same record again once that is), what the output throws */
  emit(record: FetchedRecord, output: SplitOutput<unknown>): void {
    this.#place.record = record
    const emitted = this.#hasMetadata ? this.#whole(record) : this.#valueOf(record)
    if (emitted === NOTHING) return
    if (record.timestamp < 0) output.emit(emitted)
    else output.emit(emitted, record.timestamp)
  }

  #valueOf(record: FetchedRecord): unknown {
    try {
      return this.#deserialized(record)
    } catch (cause) {
      return this.#poisoned(record, cause)
    }
  }

  #deserialized(record: FetchedRecord): unknown {
    const text = this.#ofText === undefined ? undefined : record.asciiValue
    return text === undefined ? this.#value.deserialize(record.value, this.#place) : this.#ofText!(text)
  }

  #whole(record: FetchedRecord): unknown {
    const place = this.#place
    const { topic, partition, offset, timestampMs } = place
    let key: unknown
    let value: unknown
    try {
      place.isKey = true
      key = this.#key === undefined || record.key === null ? copied(record.key) : this.#key.deserialize(record.key, place)
      place.isKey = false
      value = this.#deserialized(record)
    } catch (cause) {
      value = this.#poisoned(record, cause)
      if (this.#onPoison !== 'null') return value
      if (place.isKey) key = null
    } finally {
      place.isKey = false
    }
    return { key, value, headers: copiedHeaders(record.headers), timestampMs, topic, partition, offset }
  }

  #poisoned(record: FetchedRecord, cause: unknown): unknown {
    if (cause instanceof NotReady) throw cause
    const place = this.#place
    if (this.#onPoison === 'fail') throw poisonError(place, cause)
    if (this.#onPoison === 'null') return null
    if (this.#onPoison === 'emit') return poisonRecord(place, record.value, cause)
    this.#skipped(`the ${place.isKey ? 'key' : 'value'} of ${this.position()} cannot be read: ${messageOf(cause)}`)
    return NOTHING
  }
}
