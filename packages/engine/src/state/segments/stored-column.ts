// Stored columns as they go into the current row: a state's values, the update times of what expires, timers.
import type { Key, KeyAtom } from '../../api/state.ts'
import { engineError } from '../../errors.ts'
import { MapCell, RESTORED_EPOCH, type TimedMapCell } from '../rows/map-cell.ts'
import type { RowStore } from '../rows/row-store.ts'
import type { StoredShape } from './stored-shape.ts'
import { findTimer, timersIn, withTimer, withoutTimer, type TimerCell } from '../rows/timer-cell.ts'
import type { Timer } from '../rows/timer-queue.ts'
import type { Timers } from '../rows/timers.ts'
import type { TimerKind } from '../state-types.ts'

/** A stored column as it goes into the current row. */
export interface StoredColumn {
  clear(): void
  /** A value, a list, or a single timer. */
  set(value: unknown): void
  /** What a codec has written: of a list, its elements. */
  setCoded(bytes: Uint8Array | readonly Uint8Array[]): void
  /** `time`: when the entry was last updated, where that is stored. */
  put(key: KeyAtom, value: unknown, time: number | undefined): void
  putCoded(key: KeyAtom, bytes: Uint8Array, time: number | undefined): void
  delete(key: KeyAtom): void
  /** A map of which so many entries are stored apart from their row, none updated later than `newest`. */
  apart?(size: number, newest: number): void
}

/** What is loaded, as far as its columns need to know and say. */
interface Loading {
  /** The time that values without an update time count from. */
  readonly now: number
  /** Set where something stored was left out or changed. */
  changed: boolean
  /** What has been refused so far, and may be replaced yet by what is stored behind it. */
  readonly refused: RefusedValue[]
}

/** Stands in a row for a stored value that cannot become today's. */
export class RefusedValue {
  readonly key: Key
  readonly hash: number
  readonly column: number
  /** Of a map. */
  readonly entry: KeyAtom | undefined
  /** Stores it into the current row after all, or throws what it is refused with. */
  readonly again: () => void

  constructor({ key, hash }: RowStore, column: number, entry: KeyAtom | undefined, again: () => void) {
    this.key = key as Key
    this.hash = hash
    this.column = column
    this.entry = entry
    this.again = again
  }

  /** Whether it is what the current row has. */
  isIn({ row, table }: RowStore): boolean {
    const cell = row < 0 ? undefined : table.columns[this.column]!.get(row)
    return (this.entry === undefined || !(cell instanceof MapCell) ? cell : cell.find(this.entry)?.value) === this
  }
}

export class StoredState implements StoredColumn {
  readonly #loading: Loading
  readonly #store: RowStore
  readonly #column: number
  readonly #shape: StoredShape
  /** Entries of a map that expire each on their own. */
  readonly #timedEntries: boolean
  /** The column of update times, or -1. */
  readonly #times: number

  constructor(loading: Loading, store: RowStore, column: number, shape: StoredShape, timedEntries: boolean, times: number) {
    this.#loading = loading
    this.#store = store
    this.#column = column
    this.#shape = shape
    this.#timedEntries = timedEntries
    this.#times = times
  }

