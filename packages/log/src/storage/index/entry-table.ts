/**
 * The entries of an index as they lie in its file: fixed size, big-endian, sorted, growing at the end.
 *
 * 1. `count` entries are valid; the first `savedCount` of them are in the file.
 * 2. `#fileBytes` is the file's length, undefined where that is not known, or not known to be durable.
 */
export class EntryTable {
  readonly entryBytes: number
  #bytes: Uint8Array
  #count: number
  #savedCount: number
  #fileBytes: number | undefined

  /** Takes over `bytes`, those of a file; a part of an entry at their end is left out. Without them there may be no file. */
  constructor(entryBytes: number, bytes?: Uint8Array) {
    this.entryBytes = entryBytes
    this.#bytes = bytes ?? new Uint8Array(0)
    this.#count = Math.floor(this.#bytes.length / entryBytes)
    this.#savedCount = this.#count
    this.#fileBytes = bytes?.length
  }

  get bytes(): Uint8Array {
    return this.#bytes
  }

  get count(): number {
    return this.#count
  }

  get sizeBytes(): number {
    return this.#count * this.entryBytes
  }

  /** Makes room for one more entry and gives the position of its first byte. */
  grow(): number {
    const at = this.sizeBytes
    if (at + this.entryBytes > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(16 * this.entryBytes, 2 * at))
      grown.set(this.#bytes.subarray(0, at))
      this.#bytes = grown
    }
    this.#count++
    return at
  }

  /** Keeps the first `count` entries. */
  truncate(count: number): void {
    this.#count = Math.min(this.#count, count)
    this.#savedCount = Math.min(this.#savedCount, this.#count)
  }

  /** The bytes that are not in the file yet (a copy), and where they belong. */
  unsaved(): { readonly bytes: Uint8Array; readonly position: number } {
    const position = this.#savedCount * this.entryBytes
    return { bytes: this.#bytes.slice(position, this.sizeBytes), position }
  }

  /** The file has been written, up to the entries that take so many bytes. */
  markSaved(sizeBytes: number): void {
    this.#savedCount = Math.min(this.#count, sizeBytes / this.entryBytes)
    this.#fileBytes = sizeBytes
  }

  /** What is in the file does not count. */
  markUnsaved(): void {
    this.#savedCount = 0
    this.#fileBytes = undefined
  }

  /** Whether the file is exactly what would be written. */
  get isSaved(): boolean {
    return this.#savedCount === this.#count && this.#fileBytes === this.sizeBytes
  }

  /** The number of entries for which `isBefore` holds, which are the first ones: a binary search. */
  countWhile(isBefore: (at: number) => boolean): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isBefore(middle * this.entryBytes)) low = middle + 1
      else high = middle
    }
    return low
  }
}
