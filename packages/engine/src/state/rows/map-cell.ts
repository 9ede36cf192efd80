// The entries of one map state of one key, each a cell of its own: touched, written and removed by itself.
//
// 1. A key has one entry object for as long as any snapshot in the making or to come needs it: removed ones wait in `removed` as tombstones.
// 2. Tracked: every entry touched after epoch `trackedSince` is in `touched`, once, so a delta over that epoch or a later one need not visit the others.
//    A cell starts untracked (Infinity) and is written whole; it becomes tracked when it is first written.
// 3. While `pending`, a snapshot has still to visit entries: one that is touched before its turn is written first.
import type { KeyAtom } from '../../api/state.ts'

/** A map that churns through keys while no checkpoint completes stops keeping tombstones here, and is written whole again. */
const TOMBSTONES_MIN = 1024

/** The epoch that restored state counts as touched in. */
export const RESTORED_EPOCH = 0

export const REMOVED: unique symbol = Symbol('removed')

export class MapEntry {
  readonly key: KeyAtom
  value: unknown
  epoch: number

  constructor(key: KeyAtom, value: unknown, epoch: number) {
    this.key = key
    this.value = value
    this.epoch = epoch
  }
}

/** An entry of a map whose entries expire. */
export class TimedMapEntry extends MapEntry {
  /** When it was last updated, milliseconds since 1970. */
  time = 0
}

/** A snapshot that has entries of a cell still to visit. */
export interface PendingEntries {
  /** The entry is about to change: writes it if it belongs into the snapshot. */
  beforeTouch(entry: MapEntry): void
}

export class MapCell {
  readonly entries: Map<KeyAtom, MapEntry> = new Map()
  trackedSince: number = Number.POSITIVE_INFINITY
  touched: MapEntry[] = []
  removed: Map<KeyAtom, MapEntry> | undefined = undefined
  pending: PendingEntries | undefined = undefined

  get size(): number {
    return this.entries.size
  }

  /** Whether it has entries that `entries` does not have. */
  get isPartial(): boolean {
    return false
  }

  /** The entry; undefined where there is none. */
  find(key: KeyAtom): MapEntry | undefined {
    return this.entries.get(key)
  }

  /** Every entry. The map may change meanwhile. */
  all(): IterableIterator<MapEntry> {
    return this.entries.values()
  }

  /** The map is given up. What a snapshot needs of it stays. */
  release(): void {}

  /** Must be called before an entry's value, or an object in it, changes. */
  touch(entry: MapEntry, epoch: number): void {
    if (entry.epoch === epoch) return
    this.pending?.beforeTouch(entry)
    if (entry.epoch <= this.trackedSince && this.#tracked) this.touched.push(entry)
    entry.epoch = epoch
  }

  set(key: KeyAtom, value: unknown, epoch: number): void {
    const entry = this.entries.get(key) ?? this.revive(key, epoch)
    this.touch(entry, epoch)
    entry.value = value
  }

  /** Whether there was one. */
  delete(key: KeyAtom, epoch: number): boolean {
    const entry = this.find(key)
    if (entry === undefined) return false
    this.touch(entry, epoch)
    entry.value = REMOVED
    this.entries.delete(key)
    if (this.#tracked) this.bury(entry)
    return true
  }

  /** An entry as it was stored. `epoch`: in which it counts as touched where it is a change over what is stored elsewhere. */
  restore(key: KeyAtom, value: unknown, _epoch: number): void {
    this.entries.set(key, this.newEntry(key, value, RESTORED_EPOCH))
  }

  /** There is no such entry any more. */
  restoreRemoved(key: KeyAtom, _epoch: number): void {
    this.entries.delete(key)
  }

  /** From now on (`boundary` is the last epoch before) touched entries are remembered. */
  track(boundary: number): void {
    this.trackedSince = boundary
    this.touched = []
    this.removed = undefined
  }

  /** Forgets what no delta over `since` or later needs. Not while pending. */
  prune(since: number): void {
    if (!this.#tracked || since <= this.trackedSince) return
    this.trackedSince = since
    this.touched = this.touched.filter((entry) => entry.epoch > since)
    if (this.removed === undefined) return
    for (const [key, entry] of this.removed) if (entry.epoch <= since) this.removed.delete(key)
  }

  newEntry(key: KeyAtom, value: unknown, epoch: number): MapEntry {
    return new MapEntry(key, value, epoch)
  }

  get #tracked(): boolean {
    return this.trackedSince !== Number.POSITIVE_INFINITY
  }

  /** The entry of a key that has none. */
  protected revive(key: KeyAtom, epoch: number): MapEntry {
    const before = this.removed?.get(key)
    const entry = before ?? this.newEntry(key, undefined, epoch)
    if (before !== undefined) this.removed!.delete(key)
    else if (this.#tracked) this.touched.push(entry)
    this.entries.set(key, entry)
    return entry
  }

  /** Keeps a removed entry as a tombstone. */
  protected bury(entry: MapEntry): void {
    this.removed ??= new Map()
    this.removed.set(entry.key, entry)
    if (this.pending === undefined && this.removed.size > TOMBSTONES_MIN + 2 * this.entries.size) {
      this.track(Number.POSITIVE_INFINITY)
    }
  }
}

/** The entries of a map state with a time to live. */
export class TimedMapCell extends MapCell {
  /** No entry was updated later. */
  newest = 0

  override newEntry(key: KeyAtom, value: unknown, epoch: number): TimedMapEntry {
    return new TimedMapEntry(key, value, epoch)
  }

  /** The entry exists. */
  stamp(key: KeyAtom, time: number): void {
    const entry = this.entries.get(key) as TimedMapEntry
    entry.time = time
    if (time > this.newest) this.newest = time
  }
}
