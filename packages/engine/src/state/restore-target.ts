import type { Key, KeyAtom } from '../api/state.ts'
import { engineError } from '../errors.ts'
import { MapCell, MapEntry } from './map-cell.ts'
import type { RowStore } from './row-store.ts'
import type { ColumnKind, ColumnSchema, StateSchema } from './schema.ts'
import { Timer } from './timer-queue.ts'
import type { Timers } from './timers.ts'
import type { TimerKind } from './state-types.ts'

/** The epoch that restored state counts as touched in. */
export const RESTORED_EPOCH = 0

/** A stored column as it goes into the current row. */
export interface StoredColumn {
  clear(): void
  /** A value, a list, or a single timer. */
  set(value: unknown): void
  put(key: KeyAtom, value: unknown): void
  delete(key: KeyAtom): void
}

/** What segments are loaded into: the rows, with stored columns matched to declared ones by name, and older versions migrated. */
export class RestoreTarget {
  readonly maxParallelism: number
  readonly #store: RowStore
  readonly #schema: StateSchema
  readonly #timers: Timers
  readonly #allowNonRestored: boolean
  /** Whether something stored was left out. */
  dropped = false

  constructor(maxParallelism: number, store: RowStore, schema: StateSchema, timers: Timers, allowNonRestored: boolean) {
    this.maxParallelism = maxParallelism
    this.#store = store
    this.#schema = schema
    this.#timers = timers
    this.#allowNonRestored = allowNonRestored
  }

  get operator(): string {
    return this.#schema.operator
  }

