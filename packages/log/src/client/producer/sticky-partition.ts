import { randomBelow, type Random } from '@millrace/core'
import type { TopicView } from '../metadata/cluster-view.ts'

/**
 * Where records without a key go: one partition until a batch's worth of bytes went there, then another one at random, so that batches are full and load is even.
 * Partitions without a leader are passed over while another one has one. (KIP-480, KIP-794)
 */
export class StickyPartition {
  readonly #batchBytes: number
  readonly #random: Random
  #current: { readonly partition: number; readonly partitionCount: number } | undefined
  #bytes = 0

  constructor(batchBytes: number, random: Random) {
    this.#batchBytes = batchBytes
    this.#random = random
  }

  /** @param sizeBytes of the record that goes there, about */
  next(topic: TopicView, sizeBytes: number): number {
    const { partitions } = topic
    const isUsable = this.#current !== undefined && this.#current.partitionCount === partitions.length
    if (!isUsable || this.#bytes >= this.#batchBytes || partitions[this.#current!.partition]!.leader < 0) {
      const led = partitions.filter(({ leader }) => leader >= 0)
      const choices = led.length > 0 ? led : partitions
      const others = choices.length > 1 ? choices.filter(({ partition }) => partition !== this.#current?.partition) : choices
      this.#current = { partition: others[randomBelow(this.#random, others.length)]!.partition, partitionCount: partitions.length }
      this.#bytes = 0
    }
    this.#bytes += sizeBytes
    return this.#current!.partition
  }
}
