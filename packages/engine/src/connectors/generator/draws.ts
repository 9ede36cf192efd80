/**
 * Random numbers that depend on nothing but a seed, an index and how many were drawn for that index before:
 * whatever subtask generates a record, and however often, it is the same.
 */
export class Draws {
  readonly #seed: number
  #index = 0
  #begun = false
  #state = 0

  constructor(seed: number) {
    this.#seed = mix(seed >>> 0) ^ mix(Math.floor(seed / 2 ** 32) + 0x9e3779b9)
  }

  /** Starts the draws of another index. */
  begin(index: number): void {
    this.#index = index
    this.#begun = false
  }

  /** A uniform number in [0, 1). */
  next(): number {
    if (!this.#begun) this.#mixIndex()
    this.#state = (this.#state + 0x9e3779b9) | 0
    return (mix(this.#state) >>> 0) / 2 ** 32
  }

  #mixIndex(): void {
    this.#begun = true
    this.#state = mix(this.#seed ^ (this.#index >>> 0)) ^ mix(Math.floor(this.#index / 2 ** 32) + 0x85ebca6b)
  }
}

/** A bijection of 32-bit integers that changes half of the bits for each bit changed (the finalizer of MurmurHash3). */
function mix(value: number): number {
  let mixed = value | 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
