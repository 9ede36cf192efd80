/** A partition's log in memory, for simulations: the storage's own decisions about producers, and every batch that was accepted. */
import type { Clock } from '@millrace/core'
import type { SeededRandom } from '@millrace/testkit'
import { logError } from '../../../errors.ts'
import { sequenceAfter } from '../../../records/index.ts'
import { afterData, afterMarker } from '../../../storage/producers/producer-decisions.ts'
import { firstSequenceOf, type ProducerEntry } from '../../../storage/producers/producer-entry.ts'
import type { Guard, TransactionalPlace } from '../transactional-writes.ts'

export interface DataBatch {
  readonly kind: 'data'
  readonly producerId: number
  readonly producerEpoch: number
  readonly sequence: number
  readonly count: number
  /** Which of the simulation's transactions it belongs to. */
  readonly tag: number
}

export interface MarkerBatch {
  readonly kind: 'marker'
  readonly producerId: number
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly isCommit: boolean
}

export class PartitionModel implements TransactionalPlace {
  readonly topic: string
  readonly partition: number
  readonly batches: (DataBatch | MarkerBatch)[] = []
  readonly #clock: Clock
  readonly #random: SeededRandom
  readonly #entries = new Map<number, ProducerEntry>()
  #lane: Promise<unknown> = Promise.resolve()
  #offset = 0
  /** How often an append is lost: nothing of it is kept. */
  failureRate = 0

  constructor(topic: string, partition: number, clock: Clock, random: SeededRandom) {
    this.topic = topic
    this.partition = partition
    this.#clock = clock
    this.#random = random
  }

  producer(producerId: number): ProducerEntry | undefined {
    return this.#entries.get(producerId)
  }

  get open(): readonly number[] {
    return [...this.#entries.values()].filter((entry) => entry.transactionFirstOffset !== undefined).map(({ producerId }) => producerId)
  }

  appendData(batch: DataBatch, guard: Guard): Promise<void> {
    return this.#append(() => {
      const { producerId, producerEpoch, sequence, count } = batch
      const before = this.#entries.get(producerId)
      const lastSequence = sequenceAfter(sequence, count - 1)
      const isRepetition =
        before?.producerEpoch === producerEpoch &&
        before.batches.some((one) => one.lastSequence === lastSequence && firstSequenceOf(one) === sequence)
      if (isRepetition) return
      guard(before)
      const facts = {
        producerId,
        producerEpoch,
        firstSequence: sequence,
        lastSequence,
        timestamp: this.#clock.now(),
        isTransactional: true,
      }
      const entry = afterData(before, { ...facts, firstOffset: this.#offset, lastOffset: this.#offset + count - 1 }, 'client')
      this.#accept(entry, batch, count)
    })
  }

  appendMarker(marker: MarkerBatch, guard: Guard): Promise<void> {
    return this.#append(() => {
      const { producerId, producerEpoch, coordinatorEpoch, isCommit } = marker
      const before = this.#entries.get(producerId)
      guard(before)
      const facts = { producerId, producerEpoch, coordinatorEpoch, isAbort: !isCommit, offset: this.#offset, timestamp: this.#clock.now() }
      this.#accept(afterMarker(before, facts, 'coordinator').entry, marker, 1)
    })
  }

  #accept(entry: ProducerEntry, batch: DataBatch | MarkerBatch, count: number): void {
    this.#entries.set(entry.producerId, entry)
    this.batches.push(batch)
    this.#offset += count
  }

  /** In the order of the calls, each after a while; and acknowledged after another while. */
  #append(decide: () => void): Promise<void> {
    const turn = this.#lane.then(async () => {
      await this.#pause()
      if (this.#random.chance(this.failureRate)) throw logError('STORAGE_UNAVAILABLE', { path: this.topic, problem: 'simulated' })
      decide()
    })
    this.#lane = turn.catch(() => undefined)
    return turn.then(() => this.#pause())
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(this.#random.between(0, 3), resolve))
  }
}
