import type { BatchView } from '../../records/batch.ts'

export interface BatchPlace {
  readonly position: number
  readonly sizeBytes: number
  readonly baseOffset: number
  readonly lastOffset: number
}

/**
 * Where the last batches of the active segment are, so that readers at the tail need no look at the file.
 *
 * 1. It covers the newest batches without a gap, `capacity` at most.
 */
export class RecentBatches {
  readonly #capacity: number
  #places: BatchPlace[] = []
  #first = 0

  constructor(capacity = 256) {
    this.#capacity = capacity
  }

  push(batch: BatchView, position: number): void {
    this.#places.push({ position, sizeBytes: batch.sizeBytes, baseOffset: batch.baseOffset, lastOffset: batch.lastOffset })
    if (this.#places.length - this.#first > this.#capacity) this.#first++
    if (this.#first >= this.#capacity) {
      this.#places = this.#places.slice(this.#first)
      this.#first = 0
    }
  }

  clear(): void {
    this.#places = []
    this.#first = 0
  }

  /** The first batch that ends at `offset` or above, if it is one of those covered. */
  find(offset: number): BatchPlace | undefined {
    const places = this.#places
    if (this.#first === places.length || offset < places[this.#first]!.baseOffset) return undefined
    let low = this.#first
    let high = places.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (places[middle]!.lastOffset < offset) low = middle + 1
      else high = middle
    }
    return places[low]
  }
}
