/**
 * The heaviest keys of a stream that has any number of them, in room for a few: Space-Saving, with weights, as in A. Metwally, D. Agrawal, A. El Abbadi,
 * "Efficient Computation of Frequent and Top-k Elements in Data Streams", ICDT 2005. A key that is new takes the place of the lightest, and its weight with it: that is
 * the most that the new one can have had, and by so much it may be taken for too heavy.
 *
 * 1. A key that is kept weighs no more than `weight`, and no less than `weight - error`.
 * 2. A key that is not kept weighs no more than the lightest that is, and that is `total / capacity` at most: whatever weighs more is kept.
 * 3. `fade` is as if all that was added so far had weighed less: 1 and 2 hold of what is left of the weights.
 */
export class SpaceSaving {
  readonly capacity: number
  /** Weight of everything that was added, as far as it has not faded. */
  total = 0
  readonly #places: Map<string, number> = new Map()
  /** By place. Arrays of their own, for the lightest is looked for often. */
  readonly #weights: Float64Array
  readonly #errors: Float64Array
  readonly #keys: string[] = []

  constructor(capacity: number) {
    this.capacity = capacity
    this.#weights = new Float64Array(capacity)
    this.#errors = new Float64Array(capacity)
  }

  /** Keys that are kept. */
  get size(): number {
    return this.#keys.length
  }

  add(key: string, weight: number): void {
    this.total += weight
    const known = this.#places.get(key)
    if (known !== undefined) this.#weights[known]! += weight
    else if (this.#keys.length < this.capacity) this.#put(this.#keys.length, key, 0, weight)
    else this.#replace(this.#lightest(), key, weight)
  }

  /** Leaves such a share of all weights, 0 to 1. */
  fade(factor: number): void {
    this.total *= factor
    for (let place = 0; place < this.#keys.length; place++) {
      this.#weights[place]! *= factor
      this.#errors[place]! *= factor
    }
  }

  clear(): void {
    this.total = 0
    this.#places.clear()
    this.#keys.length = 0
  }

  /** In no order. */
  entries(): readonly HeavyKey[] {
    return this.#keys.map((key, place) => ({ key, weight: this.#weights[place]!, error: this.#errors[place]! }))
  }

  #replace(place: number, key: string, weight: number): void {
    this.#places.delete(this.#keys[place]!)
    this.#put(place, key, this.#weights[place]!, weight)
  }

  #put(place: number, key: string, error: number, weight: number): void {
    this.#places.set(key, place)
    this.#keys[place] = key
    this.#errors[place] = error
    this.#weights[place] = error + weight
  }

  #lightest(): number {
    const weights = this.#weights
    let lightest = 0
    for (let place = 1; place < weights.length; place++) if (weights[place]! < weights[lightest]!) lightest = place
    return lightest
  }
}

/** A key that a sketch keeps. */
export interface HeavyKey {
  readonly key: string
  /** The most that it can weigh. */
  readonly weight: number
  /** By how much that may be too much. */
  readonly error: number
}
