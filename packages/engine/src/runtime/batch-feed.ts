/**
 * Hands the records of a batch into a chain, one after the other, and holds what is left where the chain asks for a stop.
 *
 * 1. Records go in once each, in their order; nothing of a later batch before the rest of an earlier one.
 * 2. Between two records, and only there, it stops.
 */
import type { RecordBatch } from '../exchange/elements.ts'
import type { Chain } from '../operators/chain.ts'
import { NO_TIMESTAMP } from '../exchange/elements.ts'
import type { GateChannel } from './input-gate.ts'

interface HeldBatch {
  readonly batch: RecordBatch
  readonly channel: GateChannel
  next: number
}

export class BatchFeed {
  readonly #chain: Chain
  #held: HeldBatch | undefined

  constructor(chain: Chain) {
    this.#chain = chain
  }

  /** Whether a batch is not handed in to its end. */
  get holds(): boolean {
    return this.#held !== undefined
  }

  take(batch: RecordBatch, channel: GateChannel): void {
    this.#held = { batch, channel, next: 0 }
    this.goOn()
  }

  /** Hands in the rest of the batch, until something asks for a stop. @throws the chain's failure */
  goOn(): void {
    const held = this.#held!
    const { cursor, inputs } = this.#chain
    const receiver = inputs[held.channel.input]
    const { values, timestamps, hashes, count } = held.batch
    let index = held.next
    if (timestamps === undefined) cursor.timestamp = NO_TIMESTAMP
    for (; index < count && !cursor.interrupted; index++) {
      if (timestamps !== undefined) cursor.timestamp = timestamps[index]!
      if (hashes !== undefined) cursor.hash = hashes[index]!
      held.next = index
      receiver.receive(values[index])
    }
    if (cursor.failure !== undefined) throw cursor.failure
    held.next = index
    if (index === count) this.#held = undefined
  }

  /** Where the record that is passing came from. */
  position(): string | undefined {
    const held = this.#held
    return held === undefined ? undefined : `record ${held.next + 1} of a batch from ${held.channel.label}`
  }
}
