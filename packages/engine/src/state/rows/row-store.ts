// The rows of a subtask, and the current one.
//
// 1. `row` is the current key's row in `table`, or -1 while it has none, or there is no current key. Rows come with the first write and go with the last clear.
// 2. The epoch grows with every snapshot. Whoever changes a row, or gives out an object in it, calls `touch` first unless the row's epoch is the current one already.
// 3. `touch` lets a snapshot that still has to visit the row write it before it changes.
// 4. A row is only made under its key's own hash: whoever restores it looks for it in the key group of that.
// 5. A row that goes stays as a dead one if a snapshot may hold it, so that the next delta has its tombstone.
import type { Key, KeyAtom } from '../../api/state.ts'
import { copyString } from '../../codec/copy-string.ts'
import type { KeyGroupRange } from '../../keys/key-group.ts'
import { engineError } from '../../errors.ts'
import { hashKey } from '../../keys/hash.ts'
import { canonicalKey } from '../../keys/key.ts'
import { MapCell, TimedMapCell } from './map-cell.ts'
import { Table, touchedEpoch } from './table.ts'
import { TableDirectory } from './table-directory.ts'
import type { TimersAway } from './timers.ts'

/** A snapshot in the making, as the rows see it. */
export interface SnapshotVisitor {
  /** The row, in a table that is pending, is about to change: writes it if its turn has not come. */
  beforeTouch(table: Table, row: number): void
  /** Visits the rest of the table now. */
  finishTable(table: Table): void
}

export class RowStore {
  readonly directory: TableDirectory
  readonly columns: number
  readonly #operator: string
  table: Table
  row = -1
  epoch = 0
  key: unknown = undefined
  hash = 0
  /** Keys that have state. */
  rows = 0
  visitor: SnapshotVisitor | undefined = undefined
  /** Whether maps that are restored count as stored, so that the next delta needs their changes alone. */
  readonly tracksRestored: boolean = true
  /** Timers of rows that are not in memory, where there can be such. */
  readonly timersAway: TimersAway | undefined = undefined

  constructor(operator: string, keyGroups: KeyGroupRange, maxParallelism: number, columns: number) {
    this.#operator = operator
    this.directory = new TableDirectory(keyGroups, maxParallelism, columns)
    this.columns = columns
    this.table = new Table(keyGroups.first, columns, 0)
  }

  use(key: unknown, hash: number): void {
    const table = this.directory.locate(hash)
    this.key = key
    this.hash = hash
    this.table = table
    this.row = table.find(key, hash)
  }

  /** As `use`, for whoever does something in between: nobody's objects are let go of for it. */
  show(key: unknown, hash: number): void {
    this.use(key, hash)
  }

  /** No key is the current one until the next `use`. */
  release(): void {
    this.key = undefined
    this.row = -1
  }

  /** Makes current again what was so before another key was shown in between; that may be no key. */
  back(key: unknown, hash: number): void {
    if (key !== undefined) return this.show(key, hash)
    this.key = undefined
    this.row = -1
  }

  /** What a cell reads where the current key has no row. @throws CONTEXT_REVOKED */
  absent(): undefined {
    if (this.key === undefined) throw engineError('CONTEXT_REVOKED', { operator: this.#operator, use: 'state' })
  }

  /** Makes the current row one that may be changed: there, alive, and touched in this epoch. @throws CONTEXT_REVOKED */
  touch(): void {
    if (this.row < 0) this.#add()
    else this.#touchRow(this.table, this.row)
  }

  /** A cell of the current row was cleared: without any left the row goes. It has been touched before. */
  cellCleared(): void {
    const { table, row } = this
    if (!table.isEmpty(row)) return
    this.rows--
    if (table.stored[row] === 1) {
      table.markDead(row)
      return
    }
    table.free(row, this.hash)
    this.row = -1
  }

  /** A new map. `timed`: its entries have times. */
  createMapCell(timed: boolean): MapCell {
    return timed ? new TimedMapCell() : new MapCell()
  }

  /** The current row's map, of which so many entries are stored apart from it, none updated later than `newest`. */
  restoreApart(_column: number, _size: number, _newest: number): void {
    throw new Error('maps on the heap are in their rows')
  }

  /** So many rows of a key group without any are going to be restored, or fewer. */
  expect(keyGroup: number, rows: number): void {
    this.directory.reserve(keyGroup, rows)
  }

  /** The current row has been restored, or more of it. */
  restored(): void {}

  /** What was restored left the current row without a cell. */
  dropRestored(): void {
    this.table.free(this.row, this.hash)
    this.rows--
    this.row = -1
  }

  /** What was restored of a key group is replaced. */
  groupCleared(_keyGroup: number): void {}

  /** Finds the current row again: its table may have given it up meanwhile. */
  refresh(): void {
    if (this.row >= 0) this.row = this.table.find(this.key, this.hash)
  }

  /** A cell of any key, without making it current. */
  peek(key: unknown, hash: number, column: number): unknown {
    const table = this.directory.locate(hash)
    const row = table.find(key, hash)
    return row < 0 ? undefined : table.columns[column]!.get(row)
  }

  /** Lets go of all rows. Nothing is to be used any more. */
  clear(): void {
    this.directory.clear()
    this.table = new Table(this.directory.keyGroups.first, this.columns, 0)
    this.row = -1
    this.rows = 0
    this.visitor = undefined
  }

  #add(): void {
    const { directory, hash } = this
    this.absent()
    // The hash is the sender's, and the key was asked for again.
    if (hashKey(this.key) !== hash) throw engineError('KEY_CHANGED', { operator: this.#operator })
    let table = directory.locate(hash)
    if (table.full) {
      if (table.pending && directory.wouldSplit(table)) this.visitor!.finishTable(table)
      table = directory.makeRoom(hash)
    }
    this.table = table
    this.row = table.add(ownKey(this.key), hash, this.epoch)
    table.lastTouched = this.epoch
    this.rows++
  }

  #touchRow(table: Table, row: number): void {
    const mark = table.epochs[row]!
    if (touchedEpoch(mark) !== this.epoch && table.pending) this.visitor!.beforeTouch(table, row)
    if (mark < 0) {
      table.alive++
      this.rows++
    }
    table.epochs[row] = this.epoch
    table.lastTouched = this.epoch
  }
}

/** The key in memory of its own. */
function ownKey(key: unknown): Key {
  const canonical = canonicalKey(key)
  return typeof canonical === 'object' && canonical !== null ? Object.freeze(canonical.map(ownAtom)) : ownAtom(canonical)
}

function ownAtom(atom: KeyAtom): KeyAtom {
  return typeof atom === 'string' ? copyString(atom) : atom
}
