import type { KeyAtom } from '../../api/state.ts'
import { engineError } from '../../errors.ts'
import { detach } from '../values/detach.ts'
import type { TimedMapCell, TimedMapEntry } from '../rows/map-cell.ts'
import { mapKey, RowMapHandle, type StateName } from './map-handle.ts'
import type { RowStore } from '../rows/row-store.ts'
import type { Expiry } from '../ttl.ts'

/** The handle of a map state of the current row whose entries expire each on their own. */
export class ExpiringMapHandle extends RowMapHandle {
  readonly expiry: Expiry
  protected override readonly timed: boolean = true

  constructor(store: RowStore, column: number, name: StateName, freeze: boolean, expiry: Expiry) {
    super(store, column, name, freeze)
    this.expiry = expiry
  }

  override get(key: KeyAtom): unknown {
    const cell = this.cell()
    const entry = cell?.find(key) as TimedMapEntry | undefined
    if (entry === undefined) return undefined
    if (this.expiry.expired(entry.time)) {
      const { value } = entry
      this.delete(key)
      return this.expiry.ttl.returnsExpired ? value : undefined
    }
    this.#refresh(cell!, entry)
    return this.handOut(cell!, entry)
  }

  override has(key: KeyAtom): boolean {
    const cell = this.cell()
    const entry = cell?.find(key) as TimedMapEntry | undefined
    if (entry === undefined) return false
    if (this.expiry.expired(entry.time)) {
      this.delete(key)
      return this.expiry.ttl.returnsExpired
    }
    this.#refresh(cell!, entry)
    return true
  }

  override set(key: KeyAtom, value: unknown): void {
    if (value === undefined) throw engineError('STATE_VALUE_UNDEFINED', { ...this.name })
    this.apply(mapKey(key, this.name), detach(value))
  }

  override apply(key: KeyAtom, value: unknown): void {
    this.put(key, value, this.expiry.now)
  }

  /** `apply`, as of a time. */
  put(key: KeyAtom, value: unknown, time: number): void {
    super.apply(key, value)
    this.cell()!.stamp(key, time)
  }

  override *entries(): IterableIterator<[KeyAtom, unknown]> {
    const cell = this.cell()
    if (cell === undefined) return
    const { key, hash } = this.store
    for (const entry of cell.all() as IterableIterator<TimedMapEntry>) {
      if (this.store.hash !== hash || !Object.is(this.store.key, key)) throw engineError('STATE_ITERATOR_STALE', { ...this.name })
      if (this.cell() !== cell) return
      const expired = this.expiry.expired(entry.time)
      if (expired && !this.expiry.ttl.returnsExpired) continue
      yield [entry.key, this.handOut(cell, expired ? entry : this.#refreshed(cell, entry))]
    }
  }

  /** Looks at every entry, unless expired ones count. */
  override get size(): number {
    const cell = this.cell()
    if (cell === undefined) return 0
    return this.expiry.ttl.returnsExpired ? cell.size : liveEntries(cell, this.expiry)
  }

  protected override cell(): TimedMapCell | undefined {
    return super.cell() as TimedMapCell | undefined
  }

  /** The entry as it is from now on. */
  #refreshed(cell: TimedMapCell, entry: TimedMapEntry): TimedMapEntry {
    if (!this.expiry.ttl.onRead) return entry
    this.#refresh(cell, entry)
    return cell.find(entry.key) as TimedMapEntry
  }

  /** Begins the time of an entry anew, if reading does that. */
  #refresh(cell: TimedMapCell, entry: TimedMapEntry): void {
    if (!this.expiry.ttl.onRead) return
    this.store.touch()
    cell.touch(entry, this.store.epoch)
    cell.stamp(entry.key, this.expiry.now)
  }
}

export function liveEntries(cell: TimedMapCell, expiry: Expiry): number {
  const deadline = expiry.now - expiry.ttl.afterMs
  let live = 0
  for (const entry of cell.all() as IterableIterator<TimedMapEntry>) if (entry.time > deadline) live++
  return live
}
