import type { SegmentIndexes } from './segment-indexes.ts'

/** What the cache asks of a segment. */
export interface IndexSource {
  loadIndexes(): Promise<SegmentIndexes>
}

/**
 * Indexes of segments that are no longer written, loaded when asked for and bounded in bytes, least recently used out first.
 *
 * 1. A segment's indexes are loaded once, however many ask for them meanwhile.
 */
export class IndexCache {
  readonly bytesMax: number
  readonly #loaded = new Map<IndexSource, SegmentIndexes>()
  readonly #loading = new Map<IndexSource, Promise<SegmentIndexes>>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  async get(source: IndexSource): Promise<SegmentIndexes> {
    const present = this.#loaded.get(source)
    if (present !== undefined) {
      this.#loaded.delete(source)
      this.#loaded.set(source, present)
      return present
    }
    let loading = this.#loading.get(source)
    if (loading === undefined) {
      loading = source.loadIndexes().finally(() => this.#loading.delete(source))
      this.#loading.set(source, loading)
      void loading.then(
        (indexes) => this.put(source, indexes),
        () => undefined,
      )
    }
    return await loading
  }

  put(source: IndexSource, indexes: SegmentIndexes): void {
    this.drop(source)
    this.#loaded.set(source, indexes)
    this.#bytes += indexes.sizeBytes
    for (const oldest of this.#loaded.keys()) {
      if (this.#bytes <= this.bytesMax || oldest === source) break
      this.drop(oldest)
    }
  }

  drop(source: IndexSource): void {
    this.#bytes -= this.#loaded.get(source)?.sizeBytes ?? 0
    this.#loaded.delete(source)
  }
}
