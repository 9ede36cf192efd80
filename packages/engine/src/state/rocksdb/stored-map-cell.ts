/**
 * A map whose entries lie apart from their row once they are many: keys of their own in the store below, of which those in use are here.
 *
 * 1. While `apart` is undefined every entry is here, and the map is a part of its row.
 * 2. Of a map that lies apart an entry is as `entries` and `removed` say. The store is asked for what neither of them has.
 * 3. Entries of epoch CLEAN are in the store as they are here, and may be let go of. All others, removed ones too, are in `touched`: a snapshot writes them as changes
 *    over what is in the store.
 * 4. A snapshot that has entries still to visit is told of an entry before it becomes clean.
 * 5. A map moves, from its row or back into it, only while no snapshot has entries of it to visit.
 */
import type { KeyAtom } from '../../api/state.ts'
import { isAtom } from '../../keys/key.ts'
import { detachString } from '../values/detach.ts'
import { REMOVED, TimedMapCell, TimedMapEntry, type MapEntry } from '../rows/map-cell.ts'

/** An entry as the store has it. */
export interface StoredEntry {
  readonly value: unknown
  /** When it was last updated; 0 where entries have no times. */
  readonly time: number
}

/** Entries in the order of their bytes. */
export interface EntryPage {
  /** `at`: where to go on to begin with this one. */
  readonly entries: readonly { readonly at: Uint8Array; readonly key: KeyAtom; readonly stored: StoredEntry }[]
  /** Where to go on; undefined: there are no more. */
  readonly next: Uint8Array | undefined
}

/** The entries of one map in the store below. */
export interface EntriesBelow {
  get(key: KeyAtom): StoredEntry | undefined
  has(key: KeyAtom): boolean
  put(entry: TimedMapEntry): void
  delete(key: KeyAtom): void
  /** Before all of them. */
  readonly first: Uint8Array
  page(from: Uint8Array, count: number): EntryPage
}

/** The epoch of rows and entries that are below just as they are here. */
export const CLEAN = 0

/** Notes about an entry: it was used since the hand came by; the store has its key, as it is or as it was; it is not in the cell yet. */
const RECENT = 1
const BELOW = 2
const LOOSE = 4

const ENTRIES_A_PAGE = 128
/** Entries in `touched` that need not be there before they are looked for. */
const CLEAN_TOUCHED_MAX = 256

export class StoredMapEntry extends TimedMapEntry {
  notes = 0
}

/** What the maps of a store have in common. */
export interface SharedByMaps {
  /** Entries here of maps that lie apart, removed ones that wait to be written too. */
  cached: number
  /** Maps in their rows have no more entries than this. */
  readonly entriesMax: number
  /** The map of some row has got more. */
  grown: boolean
}

export class StoredMapCell extends TimedMapCell {
  #shared: SharedByMaps
  apart: EntriesBelow | undefined = undefined
  /** Of a map that lies apart: its entries. */
  #size = 0
  /** Of these the ones in the store, as they are or as they were. */
  below = 0
  #hand: IterableIterator<MapEntry> | undefined = undefined
  /** Grows with every entry written to the store. */
  writes = 0
  /** Entries of a map that lies apart that are not clean, removed ones too. `touched` may have more: those that have become clean, and some twice. */
  #dirty = 0
  /** It was too large for its row, though its entries are few. */
  isHeavy = false

  constructor(shared: SharedByMaps) {
    super()
    this.#shared = shared
  }

  override get size(): number {
    return this.apart === undefined ? this.entries.size : this.#size
  }

  override get isPartial(): boolean {
    return this.apart !== undefined
  }

  override newEntry(key: KeyAtom, value: unknown, epoch: number): StoredMapEntry {
    return new StoredMapEntry(key, value, epoch)
  }

