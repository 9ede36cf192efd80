/**
 * Writes rows, and the entries of their maps that lie apart, to the store below.
 *
 * 1. A snapshot that has a row still to visit writes it first.
 * 2. What the store says of a row fits what it has of the row's entries, whenever the mover is not at work.
 * 3. A row is CLEAN only if its entries are. While entries are left that were not written it counts as touched now.
 */
import { hashKey } from '../../keys/hash.ts'
import type { RowStore } from '../rows/row-store.ts'
import type { Table } from '../rows/table.ts'
import type { AwayTimers } from './away-timers.ts'
import type { ApartMaps, RowPlace } from './apart-maps.ts'
import type { CacheSize } from './cache-size.ts'
import type { RowEncoder } from './row-encoder.ts'
import type { StoredBelow } from './stored-below.ts'
import { CLEAN } from './stored-map-cell.ts'

/** Notes about a row: it was used since the hand came by; the store below has its key, as it is or as it was; entries of its maps may lie apart. */
export const RECENT = 1
export const BELOW = 2
export const APART = 4

export interface RowMoverParts {
  readonly encoder: RowEncoder
  readonly below: StoredBelow
  readonly maps: ApartMaps
  readonly size: CacheSize
  readonly timers: AwayTimers
}

export class RowMover {
  readonly #store: RowStore
  readonly #encoder: RowEncoder
  readonly #below: StoredBelow
  readonly #maps: ApartMaps
  readonly #size: CacheSize
  readonly #timers: AwayTimers

  constructor(store: RowStore, { encoder, below, maps, size, timers }: RowMoverParts) {
    this.#store = store
    this.#encoder = encoder
    this.#below = below
    this.#maps = maps
    this.#size = size
    this.#timers = timers
  }

  /**
   * Makes the store below hold the row as it is, or not hold it if it is dead. Where more than `limit` entries are to be written or removed, it goes that far, and
   * answers false.
   */
  write(table: Table, row: number, limit: number, hash: number = hashKey(table.key(row))): boolean {
    this.#beforeTouch(table, row)
    const place = { table, row, hash }
    if (table.epochs[row]! < 0) return this.#remove(place, limit)
    if ((table.notes[row]! & APART) !== 0) this.#maps.moveIn(table, row)
    const isDone = this.#put(place, limit)
    if (isDone) table.epochs[row] = CLEAN
    else this.#keepTouched(table, row)
    return isDone
  }

  /** Maps that have grown leave the row, and up to `limit` entries that were touched no later than `until` are written. The row stays one that was touched. Answers how many. */
  tend(table: Table, row: number, limit: number, until: number = Infinity): number {
    const maps = this.#maps
    if (maps.columns.length === 0 || table.epochs[row]! < 0) return 0
    if (!maps.hasGrown(table, row) && (table.notes[row]! & APART) === 0) return 0
    this.#beforeTouch(table, row)
    const written = maps.write(table, row, limit, until)
    // A snapshot may have begun with a map just now: then it stays for the time being.
    if (written === 0 && !maps.hasGrown(table, row)) return 0
    this.#put({ table, row, hash: hashKey(table.key(row)) }, 0)
    this.#keepTouched(table, row)
    return written
  }

  /** Lets go of up to `limit` entries of the row's maps that are not in use. Answers how many. */
  trim(table: Table, row: number, limit: number): number {
    const maps = this.#maps
    if ((table.notes[row]! & APART) === 0 || table.epochs[row]! < 0) return 0
    const cells = maps.apartCells(table, row)
    this.#beforeTouch(table, row)
    const writes = cells.reduce((sum, cell) => sum + cell.writes, 0)
    const gone = maps.letGo(table, row, limit)
    if (cells.reduce((sum, cell) => sum + cell.writes, 0) > writes) {
      this.#put({ table, row, hash: hashKey(table.key(row)) }, 0)
      this.#keepTouched(table, row)
    }
    return gone
  }

  #beforeTouch(table: Table, row: number): void {
    if (table.pending) this.#store.visitor!.beforeTouch(table, row)
  }

  #keepTouched(table: Table, row: number): void {
    table.epochs[row] = this.#store.epoch
    table.lastTouched = this.#store.epoch
  }

  #remove(place: RowPlace, limit: number): boolean {
    const { table, row, hash } = place
    const notes = table.notes[row]!
    if ((notes & APART) !== 0 && !this.#maps.removeLeftOver(place, limit)) return false
    if ((notes & BELOW) !== 0) this.#below.delete(table.key(row), hash)
    table.notes[row] = notes & ~(BELOW | APART)
    return true
  }

  /** The row, with all entries of its maps if they are not too many. Answers whether these are all. */
  #put(place: RowPlace, limit: number): boolean {
    const { table, row, hash } = place
    const maps = this.#maps
    const isLeftOver = (table.notes[row]! & APART) !== 0 && !maps.removeLeftOver(place, limit)
    if (!isLeftOver) this.#moveOut(place)
    if ((table.notes[row]! & APART) !== 0) maps.write(table, row, limit)
    let value = this.#encoder.value(table, row, isLeftOver)
    if (!isLeftOver && maps.isTooLarge(value.length) && this.#moveOut(place, 1)) {
      maps.write(table, row, limit)
      value = this.#encoder.value(table, row)
    }
    this.#size.learn(value.length, this.#encoder.longTextBytes)
    const notes = table.notes[row]!
    this.#below.put(table.key(row), hash, value, (notes & BELOW) === 0)
    this.#timers.written(table, row)
    const cells = (notes & APART) === 0 ? [] : maps.apartCells(table, row)
    table.notes[row] = (notes & ~APART) | BELOW | (isLeftOver || cells.length > 0 ? APART : 0)
    table.stored[row] = 1
    return !isLeftOver && !cells.some((cell) => cell.isDirty)
  }

  #moveOut(place: RowPlace, entriesMax?: number): boolean {
    const moved = this.#maps.moveOut(place, this.#store.epoch, entriesMax)
    if (moved) place.table.notes[place.row]! |= APART
    return moved
  }
}
