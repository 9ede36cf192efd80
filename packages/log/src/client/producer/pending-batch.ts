/**
 * Records of one partition on their way into the log as one batch.
 *
 * 1. A batch is filled, then closed, then built once: its bytes stay the same through all its attempts, but for the producer's identity and sequence.
 * 2. Its records are settled all together, once, in order.
 */
import {
  BatchBuilder,
  records as recordsOf,
  type BatchMemory,
  type BatchOptions,
  type BatchView,
  type RecordToAppend,
} from '../../records/index.ts'
import type { RecordMetadata } from './record.ts'
import { RECORD_OVERHEAD_BYTES } from './record-size.ts'

export interface Completion {
  readonly done: (metadata: RecordMetadata) => void
  readonly fail: (error: Error) => void
}

interface Awaited {
  readonly completion: Completion
  /** As it was given; -1 for none. */
  readonly timestamp: number
}

/** What brokers know an idempotent producer by; of one id a higher epoch fences all lower ones. */
export interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
}

export class PendingBatch {
  readonly topic: string
  readonly partition: number
  /** When its first record came: from then the delivery timeout counts. */
  readonly createdAtMs: number
  /** Which flush waits for it: all up to the one under way then. */
  readonly generation: number
  readonly #options: BatchOptions
  readonly #builder: BatchBuilder
  /** Of the records that somebody waits for, by index. */
  readonly #awaited = new Map<number, Awaited>()
  #recordCount = 0
  #view: BatchView | undefined
  isClosed = false
  /** What its records count for in the buffer. */
  accountedBytes = 0
  /** -1 before it was sent for the first time. */
  sequence = -1
  /** Counts the batches of its partition that were sent. */
  ordinal = -1
  attempts = 0
  /** Whether the broker may have it, though it has not said so. */
  isUncertain = false
  isSent = false
  lastError: Error | undefined

  constructor(topic: string, partition: number, createdAtMs: number, generation: number, options: BatchOptions, memory?: BatchMemory) {
    this.topic = topic
    this.partition = partition
    this.createdAtMs = createdAtMs
    this.generation = generation
    this.#options = options
    this.#builder = new BatchBuilder(options, memory)
  }

  get recordCount(): number {
    return this.#recordCount
  }

  /** Of its records, before compression. */
  get sizeBytes(): number {
    return this.#builder.sizeBytes
  }

  /** Whether it takes the record without growing beyond `limitBytes`; the first record always fits. */
  fits(record: RecordToAppend, limitBytes: number): boolean {
    return this.recordCount === 0 || this.#builder.fits(record, limitBytes)
  }

  /** @returns what it counts for in the buffer */
  append(record: RecordToAppend, completion: Completion | undefined): number {
    const before = this.#builder.sizeBytes
    this.#builder.append(record)
    if (completion !== undefined) this.#awaited.set(this.#recordCount, { completion, timestamp: record.timestamp ?? -1 })
    this.#recordCount++
    const countedBytes = RECORD_OVERHEAD_BYTES + this.#builder.sizeBytes - before
    this.accountedBytes += countedBytes
    return countedBytes
  }

  /** The bytes to send. Without an identity the batch has no producer. */
  bytes(identity: ProducerIdentity | undefined): Uint8Array {
    this.isClosed = true
    this.#view ??= this.#builder.build()
    if (identity !== undefined) this.#view.setProducer(identity.producerId, identity.producerEpoch, this.sequence)
    return this.#view.whole
  }

  /** Gives its memory back. Only where it was acknowledged and sent once: nobody reads it any more. */
  release(): void {
    this.#view = undefined
    this.#builder.release()
  }

  done(baseOffset: number, logAppendTimeMs: number): void {
    const { topic, partition } = this
    for (const [index, { completion, timestamp }] of this.#awaited) {
      const offset = baseOffset < 0 ? -1 : baseOffset + index
      completion.done({ topic, partition, offset, timestamp: logAppendTimeMs >= 0 ? logAppendTimeMs : timestamp })
    }
  }

  fail(error: Error): void {
    for (const { completion } of this.#awaited.values()) completion.fail(error)
  }

  /** Whether somebody waits for each of its records by itself. */
  get isAwaited(): boolean {
    return this.#awaited.size === this.recordCount
  }

  /** The same records as two batches, for a broker that finds this one too large. Sequences go on from one to the other. */
  split(): readonly [PendingBatch, PendingBatch] {
    const all = [...recordsOf(this.#view ?? this.#builder.build())]
    const half = Math.ceil(all.length / 2)
    const part = (from: number, to: number): PendingBatch => {
      const batch = new PendingBatch(this.topic, this.partition, this.createdAtMs, this.generation, this.#options)
      for (let index = from; index < to; index++) {
        const { key, value, headers, timestamp } = all[index]!
        batch.append({ key, value, headers, timestamp }, this.#awaited.get(index)?.completion)
      }
      batch.isClosed = true
      batch.attempts = this.attempts
      batch.accountedBytes = from === 0 ? this.accountedBytes : 0
      return batch
    }
    return [part(0, half), part(half, all.length)]
  }
}
