import type { Table } from '../rows/table.ts'
import type { TableDirectory } from '../rows/table-directory.ts'

/** Goes round over the places of all rows, one a call, for ever. Rows that growth has moved wait for the next round. */
export class RowHand {
  readonly #directory: TableDirectory
  #tables: readonly Table[] = []
  #at = 0
  #next = 0
  table: Table | undefined = undefined
  row = -1

  constructor(directory: TableDirectory) {
    this.#directory = directory
  }

  /** Goes on to the next place. False: to the next table, or to the first one again; `table` and `row` are not to be looked at. */
  advance(): boolean {
    const table = this.#tables[this.#at]
    if (table === undefined) {
      this.#tables = this.#directory.tables()
      this.#at = 0
      this.#next = 0
      return false
    }
    if (this.#next >= table.used || !this.#directory.holds(table)) {
      this.#at++
      this.#next = 0
      return false
    }
    this.table = table
    this.row = this.#next++
    return true
  }

  /** The next call comes to this place once more. */
  stay(): void {
    this.#next--
  }

  /** Calls that are enough to come by every place once when there are so many rows. */
  roundOf(rows: number): number {
    return rows + this.#tables.length + 1
  }

  /** Begins anew. */
  reset(): void {
    this.#tables = []
    this.table = undefined
  }
}
