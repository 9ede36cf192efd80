/**
 * The order-free checksum over result rows: per row a hash of its numbers, then of its strings, added up modulo 2^32.
 *
 * Characters are not read from the strings one at a time: most are slices of others, and each access would have to look through. Rows are collected,
 * their strings joined and written out once for a whole batch, and hashed from the bytes. (All strings of the specification are ASCII.)
 */
import { mix } from './generator.ts'

const G1 = 0x9e3779b1 | 0
const ROWS_A_BATCH = 256

function step(h: number, k: number): number {
  return Math.imul(((h << 5) | (h >>> 27)) ^ k, G1)
}

/** Fills a hash with the numbers of a row. */
export function hashNumber(h: number, value: number): number {
  const low = step(h, value | 0)
  if (value < 4_294_967_296) return low
  return step(low, (value * 2 ** -32) | 0)
}

export const ROW_START = 0x2545f491 | 0

export class RowChecksum {
  /** Sum of the hashes of all rows finished, an int32. */
  #sum = 0
  #text = ''
  #rows = 0
  #strings = 0
  readonly #hashes: Int32Array = new Int32Array(ROWS_A_BATCH)
  readonly #signs: Int8Array = new Int8Array(ROWS_A_BATCH)
  readonly #stringsOfRow: Uint8Array = new Uint8Array(ROWS_A_BATCH)
  readonly #lengths: Int32Array = new Int32Array(ROWS_A_BATCH * 16)
  #bytes: Buffer = Buffer.allocUnsafe(ROWS_A_BATCH * 512)

  /** Adds a string to the row under construction. */
  string(text: string): void {
    this.#lengths[this.#strings++] = text.length
    this.#text += text
    this.#stringsOfRow[this.#rows]!++
  }

  /** Ends the row: `hash` is that of its numbers; `sign` 1 adds it, -1 takes it away. */
  end(hash: number, sign: 1 | -1): void {
    if (this.#stringsOfRow[this.#rows] === 0) {
      const full = mix(hash)
      this.#sum = (this.#sum + (sign === 1 ? full : -full)) | 0
      return
    }
    this.#hashes[this.#rows] = hash
    this.#signs[this.#rows] = sign
    this.#rows++
    if (this.#rows === ROWS_A_BATCH) this.#finishBatch()
    else this.#stringsOfRow[this.#rows] = 0
  }

  get sum(): number {
    this.#finishBatch()
    return this.#sum
  }

  #finishBatch(): void {
    const length = this.#text.length
    if (this.#bytes.length < length) this.#bytes = Buffer.allocUnsafe(length * 2)
    const bytes = this.#bytes
    bytes.write(this.#text, 0, 'latin1')
    let at = 0
    let string = 0
    let sum = this.#sum
    for (let row = 0; row < this.#rows; row++) {
      let h = this.#hashes[row]!
      for (let n = this.#stringsOfRow[row]!; n > 0; n--) {
        const size = this.#lengths[string++]!
        h = step(step(h, size), textHash(bytes, at, size))
        at += size
      }
      const full = mix(h)
      sum = (sum + (this.#signs[row] === 1 ? full : -full)) | 0
    }
    this.#sum = sum
    this.#text = ''
    this.#rows = 0
    this.#strings = 0
    this.#stringsOfRow[0] = 0
  }
}

/** Of all characters, or of the first and the last 16 of more than 32. */
function textHash(bytes: Uint8Array, at: number, size: number): number {
  if (size > 32) return hash16(hash16(0, bytes, at), bytes, at + size - 16)
  let x = 0
  for (let k = at; k < at + size; k++) x = (Math.imul(x, 31) + bytes[k]!) | 0
  return x
}

/** Goes on with 16 characters, four at a time: each step waits for the one before it. */
function hash16(x: number, bytes: Uint8Array, at: number): number {
  for (let k = at; k < at + 16; k += 4) {
    const four = Math.imul(bytes[k]!, 29_791) + Math.imul(bytes[k + 1]!, 961) + Math.imul(bytes[k + 2]!, 31) + bytes[k + 3]!
    x = (Math.imul(x, 923_521) + four) | 0
  }
  return x
}

/** A sum as the result lines have it: 8 hexadecimal digits. */
export function formatChecksum(sum: number): string {
  return (sum >>> 0).toString(16).padStart(8, '0')
}
