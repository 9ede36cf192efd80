import { createHash } from 'node:crypto'

const hashBytes = 16
/** Words of a slot: four of the key's hash, two of the offset. */
const slotWords = 6
const FILL = 0.75

/**
 * The last offset of each key, in a fixed amount of memory: keys are kept as 128-bit hashes, so that two of them are taken for
 * one with a probability that no machine will see.
 *
 * 1. At most three quarters of the slots are taken; `put` refuses a new key beyond that.
 */
export class OffsetMap {
  readonly capacity: number
  readonly #slotCount: number
  readonly #words: Uint32Array
  #size = 0
  /** The largest offset seen, with a key or without. */
  latestOffset = -1

  /** `bytesMax` is what the table may take: 24 bytes a slot. */
  constructor(bytesMax: number) {
    this.#slotCount = Math.max(4, Math.floor(bytesMax / (slotWords * 4)))
    this.capacity = Math.floor(this.#slotCount * FILL)
    this.#words = new Uint32Array(this.#slotCount * slotWords)
  }

  /** What a table for so many keys takes. */
  static bytesFor(keys: number): number {
    return Math.ceil(keys / FILL + 1) * slotWords * 4
  }

  get size(): number {
    return this.#size
  }

  /** False, and nothing is changed, if the key is new and the map is full. */
  put(key: Uint8Array, offset: number): boolean {
    const at = this.#find(key)
    const words = this.#words
    if (words[at + 4] === 0 && words[at + 5] === 0) {
      if (this.#size >= this.capacity) return false
      this.#size++
      words.set(hash, at)
    }
    // One more than the offset, so that 0 means a free slot.
    words[at + 4] = Math.floor((offset + 1) / 2 ** 32)
    words[at + 5] = offset + 1
    return true
  }

  /** -1 if the key is not there. */
  get(key: Uint8Array): number {
    const at = this.#find(key)
    return this.#words[at + 4]! * 2 ** 32 + this.#words[at + 5]! - 1
  }

  /** The key's slot, or the free one it would get; leaves the hash in `hash`. */
  #find(key: Uint8Array): number {
    const words = this.#words
    // SHA-256 cut to 128 bits, as it is there everywhere, in FIPS mode too.
    hashView.set(createHash('sha256').update(key).digest().subarray(0, hashBytes))
    for (let slot = hash[0]! % this.#slotCount; ; slot = (slot + 1) % this.#slotCount) {
      const at = slot * slotWords
      const isFree = words[at + 4] === 0 && words[at + 5] === 0
      if (isFree) return at
      if (words[at] === hash[0] && words[at + 1] === hash[1] && words[at + 2] === hash[2] && words[at + 3] === hash[3]) return at
    }
  }
}

const hash = new Uint32Array(hashBytes / 4)
const hashView = new Uint8Array(hash.buffer)
