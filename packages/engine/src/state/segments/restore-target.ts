import type { Key } from '../../api/state.ts'
import { engineError } from '../../errors.ts'
import type { RowStore } from '../rows/row-store.ts'
import type { ColumnKind, StateSchema } from '../rows/schema.ts'
import { dropTimers, StoredState, StoredTimers, StoredTimes, type RefusedValue, type StoredColumn } from './stored-column.ts'
import { StoredShape } from './stored-shape.ts'
import type { Timers } from '../rows/timers.ts'

export interface RestoreTargetOptions {
  readonly maxParallelism: number
  readonly allowNonRestored: boolean
  /** The time that values without an update time count from. */
  readonly now: () => number
}

/** What segments are loaded into: the rows, with stored columns matched to declared ones by name, and older versions migrated. */
export class RestoreTarget {
  readonly #options: RestoreTargetOptions
  readonly #store: RowStore
  readonly #schema: StateSchema
  readonly #timers: Timers
  /** States that expire whose update times the segment does not have, as far as its columns are known. */
  readonly #timeless: Set<string> = new Set()
  /** Whether something stored was left out or changed: checkpoints must not build on what is stored. */
  changed = false
  readonly refused: RefusedValue[] = []

  constructor(options: RestoreTargetOptions, store: RowStore, schema: StateSchema, timers: Timers) {
    this.#options = options
    this.#store = store
    this.#schema = schema
    this.#timers = timers
  }

  get maxParallelism(): number {
    return this.#options.maxParallelism
  }

  get operator(): string {
    return this.#schema.operator
  }

  /** Where a stored column goes; undefined if it is left out. @throws STATE_UNMAPPED, STATE_KIND_CHANGED, STATE_VERSION_NEWER, STATE_MIGRATION_MISSING */
  column(name: string, kind: ColumnKind, version: number): StoredColumn | undefined {
    if (kind === 'event-timers') return new StoredTimers(this.#store, this.#timers, 'event', this.#schema.eventTimers)
    if (kind === 'processing-timers') return new StoredTimers(this.#store, this.#timers, 'processing', this.#schema.processingTimers)
    if (kind === 'update-times') return this.#times(name)
    const at = this.#schema.columns.findIndex((column) => column.name === name)
    const declared = this.#schema.columns[at]
    if (declared === undefined) {
      if (!this.#options.allowNonRestored) throw engineError('STATE_UNMAPPED', { operator: this.operator, state: name })
      this.changed = true
      return undefined
    }
    if (declared.partner >= 0) this.#timeless.add(name)
    const shape = new StoredShape(this.operator, declared, kind, version, {
      compares: this.#store.tracksRestored,
      key: () => this.#store.key,
    })
    if (shape.older) this.changed = true
    return new StoredState(this, this.#store, at, shape, declared.kind === 'map' && declared.ttl !== undefined, declared.partner)
  }

  /** All columns of a segment have been asked for. */
  columnsKnown(): void {
    if (this.#timeless.size > 0) this.changed = true
    this.#timeless.clear()
  }

  /** Everything of some key groups has been loaded. @throws what a value is refused with that nothing has replaced */
  loaded(): void {
    for (const value of this.refused) {
      this.#store.use(value.key, value.hash)
      if (value.isIn(this.#store)) value.again()
    }
    this.refused.length = 0
  }

  get now(): number {
    return this.#options.now()
  }

  /** Where update times go; undefined if the state does not expire any more. */
  #times(name: string): StoredColumn | undefined {
    this.#timeless.delete(name)
    const at = this.#schema.columns.findIndex((column) => column.kind === 'update-times' && column.name === name)
    if (at >= 0) return new StoredTimes(this.#store, at)
    this.changed = true
    return undefined
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
    if (table.isEmpty(row)) this.#store.dropRestored()
    else this.#store.restored()
  }

  /** Forgets a key group. */
  clear(keyGroup: number): void {
    this.#store.groupCleared(keyGroup)
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
}