  /** Where a stored column goes; undefined if it is left out. @throws STATE_UNMAPPED, STATE_KIND_CHANGED, STATE_VERSION_NEWER, STATE_MIGRATION_MISSING */
  column(name: string, kind: ColumnKind, version: number): StoredColumn | undefined {
    if (kind === 'event-timers') return new StoredTimers(this.#store, this.#timers, 'event', this.#schema.eventTimers)
    if (kind === 'processing-timers') return new StoredTimers(this.#store, this.#timers, 'processing', this.#schema.processingTimers)
    const at = this.#schema.columns.findIndex((column) => column.name === name)
    const declared = this.#schema.columns[at]
    if (declared === undefined) {
      if (!this.#allowNonRestored) throw engineError('STATE_UNMAPPED', { operator: this.operator, state: name })
      this.dropped = true
      return undefined
    }
    return new StoredState(this.#store, at, kind === 'list', this.#migration(declared, kind, version))
  }

  use(key: Key, hash: number): void {
    this.#store.use(key, hash)
  }

  /** The current key has no state any more. */
  remove(): void {
    const { row, table } = this.#store
    if (row < 0) return
    for (let column = 0; column < table.columns.length; column++) {
      const cell = table.columns[column]!.get(row)
      if (column === this.#schema.eventTimers) dropTimers(this.#timers, 'event', cell)
      if (column === this.#schema.processingTimers) dropTimers(this.#timers, 'processing', cell)
      table.columns[column]!.clear(row)
    }
    this.settle()
  }

  /** After a row was loaded: without any cell there is no row. */
  settle(): void {
    const { row, table } = this.#store
    if (row < 0) return
    table.stored[row] = 1
    if (!table.isEmpty(row)) return
    table.free(row, this.#store.hash)
    this.#store.rows--
    this.#store.row = -1
  }

  /** Forgets a key group. */
  clear(keyGroup: number): void {
    for (const table of this.#store.directory.tables()) {
      if (table.keyGroup !== keyGroup) continue
      this.#store.table = table
      for (let row = 0; row < table.used; row++) {
        if (table.epochs[row]! < 0) continue
        this.#store.row = row
        this.#store.rows--
        this.#dropRow()
      }
    }
    this.#store.row = -1
  }

  #dropRow(): void {
    const { row, table } = this.#store
    dropTimers(this.#timers, 'event', table.columns[this.#schema.eventTimers]!.get(row))
    dropTimers(this.#timers, 'processing', table.columns[this.#schema.processingTimers]!.get(row))
    for (const column of table.columns) column.clear(row)
    table.free(row)
  }

  #migration(declared: ColumnSchema, kind: ColumnKind, stored: number): ((old: unknown) => unknown) | undefined {
    const details = { operator: this.operator, state: declared.name }
    if (declared.kind !== kind) throw engineError('STATE_KIND_CHANGED', { ...details, stored: kind, declared: declared.kind })
    if (stored === declared.version) return undefined
    if (stored > declared.version) throw engineError('STATE_VERSION_NEWER', { ...details, stored, declared: declared.version })
    const { migrate } = declared
    if (migrate === undefined) throw engineError('STATE_MIGRATION_MISSING', { ...details, stored, declared: declared.version })
    return (old) => {
      try {
        const migrated = migrate(old, stored)
        if (migrated !== undefined) return migrated
      } catch (error) {
        throw engineError('STATE_MIGRATION_FAILED', { ...details, stored, declared: declared.version, problem: String(error) }, error)
      }
      throw engineError('STATE_MIGRATION_FAILED', { ...details, stored, declared: declared.version, problem: 'it answered undefined' })
    }
  }
}

class StoredState implements StoredColumn {
  readonly #store: RowStore
  readonly #column: number
  readonly #isList: boolean
  readonly #migrate: ((old: unknown) => unknown) | undefined

  constructor(store: RowStore, column: number, isList: boolean, migrate: ((old: unknown) => unknown) | undefined) {
    this.#store = store
    this.#column = column
    this.#isList = isList
    this.#migrate = migrate
  }

  clear(): void {
    const { row, table } = this.#store
    if (row >= 0) table.columns[this.#column]!.clear(row)
  }

  set(value: unknown): void {
    const store = this.#store
    const migrate = this.#migrate
    const migrated = migrate === undefined ? value : this.#isList && Array.isArray(value) ? value.map(migrate) : migrate(value)
    store.touch()
    store.table.columns[this.#column]!.set(store.row, migrated)
  }

  put(key: KeyAtom, value: unknown): void {
    const cell = mapCell(this.#store, this.#column)
    cell.entries.set(key, new MapEntry(key, this.#migrate === undefined ? value : this.#migrate(value), RESTORED_EPOCH))
  }

  delete(key: KeyAtom): void {
    mapCell(this.#store, this.#column).entries.delete(key)
  }
}

class StoredTimers implements StoredColumn {
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
    this.#store.table.columns[this.#column]!.set(this.#store.row, this.#timer(time))
  }

  put(time: KeyAtom): void {
    this.delete(time)
    mapCell(this.#store, this.#column).entries.set(time, new MapEntry(time, this.#timer(time), RESTORED_EPOCH))
  }

  delete(time: KeyAtom): void {
    const { entries } = mapCell(this.#store, this.#column)
    const entry = entries.get(time)
    if (entry === undefined) return
    this.#timers.dropped(this.#kind, entry.value as Timer)
    entries.delete(time)
  }

  #timer(time: unknown): Timer {
    if (typeof time !== 'number') throw engineError('VALUE_CORRUPT', { at: 0, problem: 'the time of a timer is no number' })
    this.#store.touch()
    return this.#timers.restored(this.#kind, time, this.#store.table.key(this.#store.row), this.#store.hash)
  }
}

/** The map in the current row's cell; a new one, which counts as stored, if there is none. */
function mapCell(store: RowStore, column: number): MapCell {
  store.touch()
  const present = store.table.columns[column]!.get(store.row)
  if (present instanceof MapCell) return present
  const cell = new MapCell()
  cell.track(RESTORED_EPOCH)
  store.table.columns[column]!.set(store.row, cell)
  return cell
}

function dropTimers(timers: Timers, kind: TimerKind, cell: unknown): void {
  if (cell instanceof Timer) timers.dropped(kind, cell)
  if (cell instanceof MapCell) for (const entry of cell.entries.values()) timers.dropped(kind, entry.value as Timer)
}