  override find(key: KeyAtom): MapEntry | undefined {
    const present = this.entries.get(key) as StoredMapEntry | undefined
    if (present !== undefined) {
      present.notes |= RECENT
      return present
    }
    const { apart } = this
    if (apart === undefined || !isAtom(key) || this.removed?.has(key) === true) return undefined
    const stored = apart.get(key)
    return stored === undefined ? undefined : this.#takeIn(entryOf(ownAtom(key), stored))
  }

  /** First those that are here, then those that are only in the store, in the order of their bytes. Entries that are added meanwhile may be seen or not. */
  override *all(): IterableIterator<MapEntry> {
    const { apart } = this
    if (apart === undefined) {
      yield* this.entries.values()
      return
    }
    const seen = new Set(this.entries.keys())
    for (const key of seen) {
      const entry = this.entries.get(key)
      if (entry === undefined) seen.delete(key)
      else yield entry
    }
    for (let from: Uint8Array | undefined = apart.first; from !== undefined;) {
      const { writes } = this
      const page = apart.page(from, ENTRIES_A_PAGE)
      from = page.next
      for (const { key, at, stored } of page.entries) {
        if (this.writes !== writes) {
          from = at
          break
        }
        if (!seen.has(key) && this.removed?.has(key) !== true) yield this.entries.get(key) ?? entryOf(key, stored, LOOSE)
      }
    }
  }

  override touch(entry: MapEntry, epoch: number): void {
    const own = entry as StoredMapEntry
    if ((own.notes & LOOSE) !== 0) this.#takeIn(own)
    own.notes |= RECENT
    if (entry.epoch === CLEAN) this.#dirty++
    super.touch(entry, epoch)
  }

  override delete(key: KeyAtom, epoch: number): boolean {
    const existed = super.delete(key, epoch)
    if (existed && this.apart !== undefined) this.#size--
    return existed
  }

  override restore(key: KeyAtom, value: unknown, epoch: number): void {
    if (this.apart !== undefined) return this.set(key, value, epoch)
    super.restore(key, value, epoch)
    this.#noteGrowth()
  }

  override restoreRemoved(key: KeyAtom, epoch: number): void {
    if (this.apart === undefined) super.restoreRemoved(key, epoch)
    else this.delete(key, epoch)
  }

  override release(): void {
    if (this.apart !== undefined) this.#shared.cached -= this.cached
    // Whoever still looks at it does not count any more.
    this.#shared = { cached: 0, entriesMax: Infinity, grown: false }
  }

  /** Entries here of a map that lies apart, removed ones too. */
  get cached(): number {
    return this.apart === undefined ? 0 : this.entries.size + (this.removed?.size ?? 0)
  }

  /** Whether something of a map that lies apart is to be written to the store. */
  get isDirty(): boolean {
    return this.apart !== undefined && this.#dirty > 0
  }

  // ---------- moves

  /** Leaves its row: what is here is to be written. `epoch`: the current one. */
  moveOut(apart: EntriesBelow, epoch: number): void {
    this.foundApart(apart, 0)
    this.#size = this.entries.size
    this.removed = undefined
    this.touched = [...this.entries.values()]
    this.#dirty = this.touched.length
    for (const entry of this.touched) entry.epoch = epoch
    this.#shared.cached += this.entries.size
  }

  /** It has so many entries in the store. */
  foundApart(apart: EntriesBelow, size: number): void {
    this.apart = apart
    this.#size = size
    this.below = size
    this.#dirty = 0
    this.trackedSince = CLEAN
  }

  /** Comes back into its row, with all its entries. What is in the store is left over. */
  moveIn(): void {
    const all = Array.from(this.all(), (entry) => entry as StoredMapEntry)
    this.#shared.cached -= this.cached
    this.apart = undefined
    this.entries.clear()
    for (const entry of all) {
      entry.notes = 0
      this.entries.set(entry.key, entry)
    }
    this.below = 0
    this.removed = undefined
    this.touched = []
    this.#dirty = 0
    this.#hand = undefined
    this.trackedSince = Number.POSITIVE_INFINITY
  }

  // ---------- written to the store

