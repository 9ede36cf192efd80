/**
 * Which rows of the tables, and which entries of their maps that lie apart, stay in memory.
 *
 * 1. Timers of a row that goes leave their queues with it.
 * 2. The current row stays. Entries of its maps may go, as nobody is at work with them when a key is used next; `holdsCurrent` where somebody may be.
 * 3. Nothing goes, and nothing is written, while nothing may be written below; `crowded` is called when no more should come.
 */
import { hashKey } from '../../keys/hash.ts'
import type { RowStore } from '../rows/row-store.ts'
import { FREE, type Table } from '../rows/table.ts'
import type { AwayTimers } from './away-timers.ts'
import type { ApartMaps } from './apart-maps.ts'
import type { CacheSize } from './cache-size.ts'
import { RowHand } from './row-hand.ts'
import { APART, RECENT, type RowMover } from './row-mover.ts'
import type { StoredBelow } from './stored-below.ts'
import { CLEAN } from './stored-map-cell.ts'

/** Rows and entries that make room at once. */
const EVICTED_AT_ONCE = 128
/** So often at the most, at one call. */
const EVICTIONS_A_CALL = 8
/** What may be in memory while nothing can make room, as a multiple of what may else. */
const CROWDED = 1.25
/** Entries of one row that are written in one step of a sweep. */
const ENTRIES_AT_ONCE = 128

export interface RoomMakerParts {
  readonly below: StoredBelow
  readonly maps: ApartMaps
  readonly mover: RowMover
  readonly size: CacheSize
  readonly timers: AwayTimers
  /** More has come, while nothing could go, than memory is meant for. */
  readonly crowded: () => void
}

export class RoomMaker {
  readonly #store: RowStore
  readonly #below: StoredBelow
  readonly #maps: ApartMaps
  readonly #mover: RowMover
  readonly #size: CacheSize
  readonly #timers: AwayTimers
  readonly #crowded: () => void
  readonly #hand: RowHand
  /** Rows in the tables, dead ones too. */
  resident = 0
  /** What there was, and some, when a sweep did not find enough that could go: bytes. */
  #stuckAt = 0

  constructor(store: RowStore, { below, maps, mover, size, timers, crowded }: RoomMakerParts) {
    this.#store = store
    this.#below = below
    this.#maps = maps
    this.#mover = mover
    this.#size = size
    this.#timers = timers
    this.#crowded = crowded
    this.#hand = new RowHand(store.directory)
  }

  /** Lets go of rows and entries that were not used since the hand came by the last time, if there are too many. */
  make(holdsCurrent: boolean = false): void {
    if (this.#below.frozen) {
      if (this.#size.isOver(this.resident, this.#maps.shared.cached, CROWDED)) this.#crowded()
      return
    }
    for (let times = 0; times < EVICTIONS_A_CALL && this.#isOverfull; times++) if (this.#evict(EVICTED_AT_ONCE, holdsCurrent) === 0) return
  }

  /** Lets go of a row that the store below has, or has then. False if more than `limit` entries were to be written first. */
  letGo(table: Table, row: number, limit: number): boolean {
    const hash = hashKey(table.key(row))
    if (table.epochs[row] !== CLEAN && !this.#mover.write(table, row, limit, hash)) return false
    if ((table.notes[row]! & APART) !== 0) for (const cell of this.#maps.apartCells(table, row)) cell.release()
    this.#timers.letGo(table, row)
    for (const column of table.columns) column.clear(row)
    table.free(row, hash)
    this.resident--
    return true
  }

  /** Writes what has not been touched since `epoch`, and keeps it. Answers how many rows it looked at: fewer than `rows` at the end of a sweep. */
  writeBack(sweep: { table: number; row: number }, rows: number, epoch: number): number {
    if (this.#below.frozen) return 0
    const tables = this.#store.directory.tables()
    let looked = 0
    while (looked < rows && sweep.table < tables.length) {
      const table = tables[sweep.table]!
      for (; sweep.row < table.used && looked < rows; sweep.row++, looked++) {
        // Where there is more to write of this row than may be at once, the next call goes on with it.
        if (table.epochs[sweep.row]! > CLEAN && !this.#writeOld(table, sweep.row, epoch)) return rows
      }
      if (sweep.row < table.used) break
      sweep.table++
      sweep.row = 0
    }
    return looked
  }

  /** After rows and maps were freed on the way. */
  recount(): void {
    const tables = this.#store.directory.tables()
    this.resident = tables.reduce((sum, table) => sum + table.resident, 0)
    this.#maps.recount(tables)
    while (this.#isOverfull && this.#evict(EVICTED_AT_ONCE, false) > 0);
  }

  /** There are no rows any more. */
  reset(): void {
    this.resident = 0
    this.#maps.shared.cached = 0
    this.#hand.reset()
  }

  get #isOverfull(): boolean {
    const entries = this.#maps.shared.cached
    return this.#size.isOver(this.resident, entries) && this.#size.bytes(this.resident, entries) > this.#stuckAt && !this.#below.frozen
  }

  #evict(count: number, holdsCurrent: boolean): number {
    let evicted = 0
    const hand = this.#hand
    // Twice around: the first time takes away the marks.
    for (let looked = 0, most = 2 * hand.roundOf(this.resident); evicted < count && looked < most; looked++) {
      if (!hand.advance() || (holdsCurrent && this.#isCurrent(hand.table!, hand.row))) continue
      evicted += this.#evictRow(hand.table!, hand.row, count - evicted)
    }
    // Most has to stay: not to look at all of it again for each row that comes.
    const bytes = this.#size.bytes(this.resident, this.#maps.shared.cached)
    this.#stuckAt = evicted < count ? bytes + bytes / 8 : 0
    return evicted
  }

  /** Answers how many rows and entries have gone, no more than `limit`. */
  #evictRow(table: Table, row: number, limit: number): number {
    if (table.epochs[row] === FREE) return 0
    const trimmed = this.#mover.trim(table, row, limit)
    if (trimmed >= limit) {
      this.#hand.stay()
      return trimmed
    }
    if (this.#isCurrent(table, row)) return trimmed
    if ((table.notes[row]! & RECENT) !== 0) {
      table.notes[row]! &= ~RECENT
      return trimmed
    }
    return this.letGo(table, row, limit) ? trimmed + 1 : trimmed
  }

  /** False if some entries are left. */
  #writeOld(table: Table, row: number, epoch: number): boolean {
    const { moves } = this.#maps
    if (table.epochs[row]! > epoch) {
      return this.#mover.tend(table, row, ENTRIES_AT_ONCE, epoch) < ENTRIES_AT_ONCE
    }
    return this.#mover.write(table, row, ENTRIES_AT_ONCE) || this.#maps.moves === moves
  }

  #isCurrent(table: Table, row: number): boolean {
    return table === this.#store.table && row === this.#store.row
  }
}
