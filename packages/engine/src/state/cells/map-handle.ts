import type { KeyAtom, MapState } from '../../api/state.ts'
import { describe, isAtom } from '../../keys/key.ts'
import { engineError } from '../../errors.ts'
import { detach, detachString } from '../values/detach.ts'
import { freezeDeep } from '../values/freeze.ts'
import type { MapCell, MapEntry } from '../rows/map-cell.ts'
import type { RowStore } from '../rows/row-store.ts'

/** For messages. */
export interface StateName {
  readonly operator: string
  readonly state: string
}

/** A key as it is kept: `-0` is 0, and strings have memory of their own. @throws STATE_MAP_KEY */
export function mapKey(key: unknown, name: StateName): KeyAtom {
  if (typeof key === 'string') return detachString(key)
  if (!isAtom(key)) throw engineError('STATE_MAP_KEY', { ...name, type: describe(key) })
  return key === 0 ? 0 : key
}

/** The handle of a map state of the current row. */
export class RowMapHandle implements MapState<KeyAtom, unknown> {
  protected readonly store: RowStore
  readonly column: number
  protected readonly name: StateName
  /** Whether entries have times. */
  protected readonly timed: boolean = false
  readonly #freeze: boolean

  constructor(store: RowStore, column: number, name: StateName, freeze: boolean) {
    this.store = store
    this.column = column
    this.name = name
    this.#freeze = freeze
  }

  get(key: KeyAtom): unknown {
    const cell = this.cell()
    const entry = cell?.find(key)
    return entry === undefined ? undefined : this.handOut(cell!, entry)
  }

  set(key: KeyAtom, value: unknown): void {
    if (value === undefined) throw engineError('STATE_VALUE_UNDEFINED', { ...this.name })
    this.apply(mapKey(key, this.name), detach(value))
  }

  /** `set` with a key and a value that have memory of their own. */
  apply(key: KeyAtom, value: unknown): void {
    const store = this.store
    let cell = this.cell()
    store.touch()
    if (cell === undefined) {
      cell = store.createMapCell(this.timed)
      store.table.columns[this.column]!.set(store.row, cell)
    }
    cell.set(key, value, store.epoch)
  }

  has(key: KeyAtom): boolean {
    return this.cell()?.find(key) !== undefined
  }

  delete(key: KeyAtom): void {
    const cell = this.cell()
    if (cell?.find(key) === undefined) return
    this.store.touch()
    if (cell.size === 1) this.clear()
    else cell.delete(key, this.store.epoch)
  }

  *entries(): IterableIterator<[KeyAtom, unknown]> {
    const cell = this.cell()
    if (cell === undefined) return
    const { key, hash } = this.store
    for (const entry of cell.all()) {
      if (this.store.hash !== hash || !Object.is(this.store.key, key)) throw engineError('STATE_ITERATOR_STALE', { ...this.name })
      if (this.cell() !== cell) return
      yield [entry.key, this.handOut(cell, entry)]
    }
  }

  get size(): number {
    return this.cell()?.size ?? 0
  }

  clear(): void {
    const store = this.store
    const cell = this.cell()
    if (cell === undefined) return
    store.touch()
    // The cell itself stays as it is: a snapshot may still have entries of it to write.
    store.table.columns[this.column]!.clear(store.row)
    cell.release()
    store.cellCleared()
  }

  protected cell(): MapCell | undefined {
    const { row, table } = this.store
    return row < 0 ? this.store.absent() : (table.columns[this.column]!.get(row) as MapCell | undefined)
  }

  protected handOut(cell: MapCell, entry: MapEntry): unknown {
    const value = entry.value
    if (typeof value !== 'object' || value === null) return value
    this.store.touch()
    cell.touch(entry, this.store.epoch)
    return this.#freeze ? freezeDeep(value) : value
  }
}
