import type { KeyAtom } from '../../api/state.ts'
import type { TimedMapEntry } from '../rows/map-cell.ts'
import type { EntryEncoder } from './entry-encoder.ts'
import type { StoredBelow } from './stored-below.ts'
import type { EntriesBelow, EntryPage, StoredEntry } from './stored-map-cell.ts'

export interface PlaceOfMap {
  readonly column: number
  /** What the keys of all its entries begin with. */
  readonly prefix: Uint8Array
  /** Told what entries take, encoded. */
  readonly learn: (encodedBytes: number) => void
}

/** The entries of one map as keys of their own in the store below. */
export class ApartEntries implements EntriesBelow {
  readonly #below: StoredBelow
  readonly #encoder: EntryEncoder
  readonly #column: number
  readonly #prefix: Uint8Array
  readonly #learn: (encodedBytes: number) => void

  constructor(below: StoredBelow, encoder: EntryEncoder, { column, prefix, learn }: PlaceOfMap) {
    this.#below = below
    this.#encoder = encoder
    this.#column = column
    this.#prefix = prefix
    this.#learn = learn
  }

  get(key: KeyAtom): StoredEntry | undefined {
    const bytes = this.#below.getEntry(this.#encoder.key(this.#prefix, key))
    if (bytes === undefined) return undefined
    this.#learn(bytes.length)
    return this.#encoder.read(this.#column, bytes)
  }

  has(key: KeyAtom): boolean {
    return this.#below.getEntry(this.#encoder.key(this.#prefix, key)) !== undefined
  }

  put(entry: TimedMapEntry): void {
    const key = this.#encoder.key(this.#prefix, entry.key)
    const value = this.#encoder.value(this.#column, entry)
    this.#below.putEntry(key, value)
    this.#learn(key.length - this.#prefix.length + value.length)
  }

  delete(key: KeyAtom): void {
    this.#below.deleteEntry(this.#encoder.key(this.#prefix, key))
  }

  get first(): Uint8Array {
    return this.#prefix
  }

  page(from: Uint8Array, count: number): EntryPage {
    const { entries, next } = this.#below.page(from, behindPrefix(this.#prefix), count)
    return {
      entries: entries.map(([at, value]) => ({
        at,
        key: this.#encoder.keyIn(at, this.#prefix.length),
        stored: this.#encoder.read(this.#column, value),
      })),
      next,
    }
  }

  /** Removes up to `limit` entries. Answers how many: fewer if none are left. */
  clear(limit: number): number {
    const { entries } = this.#below.page(this.#prefix, behindPrefix(this.#prefix), limit)
    for (const [at] of entries) this.#below.deleteEntry(at)
    return entries.length
  }
}

/** The least of all keys that are greater than those with a prefix, whose last byte is not the greatest. */
export function behindPrefix(prefix: Uint8Array): Uint8Array {
  const end = new Uint8Array(prefix)
  end[end.length - 1]!++
  return end
}
