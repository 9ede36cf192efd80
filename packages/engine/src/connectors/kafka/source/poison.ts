import { messageOf } from '@millrace/core'
import { engineError } from '../../../errors.ts'
import type { DeserializationContext, KafkaHeader } from '../formats/format.ts'

/** A record that could not be read, as it is in the log. With `onPoison: 'emit'` it is emitted in the place of a value. */
export interface PoisonRecord {
  readonly poison: true
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Milliseconds since 1970; -1 where the producer gave none. */
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly KafkaHeader[]
  /** Why it could not be read, for people. */
  readonly problem: string
}

/**
 * Tells records apart that could not be read (`onPoison: 'emit'`).
 *
 * ```ts
 * orders.filter(isPoison).sinkTo(kafkaSink({ …, topic: 'orders.dead' }))
 * ```
 */
export function isPoison(record: unknown): record is PoisonRecord {
  return typeof record === 'object' && record !== null && (record as Partial<PoisonRecord>).poison === true
}

export function poisonError(context: DeserializationContext, cause: unknown): Error {
  const { topic, partition, offset, isKey } = context
  return engineError('KAFKA_POISON', { part: isKey ? 'key' : 'value', topic, partition, offset, problem: messageOf(cause) }, cause)
}

/** A copy: what is emitted lives longer than the fetched buffer. */
export function poisonRecord(context: DeserializationContext, value: Uint8Array | null, cause: unknown): PoisonRecord {
  const { topic, partition, offset, timestampMs, key, headers } = context
  const problem = messageOf(cause)
  return {
    poison: true,
    topic,
    partition,
    offset,
    timestampMs,
    key: copied(key),
    value: copied(value),
    headers: copiedHeaders(headers),
    problem,
  }
}

export function copied(bytes: Uint8Array | null): Uint8Array | null {
  return bytes === null ? null : new Uint8Array(bytes)
}

const NO_HEADERS: readonly KafkaHeader[] = Object.freeze([])

export function copiedHeaders(headers: readonly KafkaHeader[]): readonly KafkaHeader[] {
  return headers.length === 0 ? NO_HEADERS : headers.map(({ key, value }) => ({ key, value: copied(value) }))
}
