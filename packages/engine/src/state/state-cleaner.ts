// Removes what has expired, a few rows at a time, while the job goes on.
//
// 1. What it removes goes the way of every other change: a snapshot in the making writes the row first, the next delta has the tombstone.
// 2. Afterwards the current key is what it was.
// 3. A sweep looks once at every row that was there when it began and is still in its table. Rows that growth has moved wait for the next sweep.
import { hashKey } from '../keys/hash.ts'
import { liveElements } from './cells/expiring-list.ts'
import { TimedMapCell, type TimedMapEntry } from './rows/map-cell.ts'
import type { RowStore } from './rows/row-store.ts'
import type { ColumnSchema, StateSchema } from './rows/schema.ts'
import type { Table } from './rows/table.ts'
import { TimedRowCell } from './cells/timed-cell.ts'
import type { ExpiringMapHandle } from './cells/expiring-map.ts'
import type { Key, KeyAtom } from '../api/state.ts'

/** Elements of lists and entries of maps looked at that count as one row. */
const ELEMENTS_A_ROW = 8
/** Maps of more entries are looked at bit by bit. */
const ENTRIES_AT_ONCE = 64

/** A map too large for one step. */
interface OpenMap {
  readonly key: Key
  readonly column: number
  readonly cell: TimedMapCell
  readonly entries: IterableIterator<TimedMapEntry>
}

export class StateCleaner {
  readonly #store: RowStore
  readonly #columns: readonly { readonly at: number; readonly column: ColumnSchema }[]
  readonly #maps: ReadonlyMap<number, ExpiringMapHandle>
  readonly #now: () => number
  #tables: Table[] | undefined
  #table = 0
  #row = 0
  readonly #open: OpenMap[] = []
  removed = 0
  #entriesAtOnce: number = ENTRIES_AT_ONCE

  /** `maps`: the handles of the map states that expire, by column. */
  constructor(store: RowStore, schema: StateSchema, maps: ReadonlyMap<number, ExpiringMapHandle>, now: () => number) {
    this.#store = store
    this.#columns = schema.columns
      .map((column, at) => ({ at, column }))
      .filter(({ column }) => column.ttl !== undefined && column.kind !== 'update-times')
    this.#maps = maps
    this.#now = now
  }

  /** Looks at about `rows` more rows. Answers whether the sweep has come to its end; the next call begins another. */
  step(rows: number): boolean {
    const { key, hash } = this.#store
    this.#tables ??= this.#store.directory.tables()
    let budget = rows
    while (budget > 0) {
      if (this.#open.length > 0) budget -= this.#continueMap(this.#open[0]!, budget * ELEMENTS_A_ROW)
      else if (this.#table < this.#tables.length) budget -= this.#scan(this.#tables[this.#table]!, budget)
      else break
    }
    const done = this.#open.length === 0 && this.#table >= this.#tables.length
    if (done) {
      this.#tables = undefined
      this.#table = 0
    }
    this.#store.back(key, hash)
    return done
  }

  /** Looks at all of one row, of which its key is to be found. */
  inspect(table: Table, row: number): void {
    this.#entriesAtOnce = Infinity
    this.#look(table, row)
    this.#entriesAtOnce = ENTRIES_AT_ONCE
  }

  /** Whether entries of maps expire. */
  get mapsExpire(): boolean {
    return this.#maps.size > 0
  }

  /** Whether entries of a map state that were last updated then, or at a time that is not known (0), could have expired. */
  mayHaveExpired(column: number, time: number): boolean {
    return this.#maps.get(column)?.expiry.expired(time) === true
  }

  /** Looks at one entry of a map of the current row. */
  inspectEntry(column: number, entry: KeyAtom): void {
    const handle = this.#maps.get(column)!
    const { row, table } = this.#store
    const cell = row < 0 ? undefined : (table.columns[column]!.get(row) as TimedMapCell | undefined)
    const found = cell?.find(entry) as TimedMapEntry | undefined
    if (found === undefined || !handle.expiry.expired(found.time)) return
    handle.delete(entry)
    this.removed++
  }

  #scan(table: Table, rows: number): number {
    let looked = 0
    if (this.#store.directory.holds(table)) {
      while (this.#row < table.used && looked < rows && this.#open.length === 0) {
        if (table.epochs[this.#row]! >= 0) looked += this.#look(table, this.#row)
        else looked++
        this.#row++
      }
      if (this.#row < table.used) return looked
    }
    this.#table++
    this.#row = 0
    return looked
  }

  #look(table: Table, row: number): number {
    let cost = 1
    for (const { at, column } of this.#columns) {
      const value = table.columns[at]!.get(row)
      if (value === undefined) continue
      if (value instanceof TimedMapCell) cost += this.#lookAtMap(table, row, at, value)
      else if (column.kind === 'list') cost += this.#lookAtList(table, row, at, column, value as unknown[])
      else if ((table.columns[column.partner]!.get(row) as number) + column.ttl!.afterMs <= this.#now()) {
        this.#use(table.key(row))
        new TimedRowCell(this.#store, at, column.partner).clear()
        this.removed++
        if (table.epochs[row]! < 0) break
      }
    }
    return cost
  }

  #lookAtList(table: Table, row: number, at: number, { partner, ttl }: ColumnSchema, list: unknown[]): number {
    const stored = table.columns[partner]!.get(row) as number[]
    const { values, times } = liveElements(list, stored, this.#now() - ttl!.afterMs)
    if (values.length < list.length) {
      this.#use(table.key(row))
      const cell = new TimedRowCell(this.#store, at, partner)
      if (values.length === 0) cell.clear()
      else cell.write(values, times)
      this.removed += list.length - values.length
    }
    return Math.ceil(list.length / ELEMENTS_A_ROW)
  }

  #lookAtMap(table: Table, row: number, column: number, cell: TimedMapCell): number {
    const key = table.key(row)
    if (cell.size === 0) {
      this.#use(key)
      this.#maps.get(column)!.clear()
      return 1
    }
    const map = { key, column, cell, entries: cell.entries.values() as IterableIterator<TimedMapEntry> }
    if (cell.size <= this.#entriesAtOnce) return this.#continueMap(map, this.#entriesAtOnce)
    this.#open.push(map)
    return 1
  }

  #continueMap(map: OpenMap, limit: number): number {
    const handle = this.#maps.get(map.column)!
    this.#use(map.key)
    // The map may be gone, and another in its place.
    let more = this.#store.peek(map.key, this.#store.hash, map.column) === map.cell
    let looked = 0
    for (; more && looked < limit; looked++) {
      const next = map.entries.next()
      if (next.done === true) more = false
      else if (handle.expiry.expired(next.value.time)) {
        handle.delete(next.value.key)
        this.removed++
      }
    }
    if (!more && this.#open[0] === map) this.#open.shift()
    return Math.ceil(looked / ELEMENTS_A_ROW) + 1
  }

  #use(key: Key): void {
    this.#store.show(key, hashKey(key))
  }
}
