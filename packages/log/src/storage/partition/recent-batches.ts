import type { BatchView } from '../../records/batch.ts'

export interface BatchPlace {
  readonly position: number
  readonly sizeBytes: number
  readonly baseOffset: number
  readonly lastOffset: number
}

const CAPACITY_FIRST = 8
/** Numbers of a place: those of `BatchPlace`. */
const WIDTH = 4

/**
 * Where the last batches of the active segment are, so that readers at the tail need no look at the file.
 *
 * 1. It covers the newest batches without a gap, `capacity` at most.
 *
 * A ring of numbers: an object for each batch would live just long enough to cost the garbage collector most.
 */
export class RecentBatches {
  readonly #capacity: number
  /** As many places as were needed so far. */
  #places = new Float64Array(0)
  /** Of the oldest place in the ring. */
  #first = 0
  #count = 0

  constructor(capacity = 256) {
    this.#capacity = capacity
  }

  push({ sizeBytes, baseOffset, lastOffset }: BatchView, position: number): void {
    if (this.#count === this.#room && this.#count < this.#capacity) this.#grow()
    if (this.#count === this.#capacity) this.#first = (this.#first + 1) % this.#capacity
    else this.#count++
    const at = this.#at(this.#count - 1)
    const places = this.#places
    places[at] = position
    places[at + 1] = sizeBytes
    places[at + 2] = baseOffset
    places[at + 3] = lastOffset
  }

  clear(): void {
    this.#first = 0
    this.#count = 0
  }

  /** The first batch that ends at `offset` or above, if it is one of those covered. */
  find(offset: number): BatchPlace | undefined {
    const places = this.#places
    if (this.#count === 0 || offset < places[this.#at(0) + 2]!) return undefined
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (places[this.#at(middle) + 3]! < offset) low = middle + 1
      else high = middle
    }
    if (low === this.#count) return undefined
    const at = this.#at(low)
    return { position: places[at]!, sizeBytes: places[at + 1]!, baseOffset: places[at + 2]!, lastOffset: places[at + 3]! }
  }

  get #room(): number {
    return this.#places.length / WIDTH
  }

  /** Where the numbers of the batch begin that is so many after the oldest. */
  #at(index: number): number {
    return ((this.#first + index) % this.#room) * WIDTH
  }

  /** While it does, the oldest is the first: a ring goes around only at its capacity. */
  #grow(): void {
    const grown = new Float64Array(Math.min(Math.max(CAPACITY_FIRST, 2 * this.#room), this.#capacity) * WIDTH)
    grown.set(this.#places)
    this.#places = grown
  }
}
