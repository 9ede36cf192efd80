/**
 * Records whose topic is not known yet, by topic, in the order in which they came.
 *
 * 1. All of one topic share the delivery timeout and the flush of the first of them.
 * 2. They have bytes of their own: whoever wrote them may use theirs again.
 * 3. A topic has an entry in its generation from its first record until it is resolved or dropped.
 */
import type { RecordToAppend } from '../../records/index.ts'
import type { Generations } from './generations.ts'
import type { Completion } from './pending-batch.ts'
import { ownRecord } from './record.ts'

export interface UnresolvedRecord {
  readonly record: RecordToAppend
  readonly partition: number | undefined
  readonly completion: Completion | undefined
  readonly sizeBytes: number
}

export interface UnresolvedTopic {
  readonly createdAtMs: number
  readonly generation: number
  readonly records: UnresolvedRecord[]
}

/** Records of a topic that were given up. */
export interface ExpiredTopic {
  readonly topic: string
  readonly count: number
  readonly completions: readonly Completion[]
}

export class UnresolvedRecords {
  readonly #generations: Generations
  readonly #topics = new Map<string, UnresolvedTopic>()

  constructor(generations: Generations) {
    this.#generations = generations
  }

  get topics(): ReadonlyMap<string, UnresolvedTopic> {
    return this.#topics
  }

  has(topic: string): boolean {
    return this.#topics.size > 0 && this.#topics.has(topic)
  }

  /** `nowMs` is asked for only where it is the first of its topic. */
  add(topic: string, record: UnresolvedRecord, nowMs: () => number): void {
    const waiting = this.#topics.get(topic) ?? this.#begin(topic, nowMs())
    waiting.records.push({ ...record, record: ownRecord(record.record) })
  }

  /** The topic is known: its records go elsewhere. The caller ends its entry in the generation when they are there. */
  resolved(topic: string): void {
    this.#topics.delete(topic)
  }

  /** Topics whose time is over. */
  late(nowMs: number, deliveryTimeoutMs: number): readonly string[] {
    return [...this.#topics].flatMap(([topic, { createdAtMs }]) => (createdAtMs + deliveryTimeoutMs <= nowMs ? [topic] : []))
  }

  /** When the next topic runs out of time; infinity for never. */
  expiresAtMs(deliveryTimeoutMs: number): number {
    let nextAtMs = Number.POSITIVE_INFINITY
    for (const { createdAtMs } of this.#topics.values()) nextAtMs = Math.min(nextAtMs, createdAtMs + deliveryTimeoutMs)
    return nextAtMs
  }

  /** Gives up the records of a topic; `sizeBytes` is what all of them took. */
  drop(topic: string): ExpiredTopic & { readonly sizeBytes: number } {
    const { records, generation } = this.#topics.get(topic)!
    this.#topics.delete(topic)
    this.#generations.remove(generation)
    return {
      topic,
      count: records.length,
      completions: records.flatMap(({ completion }) => (completion === undefined ? [] : [completion])),
      sizeBytes: records.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    }
  }

  #begin(topic: string, nowMs: number): UnresolvedTopic {
    const generation = this.#generations.current
    const waiting: UnresolvedTopic = { createdAtMs: nowMs, generation, records: [] }
    this.#topics.set(topic, waiting)
    this.#generations.add(generation)
    return waiting
  }
}
