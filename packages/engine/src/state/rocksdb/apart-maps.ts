import type { Key } from '../../api/state.ts'
import type { StateSchema } from '../rows/schema.ts'
import type { Table } from '../rows/table.ts'
import { ApartEntries } from './apart-entries.ts'
import type { EntryEncoder } from './entry-encoder.ts'
import { mapColumns } from './row-encoder.ts'
import type { StoredBelow } from './stored-below.ts'
import { StoredMapCell, type SharedByMaps } from './stored-map-cell.ts'

/** When maps lie apart from their rows. */
export interface InlineLimits {
  /** A map of more entries leaves its row; with a quarter of them it comes back. */
  readonly entriesMax: number
  /** The maps of a row that takes more, encoded, leave it. */
  readonly bytesMax: number
}

export const inlineLimits: InlineLimits = { entriesMax: 256, bytesMax: 32 * 1024 }

/** Entries left over that are removed at once at the least. */
const REMOVED_AT_ONCE = 64

/** A row that is about to be written to the store below. */
export interface RowPlace {
  readonly table: Table
  readonly row: number
  readonly hash: number
}

export interface ApartMapsParts {
  readonly below: StoredBelow
  readonly encoder: EntryEncoder
  readonly schema: StateSchema
  readonly limits: InlineLimits
  readonly learn: (encodedBytes: number) => void
}

/**
 * Which maps lie apart from their rows, and what of them is written.
 *
 * 1. A map leaves its row only where nothing is left over in the store of a former one.
 * 2. A map without entries, as there are between the records of a restore, lies apart: in the row nothing would tell of it.
 * 3. Every change of entries in the store is followed by one of their row: it says how many entries there are.
 */
export class ApartMaps {
  readonly #below: StoredBelow
  readonly #encoder: EntryEncoder
  readonly #limits: InlineLimits
  readonly #learn: (encodedBytes: number) => void
  readonly columns: readonly number[]
  readonly shared: SharedByMaps
  /** Grows with every entry that is written or removed. */
  moves = 0

  /** `learn` is told what entries take, encoded. */
  constructor({ below, encoder, schema, limits, learn }: ApartMapsParts) {
    this.#below = below
    this.#encoder = encoder
    this.#limits = limits
    this.#learn = learn
    this.columns = mapColumns(schema)
    this.shared = { cached: 0, entriesMax: limits.entriesMax, grown: false }
  }

  createCell(): StoredMapCell {
    return new StoredMapCell(this.shared)
  }

  /** A map that has so many entries in the store. */
  found(key: Key, hash: number, column: number, size: number, newest: number): StoredMapCell {
    const cell = this.createCell()
    cell.foundApart(this.#entries(key, hash, column), size)
    cell.newest = this.#encoder.updateTime(column, newest)
    return cell
  }

  /** The row's maps that lie apart. */
  apartCells(table: Table, row: number): StoredMapCell[] {
    const cells: StoredMapCell[] = []
    for (const column of this.columns) {
      const cell = table.columns[column]!.get(row)
      if (cell instanceof StoredMapCell && cell.isPartial) cells.push(cell)
    }
    return cells
  }

  /** Counts what is here of maps that lie apart once more. */
  recount(tables: readonly Table[]): void {
    this.shared.cached = 0
    if (this.columns.length === 0) return
    for (const table of tables) {
      for (let row = 0; row < table.used; row++) for (const cell of this.apartCells(table, row)) this.shared.cached += cell.cached
    }
  }

  /** Whether a map of the row has become too large for it, and may leave it. */
  hasGrown(table: Table, row: number): boolean {
    for (const column of this.columns) {
      const cell = table.columns[column]!.get(row)
      if (cell instanceof StoredMapCell && !cell.isPartial && cell.size > this.#limits.entriesMax && cell.pending === undefined) return true
    }
    return false
  }

  isTooLarge(encodedBytes: number): boolean {
    return encodedBytes > this.#limits.bytesMax
  }

  /** Removes up to `limit` entries that are left over of maps that are gone. Answers whether none are left. */
  removeLeftOver({ table, row, hash }: RowPlace, limit: number): boolean {
    const most = Math.max(limit, REMOVED_AT_ONCE)
    const key = table.key(row)
    for (const column of this.columns) {
      const cell = table.columns[column]!.get(row)
      if (cell instanceof StoredMapCell && cell.isPartial) continue
      const removed = this.#entries(key, hash, column).clear(most)
      this.moves += removed
      if (removed === most) return false
    }
    return true
  }

  /** Maps of the row leave it if they have more than `entriesMax` entries. Answers whether one did. */
  moveOut({ table, row, hash }: RowPlace, epoch: number, entriesMax: number = this.#limits.entriesMax): boolean {
    let moved = false
    for (const column of this.columns) {
      const cell = table.columns[column]!.get(row)
      if (!(cell instanceof StoredMapCell) || cell.isPartial || cell.pending !== undefined) continue
      if (cell.size > 0 && cell.size <= entriesMax) continue
      cell.moveOut(this.#entries(table.key(row), hash, column), epoch)
      cell.isHeavy = entriesMax < this.#limits.entriesMax
      moved = true
    }
    return moved
  }

  /** Few entries come back into their row, but where they were too large for it. Answers whether some did. */
  moveIn(table: Table, row: number): boolean {
    let moved = false
    for (const cell of this.apartCells(table, row)) {
      if (cell.size === 0 || cell.size > Math.max(1, this.#limits.entriesMax >> 2) || cell.isHeavy || cell.pending !== undefined) continue
      cell.moveIn()
      moved = true
    }
    return moved
  }

  /** Writes up to `limit` entries of the row's maps that were touched no later than `until`. Answers how many. */
  write(table: Table, row: number, limit: number, until?: number): number {
    let written = 0
    for (const cell of this.apartCells(table, row)) written += cell.write(limit - written, until)
    this.moves += written
    return written
  }

  /** Lets go of up to `limit` entries that are not in use. Answers how many. */
  letGo(table: Table, row: number, limit: number): number {
    let gone = 0
    for (const cell of this.apartCells(table, row)) gone += cell.letGo(limit - gone)
    return gone
  }

  #entries(key: Key, hash: number, column: number): ApartEntries {
    return new ApartEntries(this.#below, this.#encoder, { column, prefix: this.#encoder.prefix(key, hash, column), learn: this.#learn })
  }
}
