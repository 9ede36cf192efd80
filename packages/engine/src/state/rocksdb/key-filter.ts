/** Bits of a filter that answers wrongly once in a hundred times, for each hash. */
const BITS_A_HASH = 10
const PROBES = 6
const HASHES_FIRST = 16_384

interface Layer {
  readonly bits: Int32Array
  readonly mask: number
  room: number
}

/**
 * Which hashes may be among those added: "no" is certain, "yes" is wrong once in a hundred times. Saves the look-ups of keys that a database does not have.
 * Grows by further filters, each twice as large as the one before.
 */
export class KeyFilter {
  readonly #layers: Layer[] = []

  add(hash: number): void {
    if (this.has(hash)) return
    let layer = this.#layers.at(-1)
    if (layer === undefined || layer.room === 0) {
      layer = createLayer(HASHES_FIRST * 2 ** this.#layers.length)
      this.#layers.push(layer)
    }
    layer.room--
    const step = stepOf(hash)
    for (let probe = 0, bit = hash; probe < PROBES; probe++, bit = (bit + step) | 0) {
      const at = bit & layer.mask
      layer.bits[at >>> 5]! |= 1 << (at & 31)
    }
  }

  has(hash: number): boolean {
    for (let at = this.#layers.length - 1; at >= 0; at--) if (holds(this.#layers[at]!, hash)) return true
    return false
  }

  get sizeBytes(): number {
    return this.#layers.reduce((sum, { bits }) => sum + bits.byteLength, 0)
  }
}

function createLayer(hashes: number): Layer {
  const bits = 2 ** Math.ceil(Math.log2(hashes * BITS_A_HASH))
  return { bits: new Int32Array(bits / 32), mask: bits - 1, room: hashes }
}

function holds({ bits, mask }: Layer, hash: number): boolean {
  const step = stepOf(hash)
  for (let probe = 0, bit = hash; probe < PROBES; probe++, bit = (bit + step) | 0) {
    const at = bit & mask
    if ((bits[at >>> 5]! & (1 << (at & 31))) === 0) return false
  }
  return true
}

/** A second hash out of the first, odd. */
function stepOf(hash: number): number {
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d) | 1
}