  clear(): void {
    const { row, table } = this.#store
    if (row < 0) return
    table.columns[this.#column]!.clear(row)
    if (this.#times >= 0) table.columns[this.#times]!.clear(row)
  }

  set(value: unknown): void {
    if (this.#shape.isAsStored) this.#keep(value)
    else this.#convert(undefined, undefined, () => this.#shape.cell(value))
  }

  setCoded(bytes: Uint8Array | readonly Uint8Array[]): void {
    this.#convert(undefined, undefined, () => this.#shape.codedCell(bytes))
  }

  put(key: KeyAtom, value: unknown, time: number | undefined): void {
    if (this.#shape.isAsStored) this.#keepEntry(key, value, time)
    else this.#convert(key, time, () => this.#shape.value(value, key))
  }

  putCoded(key: KeyAtom, bytes: Uint8Array, time: number | undefined): void {
    this.#convert(key, time, () => this.#shape.coded(bytes, key))
  }

  delete(key: KeyAtom): void {
    mapCell(this.#store, this.#column, this.#timedEntries).restoreRemoved(key, this.#store.epoch)
  }

  apart(size: number, newest: number): void {
    this.#store.restoreApart(this.#column, size, newest)
  }

  /** Stores what `today` answers, into the map's entry if one is named. What is refused is told once everything is loaded: a later change may have replaced or removed it. Rows that may leave memory meanwhile cannot wait. */
  #convert(entry: KeyAtom | undefined, time: number | undefined, today: () => unknown): void {
    const keep = (value: unknown): void => (entry === undefined ? this.#keep(value) : this.#keepEntry(entry, value, time))
    let value: unknown
    try {
      value = today()
    } catch (error) {
      if (!this.#store.tracksRestored) throw error
      const refused = new RefusedValue(this.#store, this.#column, entry, () => keep(today()))
      this.#loading.refused.push(refused)
      value = refused
    }
    keep(value)
  }

  #keep(value: unknown): void {
    const store = this.#store
    if (this.#shape.differs) this.#loading.changed = true
    store.touch()
    store.table.columns[this.#column]!.set(store.row, value)
    if (this.#times < 0) return
    // Stored update times, if there are any, come behind and replace these.
    const { now } = this.#loading
    store.table.columns[this.#times]!.set(store.row, Array.isArray(value) && this.#shape.isList ? value.map(() => now) : now)
  }

  #keepEntry(key: KeyAtom, value: unknown, time: number | undefined): void {
    const cell = mapCell(this.#store, this.#column, this.#timedEntries)
    if (this.#shape.differs) this.#loading.changed = true
    cell.restore(key, value, this.#store.epoch)
    if (this.#timedEntries) (cell as TimedMapCell).stamp(key, time ?? this.#loading.now)
    if (this.#timedEntries !== (time !== undefined)) this.#loading.changed = true
  }
}

/** Update times, which follow what they are of. */
export class StoredTimes implements StoredColumn {
  readonly #store: RowStore
  readonly #column: number

  constructor(store: RowStore, column: number) {
    this.#store = store
    this.#column = column
  }

  clear(): void {}

  set(times: unknown): void {
    const { row, table } = this.#store
    if (typeof times !== 'number' && !(Array.isArray(times) && times.every((time) => typeof time === 'number'))) return this.#corrupt()
    if (row >= 0) table.columns[this.#column]!.set(row, times)
  }

  setCoded(): void {
    this.#corrupt()
  }
  put(): void {
    this.#corrupt()
  }
  putCoded(): void {
    this.#corrupt()
  }
  delete(): void {
    this.#corrupt()
  }

  #corrupt(): never {
    throw engineError('VALUE_CORRUPT', { at: 0, problem: 'update times that are no numbers' })
  }
}

export class StoredTimers implements StoredColumn {
  readonly #store: RowStore
  readonly #timers: Timers
  readonly #kind: TimerKind
  readonly #column: number

  constructor(store: RowStore, timers: Timers, kind: TimerKind, column: number) {
    this.#store = store
    this.#timers = timers
    this.#kind = kind
    this.#column = column
  }

  clear(): void {
    const { row, table } = this.#store
    if (row < 0) return
    dropTimers(this.#timers, this.#kind, table.columns[this.#column]!.get(row))
    table.columns[this.#column]!.clear(row)
  }

  set(time: unknown): void {
    this.clear()
    this.#store.touch()
    this.#keep(this.#timer(time))
  }

  put(time: KeyAtom): void {
    this.delete(time)
    const timer = this.#timer(time)
    this.#keep(withTimer(this.#cell, timer, RESTORED_EPOCH, true))
  }

  setCoded(): void {
    this.#timer(undefined)
  }
  putCoded(): void {
    this.#timer(undefined)
  }

  delete(time: KeyAtom): void {
    const cell = this.#cell
    const timer = cell === undefined ? undefined : findTimer(cell, time as number)
    if (timer === undefined) return
    this.#timers.dropped(this.#kind, timer)
    this.#keep(withoutTimer(cell!, timer, RESTORED_EPOCH, true))
  }

  get #cell(): TimerCell | undefined {
    const { row, table } = this.#store
    return row < 0 ? undefined : (table.columns[this.#column]!.get(row) as TimerCell | undefined)
  }

  #keep(cell: TimerCell | undefined): void {
    const { row, table } = this.#store
    if (cell === undefined) table.columns[this.#column]!.clear(row)
    else table.columns[this.#column]!.set(row, cell)
  }

  #timer(time: unknown): Timer {
    if (typeof time !== 'number') throw engineError('VALUE_CORRUPT', { at: 0, problem: 'the time of a timer is no number' })
    this.#store.touch()
    return this.#timers.restored(this.#kind, time, this.#store.table.key(this.#store.row), this.#store.hash)
  }
}

/** The map in the current row's cell; a new one, which counts as stored, if there is none. */
function mapCell(store: RowStore, column: number, timed: boolean): MapCell {
  store.touch()
  const present = store.table.columns[column]!.get(store.row)
  if (present instanceof MapCell) return present
  const cell = store.createMapCell(timed)
  if (store.tracksRestored) cell.track(RESTORED_EPOCH)
  store.table.columns[column]!.set(store.row, cell)
  return cell
}

/** The queue has none of them any more. */
export function dropTimers(timers: Timers, kind: TimerKind, cell: unknown): void {
  for (const timer of timersIn(cell as TimerCell | undefined)) timers.dropped(kind, timer)
}
