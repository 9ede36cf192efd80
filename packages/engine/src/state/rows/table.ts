// The rows of one key group, or of a part of one: an index by hash over columns.
//
// 1. A row keeps its number for as long as its table lives; freed numbers are used again.
// 2. `epochs[row]` is the epoch in which the row was last touched; FREE where there is no row; `deadMark(epoch)` where the key has no state any more
//    and the row is only there to be written as a tombstone. Alive rows are >= 0, so that any touch of another takes the slow path.
// 3. The index is at most half full, and is probed linearly on the hash's low bits (the high ones have chosen the table).
import type { Key } from '../../api/state.ts'
import { hashKey } from '../../keys/hash.ts'
import { sameKey } from '../../keys/key.ts'
import { Column, NUMBERS } from './column.ts'

/** More rows than this and a table is split: moving them takes well under a millisecond. */
export const TABLE_ROWS_MAX = 16_384
/** Of a table that nothing is known of. */
export const ROWS_FIRST = 8

/** What `epochs` says where there is no row. */
export const FREE = -1

const emptyIndex = new Int32Array(2)

/** What `epochs` says of a row that is dead since an epoch, and the other way round. */
export function deadMark(epoch: number): number {
  return -2 - epoch
}

/** The epoch in which a row, dead or alive, was last touched; -1 where there is none. */
export function touchedEpoch(mark: number): number {
  return mark >= FREE ? mark : -2 - mark
}

export class Table {
  readonly keyGroup: number
  /** Pairs: the hash, and twice the row + 1, plus 1 for an int32 key; or 0. */
  index: Int32Array
  /** Numbers are kept as such: to compare one is to read one place in memory. */
  readonly keys: Column
  epochs: Int32Array
  /** 1 where some snapshot may hold the row: it needs a tombstone when it goes. */
  stored: Uint8Array
  /** What a cache over a store notes about the row. */
  notes: Uint8Array
  readonly columns: readonly Column[]
  /** Rows below have been given out at least once. */
  used = 0
  /** Rows that are neither free nor dead. */
  alive = 0
  /** The last epoch in which a row was touched. */
  lastTouched = 0
  /** Whether a snapshot that is being written still has rows here to visit, from `position` on. */
  pending = false
  position = 0
  /** Bytes a row in the last snapshot. */
  rowBytes = 0
  /** Which slots of the directory refer to this table. */
  slot = 0
  slots = 1
  #mask: number
  #capacity: number
  #free: number[] = []

  constructor(keyGroup: number, columns: number, capacity: number = ROWS_FIRST) {
    this.keyGroup = keyGroup
    this.#capacity = capacity
    this.#mask = Math.max(2 * capacity - 1, 0)
    this.index = capacity === 0 ? emptyIndex : new Int32Array(4 * capacity)
    this.epochs = new Int32Array(capacity).fill(FREE)
    this.stored = new Uint8Array(capacity)
    this.notes = new Uint8Array(capacity)
    this.keys = new Column(capacity)
    this.columns = capacity === 0 ? [] : Array.from({ length: columns }, () => new Column(capacity))
  }

  key(row: number): Key {
    return this.keys.get(row) as Key
  }

  get full(): boolean {
    return this.used === this.#capacity && this.#free.length === 0
  }

  /** Rows that are not free, dead ones too. */
  get resident(): number {
    return this.used - this.#free.length
  }

  get capacity(): number {
    return this.#capacity
  }

  /** The key's row, or -1. A table of capacity 0 has none and is only there to be asked. */
  find(key: unknown, hash: number): number {
    if (typeof key === 'number') return (key | 0) === key ? this.#findInt32(hash) : this.#findFloat64(key, hash)
    return typeof key === 'string' ? this.#findString(key, hash) : this.#findOther(key, hash)
  }