  /** Writes up to `limit` entries that were touched no later than `until`; they stay. Answers how many. */
  write(limit: number, until: number = Infinity): number {
    let written = 0
    for (const entry of this.touched as StoredMapEntry[]) {
      if (written >= limit) break
      if (entry.epoch === CLEAN || entry.epoch > until) continue
      this.#write(entry)
      written++
    }
    this.#dropClean()
    return written
  }

  /** Lets go of up to `limit` entries that were not used since the hand came by, written to the store if need be. Answers how many; fewer at the end of a round. */
  letGo(limit: number): number {
    let gone = 0
    this.#hand ??= this.entries.values()
    while (gone < limit) {
      const { value, done } = this.#hand.next()
      if (done === true) {
        this.#hand = undefined
        gone += this.#writeRemoved(limit - gone)
        break
      }
      const entry = value as StoredMapEntry
      if ((entry.notes & RECENT) !== 0) {
        entry.notes &= ~RECENT
        continue
      }
      if (entry.epoch !== CLEAN) this.#write(entry)
      this.entries.delete(entry.key)
      this.#shared.cached--
      gone++
    }
    this.#dropClean()
    return gone
  }

  #writeRemoved(limit: number): number {
    let written = 0
    for (const entry of this.removed?.values() ?? []) {
      if (written++ === limit) return limit
      this.#write(entry as StoredMapEntry)
    }
    return written
  }

  #write(entry: StoredMapEntry): void {
    this.pending?.beforeTouch(entry)
    if (entry.value === REMOVED) {
      if ((entry.notes & BELOW) !== 0) {
        this.apart!.delete(entry.key)
        this.below--
      }
      this.removed!.delete(entry.key)
      this.#shared.cached--
    } else {
      this.apart!.put(entry)
      if ((entry.notes & BELOW) === 0) this.below++
      entry.notes |= BELOW
    }
    entry.epoch = CLEAN
    this.writes++
    this.#dirty--
  }

  #dropClean(): void {
    if (this.touched.length > 2 * this.#dirty + CLEAN_TOUCHED_MAX)
      this.touched = [...new Set(this.touched.filter(({ epoch }) => epoch !== CLEAN))]
  }

  // ---------- taken in

  #takeIn(entry: StoredMapEntry): StoredMapEntry {
    entry.notes = RECENT | BELOW
    this.entries.set(entry.key, entry)
    this.#shared.cached++
    return entry
  }

  protected override revive(key: KeyAtom, epoch: number): MapEntry {
    const { apart } = this
    if (apart === undefined) {
      const entry = super.revive(key, epoch)
      this.#noteGrowth()
      return entry
    }
    const before = this.removed?.get(key)
    if (before !== undefined) this.removed!.delete(key)
    const entry = (before as StoredMapEntry | undefined) ?? this.#added(apart, key, epoch)
    if (before !== undefined || (entry.notes & BELOW) === 0) this.#size++
    this.entries.set(key, entry)
    return entry
  }

  /** A new object, of a key that the store may have. */
  #added(apart: EntriesBelow, key: KeyAtom, epoch: number): StoredMapEntry {
    const entry = this.newEntry(key, undefined, epoch)
    entry.notes = RECENT | (apart.has(key) ? BELOW : 0)
    this.touched.push(entry)
    this.#dirty++
    this.#shared.cached++
    return entry
  }

  protected override bury(entry: MapEntry): void {
    if (this.apart === undefined) return super.bury(entry)
    this.removed ??= new Map()
    this.removed.set(entry.key, entry)
  }

  #noteGrowth(): void {
    if (this.entries.size > this.#shared.entriesMax) this.#shared.grown = true
  }
}

function entryOf(key: KeyAtom, { value, time }: StoredEntry, notes = 0): StoredMapEntry {
  const entry = new StoredMapEntry(key, value, CLEAN)
  entry.time = time
  entry.notes = notes
  return entry
}

/** As it is kept. */
function ownAtom(key: KeyAtom): KeyAtom {
  if (typeof key === 'string') return detachString(key)
  return key === 0 ? 0 : key
}
