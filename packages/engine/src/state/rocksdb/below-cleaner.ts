import type { StateCleaner } from '../state-cleaner.ts'
import type { CachedStore } from './cached-store.ts'
import { placeIn, storedTimeOf } from './entry-encoder.ts'
import { hashIn, keyIn } from './row-encoder.ts'
import type { BytesPage } from './stored-below.ts'

/** Rows looked at in place of one that is in memory: each is read, and taken in for as long as that takes. */
const COST = 4
/** Entries of maps that lie apart looked at in place of a row. */
const ENTRIES_A_ROW = 2

/** Keys of a store that a sweep goes over. */
export interface SweepRange {
  readonly from: Uint8Array
  readonly end: Uint8Array
}

/**
 * Removes what has expired from rows that are not in the tables, and from maps that lie apart from their rows, a few at a time.
 *
 * 1. Rows that are in the tables are left alone, and entries that are in their maps: another sweep looks at them.
 * 2. While nothing may be written below it does nothing, and goes on from there later.
 * 3. Entries come before rows: where few of a map are left they go back into their row, and are looked at there.
 * 4. A row is looked at as it is below at that moment: taking in the one before may have made another one leave the tables, and be written.
 */
export class BelowCleaner {
  readonly #store: CachedStore
  readonly #cleaner: StateCleaner
  readonly #ranges: readonly [SweepRange, SweepRange]
  /** Whether it is the entries' turn. */
  #atEntries: boolean
  /** Where to go on; undefined: with the first. */
  #next: Uint8Array | undefined

  /** `ranges`: that of the rows, and that of the entries. */
  constructor(store: CachedStore, cleaner: StateCleaner, ranges: readonly [SweepRange, SweepRange]) {
    this.#store = store
    this.#cleaner = cleaner
    this.#ranges = ranges
    this.#atEntries = cleaner.mapsExpire
  }

  /** Looks at some rows, for the cost of so many in memory. Answers whether there is nothing more to do for now. */
  step(rows: number): boolean {
    const { below } = this.#store
    if (below.store === undefined || below.frozen) return true
    if (this.#atEntries) this.#lookAtEntries(Math.ceil((rows * ENTRIES_A_ROW) / COST))
    else this.#lookAtRows(Math.ceil(rows / COST))
    if (this.#next !== undefined) return false
    const isDone = !this.#atEntries
    this.#atEntries = isDone && this.#cleaner.mapsExpire
    return isDone
  }

  #lookAtRows(count: number): void {
    const { below } = this.#store
    const page = this.#read(count)
    const { version } = below
    for (const [bytes, value] of page) {
      const [key, hash] = [keyIn(bytes), hashIn(bytes)]
      const stored = below.version === version ? value : below.get(key, hash)?.slice()
      if (stored !== undefined) this.#store.visit(key, hash, stored, (table, row) => this.#cleaner.inspect(table, row))
    }
  }

  #lookAtEntries(count: number): void {
    for (const [bytes, value] of this.#read(count)) {
      const { key, hash, column, entry } = placeIn(bytes)
      if (!this.#cleaner.mayHaveExpired(column, storedTimeOf(value))) continue
      this.#store.aside(key, hash, () => this.#cleaner.inspectEntry(column, entry))
    }
  }

  #read(count: number): BytesPage['entries'] {
    const { from, end } = this.#ranges[this.#atEntries ? 1 : 0]
    const { entries, next } = this.#store.below.page(this.#next ?? from, end, count)
    this.#next = next
    return entries
  }
}