  /** No two int32 keys have the same hash, so that there is no need to look at the key. */
  #findInt32(hash: number): number {
    const index = this.index
    const mask = this.#mask
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const entry = index[2 * at + 1]!
      if (entry === 0) return -1
      if (index[2 * at] === hash && (entry & 1) === 1) return (entry >> 1) - 1
    }
  }

  #findFloat64(key: number, hash: number): number {
    const { keys, index } = this
    if (keys.mode !== NUMBERS || key !== key) return this.#findOther(key, hash)
    const numbers = keys.numbers
    const mask = this.#mask
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const entry = index[2 * at + 1]!
      if (entry === 0) return -1
      if (index[2 * at] === hash && numbers[(entry >> 1) - 1] === key) return (entry >> 1) - 1
    }
  }

  #findString(key: string, hash: number): number {
    const index = this.index
    const mask = this.#mask
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const entry = index[2 * at + 1]!
      if (entry === 0) return -1
      if (index[2 * at] !== hash || (entry & 1) === 1) continue
      const other = this.keys.objects[(entry >> 1) - 1]
      if (typeof other === 'string' && other === key) return (entry >> 1) - 1
    }
  }

  #findOther(key: unknown, hash: number): number {
    const index = this.index
    const mask = this.#mask
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const entry = index[2 * at + 1]!
      if (entry === 0) return -1
      if (index[2 * at] === hash && sameKey(this.keys.get((entry >> 1) - 1), key)) return (entry >> 1) - 1
    }
  }

  /** Whether a delta over `since` has nothing to look at here: no row touched since, and no dead one to be freed. */
  isCleanSince(since: number): boolean {
    return this.lastTouched <= since && this.used - this.#free.length === this.alive
  }

  /** The first row in [from, until) that is dead or was touched in one of the epochs (since, boundary]; `until` if there is none. */
  nextTouched(from: number, until: number, since: number, boundary: number): number {
    const epochs = this.epochs
    for (let row = from; row < until; row++) {
      const mark = epochs[row]!
      if (mark > since ? mark <= boundary : mark < FREE) return row
    }
    return until
  }

  /** Adds a row for a key that has none. The table is not full. */
  add(key: Key, hash: number, mark: number): number {
    const row = this.#free.pop() ?? this.used++
    this.keys.set(row, key)
    this.epochs[row] = mark
    this.#enter(hash, entryOf(key, row))
    if (mark >= 0) this.alive++
    return row
  }

  /** Forgets a row, whose cells are all clear. */
  free(row: number, hash: number = hashKey(this.keys.get(row))): void {
    this.#leave(hash, entryOf(this.key(row), row))
    if (this.epochs[row]! >= 0) this.alive--
    this.keys.clear(row)
    this.epochs[row] = FREE
    this.stored[row] = 0
    this.notes[row] = 0
    this.#free.push(row)
  }

  markDead(row: number): void {
    this.epochs[row] = deadMark(this.epochs[row]!)
    this.alive--
  }

  isEmpty(row: number): boolean {
    for (const column of this.columns) if (column.has(row)) return false
    return true
  }

  grow(): void {
    const capacity = this.#capacity * 2
    this.epochs = enlarge(this.epochs, new Int32Array(capacity).fill(FREE))
    this.stored = enlarge(this.stored, new Uint8Array(capacity))
    this.notes = enlarge(this.notes, new Uint8Array(capacity))
    this.keys.grow(capacity)
    for (const column of this.columns) column.grow(capacity)
    this.#capacity = capacity
    const before = this.index
    this.index = new Int32Array(4 * capacity)
    this.#mask = 2 * capacity - 1
    for (let at = 0; at < before.length; at += 2) if (before[at + 1] !== 0) this.#enter(before[at]!, before[at + 1]!)
  }

  /** Copies every row, dead ones too, into the table that `choose` names for its hash. */
  moveTo(choose: (hash: number) => Table): void {
    for (let at = 0; at < this.index.length; at += 2) {
      if (this.index[at + 1] === 0) continue
      const row = (this.index[at + 1]! >> 1) - 1
      const target = choose(this.index[at]!)
      const moved = target.add(this.key(row), this.index[at]!, this.epochs[row]!)
      target.stored[moved] = this.stored[row]!
      target.notes[moved] = this.notes[row]!
      for (let column = 0; column < this.columns.length; column++) {
        const value = this.columns[column]!.get(row)
        if (value !== undefined) target.columns[column]!.set(moved, value)
      }
    }
  }

  /** What the table takes, without what its keys and objects take. */
  get sizeBytes(): number {
    let bytes = 4 * this.index.length + 5 * this.#capacity + this.keys.sizeBytes
    for (const column of this.columns) bytes += column.sizeBytes
    return bytes
  }

  #enter(hash: number, entry: number): void {
    let at = hash & this.#mask
    while (this.index[2 * at + 1] !== 0) at = (at + 1) & this.#mask
    this.index[2 * at] = hash
    this.index[2 * at + 1] = entry
  }

  /** Takes an entry out of the index and moves back what had to step aside for it. */
  #leave(hash: number, entry: number): void {
    const index = this.index
    const mask = this.#mask
    let hole = hash & mask
    while (index[2 * hole + 1] !== entry) hole = (hole + 1) & mask
    let at = hole
    for (;;) {
      at = (at + 1) & mask
      if (index[2 * at + 1] === 0) break
      const home = index[2 * at]! & mask
      if (((at - home) & mask) < ((at - hole) & mask)) continue
      index[2 * hole] = index[2 * at]!
      index[2 * hole + 1] = index[2 * at + 1]!
      hole = at
    }
    index[2 * hole + 1] = 0
  }
}

function entryOf(key: Key, row: number): number {
  return 2 * (row + 1) + (typeof key === 'number' && (key | 0) === key ? 1 : 0)
}

function enlarge<T extends Int32Array | Uint8Array>(from: T, to: T): T {
  to.set(from)
  return to
}
