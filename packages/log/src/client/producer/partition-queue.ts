/**
 * The batches of one partition, from the first record to the acknowledgement: what to send next, and what an answer means.
 *
 * 1. Batches are sent in the order of their records, and acknowledged batches are in the log in that order.
 * 2. A batch that was sent has its sequence for as long as the identity lasts; a repetition is the same bytes, so that a broker recognises it.
 * 3. While a batch waits to be repeated, nothing else is sent until what is under way has been answered, and then one at a time, in order.
 * 4. A producer that the partition may not know yet sends one batch and waits: an unknown producer may start anywhere, so that a second batch could
 *    otherwise be taken where the first was refused.
 * 5. From the oldest batch outstanding on, no more are sent than a broker remembers, also where later ones are acknowledged already (by another leader): else the
 *    oldest one, repeated, would not be recognised.
 * 6. When the broker answers that a sequence is missing before the oldest batch, that batch is in no log. All that follow it are not either: they are
 *    numbered anew under the next epoch, once none is under way.
 */
import { sequenceAfter } from '../../records/index.ts'
import type { PendingBatch, ProducerIdentity } from './pending-batch.ts'

export interface PartitionQueueOptions {
  readonly maxInFlight: number
  readonly idempotent: boolean
  /** After so long without a batch the broker may have forgotten the producer. */
  readonly idleMs: number
}

/** What an answer, or its absence, means for a batch. */
export type BatchOutcome = 'acknowledged' | 'retry' | 'missing-sequence' | 'split' | 'failed'

export class PartitionQueue {
  readonly topic: string
  readonly partition: number
  readonly #options: PartitionQueueOptions
  /** Not sent yet. The last one may still take records. */
  readonly #queued: PendingBatch[] = []
  /** Sent at least once, not settled, in the order of their sequences. */
  #outstanding: PendingBatch[] = []
  #inFlight = 0
  #retryAtMs = 0
  #identity: ProducerIdentity | undefined
  #nextSequence = 0
  #nextOrdinal = 0
  #isKnown = false
  #mustRenumber = false
  #lastAnswerMs = 0

  constructor(topic: string, partition: number, options: PartitionQueueOptions) {
    this.topic = topic
    this.partition = partition
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#queued.length === 0 && this.#outstanding.length === 0
  }

  /** Batches that wait for an answer. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** The batch that takes the next record, if it is still open. */
  get open(): PendingBatch | undefined {
    const last = this.#queued.at(-1)
    return last === undefined || last.isClosed ? undefined : last
  }

  push(batch: PendingBatch): void {
    const last = this.#queued.at(-1)
    if (last !== undefined) last.isClosed = true
    this.#queued.push(batch)
  }

  closeOpen(): void {
    const { open } = this
    if (open !== undefined) open.isClosed = true
  }

