import type { Key } from '../../api/state.ts'
import type { SnapshotPlan } from './lineage.ts'
import { REMOVED, type MapCell, type MapEntry, type PendingEntries } from '../rows/map-cell.ts'

/** A large map whose row is written, and whose entries follow bit by bit; one that is touched before its turn goes first. */
export class PendingMap implements PendingEntries {
  readonly key: Key
  readonly column: number
  readonly #cell: MapCell
  /** Every entry, or those touched since the base. */
  readonly #whole: boolean
  readonly #plan: SnapshotPlan
  readonly #writeEarly: (entry: MapEntry) => void
  readonly #entries: IterableIterator<MapEntry>
  finished = false
  /** Entries that the last `next` looked at. */
  looked = 0

  constructor(key: Key, column: number, cell: MapCell, whole: boolean, plan: SnapshotPlan, writeEarly: (entry: MapEntry) => void) {
    this.key = key
    this.column = column
    this.#cell = cell
    this.#whole = whole
    this.#plan = plan
    this.#writeEarly = writeEarly
    // Both go on while the map changes: entries added later come last, with an epoch beyond the boundary.
    this.#entries = whole ? cell.entries.values() : cell.touched.values()
    cell.pending = this
  }

  beforeTouch(entry: MapEntry): void {
    if (this.#covers(entry)) this.#writeEarly(entry)
  }

  /** Up to `limit` entries that are to be written, those left out counted. */
  next(limit: number): MapEntry[] {
    const entries: MapEntry[] = []
    for (this.looked = 0; this.looked < limit; this.looked++) {
      const { value, done } = this.#entries.next()
      if (done === true) {
        this.finished = true
        break
      }
      if (this.#covers(value)) entries.push(value)
    }
    return entries
  }

  end(): void {
    this.#cell.pending = undefined
    if (!this.#whole) this.#cell.prune(this.#plan.since)
  }

  #covers(entry: MapEntry): boolean {
    const { boundary, since } = this.#plan
    return entry.epoch <= boundary && (this.#whole ? entry.value !== REMOVED : entry.epoch > since)
  }
}
