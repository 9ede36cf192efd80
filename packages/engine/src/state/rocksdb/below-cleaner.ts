import type { StateCleaner } from '../state-cleaner.ts'
import type { CachedStore } from './cached-store.ts'
import { hashIn, keyIn } from './row-encoder.ts'

/** Rows looked at in place of one that is in memory: each is read, and taken in for as long as that takes. */
const COST = 4

/** The keys of a store that a sweep goes over. */
export interface SweepRange {
  readonly from: Uint8Array
  readonly end: Uint8Array
}

/**
 * Removes what has expired from rows that are not in the tables, a few at a time.
 *
 * 1. Rows that are in the tables are left alone: another sweep looks at them.
 * 2. While nothing may be written below it does nothing, and goes on from there later.
 */
export class BelowCleaner {
  readonly #store: CachedStore
  readonly #cleaner: StateCleaner
  readonly #range: SweepRange
  /** Where to go on; undefined: a new sweep begins. */
  #next: Uint8Array | undefined

  constructor(store: CachedStore, cleaner: StateCleaner, range: SweepRange) {
    this.#store = store
    this.#cleaner = cleaner
    this.#range = range
  }

  /** Looks at some rows, for the cost of so many in memory. Answers whether there is nothing more to do for now. */
  step(rows: number): boolean {
    const { below } = this.#store
    if (below.store === undefined || below.frozen) return true
    const read = this.#read(Math.ceil(rows / COST))
    for (const [key, value] of read) this.#store.visit(keyIn(key), hashIn(key), value, (table, row) => this.#cleaner.inspect(table, row))
    return this.#next === undefined
  }

  #read(rows: number): readonly (readonly [Uint8Array, Uint8Array])[] {
    const scan = this.#store.below.store!.scan(this.#next ?? this.#range.from, this.#range.end)
    const read: (readonly [Uint8Array, Uint8Array])[] = []
    while (read.length < rows && scan.next()) read.push([new Uint8Array(scan.key), new Uint8Array(scan.value)])
    scan.close()
    this.#next = read.length < rows ? undefined : behind(read.at(-1)![0])
    return read
  }
}

/** The least key that is greater. */
function behind(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}
