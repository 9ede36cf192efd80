/** What a sample counts for in the mean. */
const SAMPLE_WEIGHT = 1 / 16
/** Bytes of live objects for each byte of their encoding, but for long texts, which take as much in memory. */
const HEAP_FACTOR = 3
/** Of a row without its cells: index, marks, key. */
const ROW_BYTES = 72
const CELL_BYTES = 10
/** Of an entry without its key and value: its object, and its place in a map. */
const ENTRY_BYTES = 104
/** Of each of the encodings, until one was seen. */
const ENCODED_BYTES_GUESS = 32

/** How many rows, and entries of maps that lie apart from their rows, a cache of so many bytes holds: learnt from what they take when they are encoded. */
export class CacheSize {
  readonly #cacheBytes: number
  readonly #columns: number
  #rowCellBytes = 0
  #encodedEntryBytes = 0
  #rowBytes: number
  #entryBytes: number

  constructor(cacheBytes: number, columns: number) {
    this.#cacheBytes = cacheBytes
    this.#columns = columns
    this.#rowBytes = this.#liveRowBytes(HEAP_FACTOR * ENCODED_BYTES_GUESS)
    this.#entryBytes = ENTRY_BYTES + HEAP_FACTOR * ENCODED_BYTES_GUESS
  }

  /** `longTextBytes`: of the encoded ones those of long texts. */
  learn(encodedBytes: number, longTextBytes: number): void {
    this.#rowCellBytes = meanWith(this.#rowCellBytes, HEAP_FACTOR * (encodedBytes - longTextBytes) + longTextBytes)
    this.#rowBytes = this.#liveRowBytes(this.#rowCellBytes)
  }

  learnEntry(encodedBytes: number): void {
    this.#encodedEntryBytes = meanWith(this.#encodedEntryBytes, encodedBytes)
    this.#entryBytes = ENTRY_BYTES + HEAP_FACTOR * this.#encodedEntryBytes
  }

  bytes(rows: number, entries: number): number {
    return rows * this.#rowBytes + entries * this.#entryBytes
  }

  /** Whether it is more than so many times what fits. One row and one entry never are. */
  isOver(rows: number, entries: number, times = 1): boolean {
    return (rows > 1 || entries > 1) && this.bytes(rows, entries) > times * this.#cacheBytes
  }

  /** Rows that fit when there is nothing else. */
  get rowsMax(): number {
    return Math.max(1, Math.floor(this.#cacheBytes / this.#rowBytes))
  }

  #liveRowBytes(cellBytes: number): number {
    return ROW_BYTES + CELL_BYTES * this.#columns + cellBytes
  }
}

function meanWith(mean: number, sample: number): number {
  return mean === 0 ? sample : mean + (sample - mean) * SAMPLE_WEIGHT
}
