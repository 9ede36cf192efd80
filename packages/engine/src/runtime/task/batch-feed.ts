/**
 * Hands the records of a batch into a chain, one after the other, and holds what is left where the chain asks for a stop.
 *
 * 1. Records go in once each, in their order; nothing of a later batch before the rest of an earlier one.
 * 2. Between two records, and only there, it stops: where the chain asks for it, and after so many records as the slice of work has.
 * 3. While what the records need is being made ready (`waits`), none is handed in.
 * 4. A record at one place of each batch, or the one before it, is a sample of its keys, and stands for the whole batch: at that place there is a pause in which the chain is told, so that nothing is asked of any record.
 */
import type { RecordBatch } from '../../exchange/elements.ts'
import { detached, NO_TIMESTAMP } from '../../exchange/elements.ts'
import { SamplePositions } from '../../keys/load/sample-positions.ts'
import type { Chain } from '../../operators/chain.ts'
import type { Receiver } from '../../operators/receiver.ts'
import type { WorkSlice } from '../work-slice.ts'

/** Where the records of a batch come from. */
export interface BatchOrigin {
  /** Of the gate; undefined where it is replayed from a checkpoint. */
  readonly channel: number | undefined
  /** 'orders[3]': for messages. */
  readonly label: string
  /** Place in the chain of the operator that they are for. */
  readonly operator: number
  readonly input: 0 | 1
}

interface HeldBatch {
  batch: RecordBatch
  readonly origin: BatchOrigin
  readonly receiver: Receiver
  next: number
  /** Where in the batch the sample is; below 0: there is none, or it lies behind. */
  sampleAt: number
  /** Records that it stands for. */
  readonly sampled: number
}

export class BatchFeed {
  readonly #chain: Chain
  #held: HeldBatch | undefined
  readonly #slice: WorkSlice
  readonly #wake: () => void
  readonly #positions: SamplePositions = new SamplePositions()
  /** What the receiver needs for the batch is not at hand yet. */
  waits: boolean = false

  /** `wake`: told when `waits` has ended. */
  constructor(chain: Chain, slice: WorkSlice, wake: () => void) {
    this.#chain = chain
    this.#slice = slice
    this.#wake = wake
  }

  /** Whether a batch is not handed in to its end. */
  get holds(): boolean {
    return this.#held !== undefined
  }

  /** What is not handed in yet, and stays valid whatever the channel is asked. */
  rest(): { readonly batch: RecordBatch; readonly origin: BatchOrigin } | undefined {
    const held = this.#held
    if (held === undefined) return undefined
    held.batch = detached(held.batch, held.next)
    held.sampleAt -= held.next
    held.next = 0
    return held
  }

  take(batch: RecordBatch, origin: BatchOrigin, receiver: Receiver): void {
    const { count } = batch
    const sampleAt = this.#chain.keyed.length === 0 ? -1 : this.#positions.below(count)
    this.#held = { batch, origin, receiver, next: 0, sampleAt, sampled: count }
    const prepared = receiver.prepare?.(batch)
    if (prepared === undefined) this.goOn()
    else this.#waitFor(prepared)
  }

  #waitFor(prepared: Promise<void>): void {
    this.waits = true
    const over = (): void => {
      this.waits = false
      this.#wake()
    }
    // What could not be made ready fails when it is used.
    prepared.then(over, over)
  }

  /** Hands in the rest of the batch, until something asks for a stop. @throws the chain's failure */
  goOn(): void {
    const held = this.#held!
    const { cursor } = this.#chain
    const { sampleAt } = held
    const first = held.next
    const end = Math.min(held.batch.count, first + this.#slice.records)
    this.#slice.begin()
    if (sampleAt >= first && sampleAt < end) {
      this.#handIn(held, sampleAt)
      if (!cursor.interrupted) this.#chain.sampleKeys(held.sampled)
    }
    this.#handIn(held, end)
    if (cursor.failure !== undefined) throw cursor.failure
    this.#slice.end(held.next - first)
    if (held.next === held.batch.count) this.#held = undefined
  }

  /** Up to such a record, or until something asks for a stop. */
  #handIn(held: HeldBatch, end: number): void {
    const { cursor } = this.#chain
    const { receiver } = held
    const { values, timestamps, hashes } = held.batch
    let index = held.next
    if (timestamps === undefined) cursor.timestamp = NO_TIMESTAMP
    for (; index < end && !cursor.interrupted; index++) {
      if (timestamps !== undefined) cursor.timestamp = timestamps[index]!
      if (hashes !== undefined) cursor.hash = hashes[index]!
      held.next = index
      receiver.receive(values[index])
    }
    held.next = index
  }

  /** Where the record that is passing came from. */
  position(): string | undefined {
    const held = this.#held
    return held === undefined ? undefined : `record ${held.next + 1} of a batch from ${held.origin.label}`
  }
}