  /** Another producer, or epoch, from the next batch on. Only while nothing is outstanding. */
  setIdentity(identity: ProducerIdentity): void {
    if (this.#outstanding.length > 0) throw new Error('the identity of a producer changes while batches are outstanding')
    if (this.#identity?.producerId !== identity.producerId) this.#isKnown = false
    this.#identity = identity
    this.#nextSequence = 0
  }

  get identity(): ProducerIdentity | undefined {
    return this.#identity
  }

  /** When `next` may have something, if nothing else happens before; infinity for when it is empty or waits for an answer. */
  dueAtMs(nowMs: number, lingerMs: number): number {
    const repeated = this.#outstanding.find(({ isSent }) => !isSent)
    if (repeated !== undefined) return this.#inFlight > 0 ? Number.POSITIVE_INFINITY : Math.max(nowMs, this.#retryAtMs)
    const head = this.#queued[0]
    if (head === undefined || this.#sentSinceOldest() >= this.#depth(nowMs)) return Number.POSITIVE_INFINITY
    return head.isClosed || this.#queued.length > 1 ? nowMs : Math.max(nowMs, head.createdAtMs + lingerMs)
  }

  /** Takes the batch that may be sent now. It must be sent, and its answer given to `settle`. */
  take(nowMs: number, lingerMs: number): PendingBatch | undefined {
    if (this.#mustRenumber && this.#inFlight === 0) this.#renumber()
    if (this.dueAtMs(nowMs, lingerMs) > nowMs) return undefined
    const repeated = this.#outstanding.find(({ isSent }) => !isSent)
    const batch = repeated ?? this.#queued.shift()!
    if (repeated === undefined) {
      batch.isClosed = true
      this.#number(batch)
      this.#outstanding.push(batch)
    }
    batch.isSent = true
    batch.attempts++
    this.#inFlight++
    return batch
  }

  /** Puts back a batch that was taken and could not be sent. */
  untake(batch: PendingBatch, retryAtMs: number): void {
    batch.isSent = false
    this.#inFlight--
    this.#retryAtMs = retryAtMs
  }

  isOldest(batch: PendingBatch): boolean {
    return this.#outstanding[0] === batch
  }

  settle(batch: PendingBatch, outcome: BatchOutcome, nowMs: number, retryAtMs: number): void {
    this.#inFlight--
    batch.isSent = false
    if (outcome === 'acknowledged') {
      this.#isKnown = true
      this.#lastAnswerMs = nowMs
    }
    if (outcome === 'acknowledged' || outcome === 'failed') return this.#remove(batch)
    this.#retryAtMs = retryAtMs
    if (outcome === 'missing-sequence' && this.isOldest(batch)) this.#mustRenumber = true
    if (outcome === 'split') this.#split(batch)
  }

  /** Takes away and returns what is past its time and not under way, oldest first. */
  expire(nowMs: number, deliveryTimeoutMs: number): readonly PendingBatch[] {
    const isOver = (batch: PendingBatch): boolean => !batch.isSent && batch.createdAtMs + deliveryTimeoutMs <= nowMs
    return this.#takeAway(isOver)
  }

  /** Takes away everything that is not under way. */
  drop(): readonly PendingBatch[] {
    return this.#takeAway(({ isSent }) => !isSent)
  }

  /** When the oldest batch that is not under way runs out of time. */
  expiresAtMs(deliveryTimeoutMs: number): number {
    const oldest = this.#outstanding.find(({ isSent }) => !isSent) ?? this.#queued[0]
    return oldest === undefined ? Number.POSITIVE_INFINITY : oldest.createdAtMs + deliveryTimeoutMs
  }

  #depth(nowMs: number): number {
    const { idempotent, maxInFlight, idleMs } = this.#options
    if (!idempotent) return 1
    const isForgotten = this.#outstanding.length === 0 && nowMs - this.#lastAnswerMs > idleMs
    if (isForgotten) this.#isKnown = false
    return this.#isKnown ? maxInFlight : 1
  }

  /** Batches sent from the oldest outstanding one on. */
  #sentSinceOldest(): number {
    const oldest = this.#outstanding[0]
    return oldest === undefined ? 0 : this.#nextOrdinal - oldest.ordinal
  }

  #number(batch: PendingBatch): void {
    batch.ordinal = this.#nextOrdinal++
    if (!this.#options.idempotent) return
    batch.sequence = this.#nextSequence
    this.#nextSequence = sequenceAfter(this.#nextSequence, batch.recordCount)
  }

  #renumber(): void {
    this.#mustRenumber = false
    const identity = this.#identity!
    this.#identity = { producerId: identity.producerId, producerEpoch: identity.producerEpoch + 1 }
    this.#nextSequence = 0
    this.#isKnown = false
    for (const batch of this.#outstanding) this.#number(batch)
  }

  #split(batch: PendingBatch): void {
    const at = this.#outstanding.indexOf(batch)
    const [first, second] = batch.split()
    first.ordinal = batch.ordinal
    second.ordinal = batch.ordinal
    first.sequence = batch.sequence
    if (batch.sequence >= 0) second.sequence = sequenceAfter(batch.sequence, first.recordCount)
    this.#outstanding.splice(at, 1, first, second)
  }

  #remove(batch: PendingBatch): void {
    const at = this.#outstanding.indexOf(batch)
    if (at >= 0) this.#outstanding.splice(at, 1)
  }

  #takeAway(matches: (batch: PendingBatch) => boolean): readonly PendingBatch[] {
    const gone = [...this.#outstanding.filter(matches), ...this.#queued.filter(matches)]
    if (gone.length === 0) return gone
    this.#outstanding = this.#outstanding.filter((batch) => !gone.includes(batch))
    const left = this.#queued.filter((batch) => !gone.includes(batch))
    this.#queued.splice(0, this.#queued.length, ...left)
    if (this.#outstanding.length === 0) this.#mustRenumber = false
    return gone
  }
}
