/** What a sample counts for in the mean. */
const SAMPLE_WEIGHT = 1 / 16
/** Bytes of live objects for each byte of their encoding. */
const HEAP_FACTOR = 3
/** Of a row without its cells: index, marks, key. */
const ROW_BYTES = 72
const CELL_BYTES = 10
const ROWS_MIN = 1
/** Of the encoding, until one was seen. */
const ENCODED_BYTES_GUESS = 32

/** How many rows a cache of so many bytes holds, learnt from what rows take when they are encoded. */
export class CacheSize {
  readonly #cacheBytes: number
  readonly #columns: number
  #encodedBytes = 0
  rowsMax: number = ROWS_MIN

  constructor(cacheBytes: number, columns: number) {
    this.#cacheBytes = cacheBytes
    this.#columns = columns
    this.#resize(ENCODED_BYTES_GUESS)
  }

  learn(encodedBytes: number): void {
    const mean = this.#encodedBytes
    this.#encodedBytes = mean === 0 ? encodedBytes : mean + (encodedBytes - mean) * SAMPLE_WEIGHT
    this.#resize(this.#encodedBytes)
  }

  #resize(encodedBytes: number): void {
    const bytes = ROW_BYTES + CELL_BYTES * this.#columns + HEAP_FACTOR * encodedBytes
    this.rowsMax = Math.max(ROWS_MIN, Math.floor(this.#cacheBytes / bytes))
  }
}
