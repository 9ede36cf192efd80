// Finds the table of a hash: the key groups of a range, each divided further as it grows.
//
// 1. A slot of the directory is a range of hashes; a table covers one or several neighbouring slots of one key group (extendible hashing).
// 2. Growing is never one large step: a table with too many rows is split in two, the directory doubled where that needs a finer division.
import { engineError } from '../../errors.ts'
import type { KeyGroupRange } from '../../keys/key-group.ts'
import { ROWS_FIRST, Table, TABLE_ROWS_MAX } from './table.ts'

/** Slots beyond which tables grow instead of being split: hashes that agree this far are not going to differ. */
const SLOTS_MAX = 1 << 20
const HASHES = 2 ** 32

export class TableDirectory {
  readonly keyGroups: KeyGroupRange
  readonly #maxParallelism: number
  readonly #columns: number
  /** Slots that each key group has. */
  #division = 1
  #scale: number
  #first: number
  #slots: Table[] = []

  constructor(keyGroups: KeyGroupRange, maxParallelism: number, columns: number) {
    this.keyGroups = keyGroups
    this.#maxParallelism = maxParallelism
    this.#columns = columns
    this.#scale = maxParallelism / HASHES
    this.#first = keyGroups.first
    for (let group = keyGroups.first; group < keyGroups.end; group++) {
      const table = new Table(group, columns, 0)
      table.slot = this.#slots.push(table) - 1
    }
  }

  /** @throws KEY_GROUP_FOREIGN */
  locate(hash: number): Table {
    const table = this.#slots[(((hash >>> 0) * this.#scale) | 0) - this.#first]
    if (table === undefined) this.#foreign(hash)
    return table
  }

  /** All tables, by key group. */
  tables(): Table[] {
    const tables: Table[] = []
    for (let slot = 0; slot < this.#slots.length; slot += tables[tables.length - 1]!.slots) tables.push(this.#slots[slot]!)
    return tables
  }

  /** How many rows each key group has. */
  rowsOfGroups(): ReadonlyMap<number, number> {
    const rows = new Map<number, number>()
    for (const { keyGroup, alive } of this.tables()) rows.set(keyGroup, (rows.get(keyGroup) ?? 0) + alive)
    return rows
  }

  /** Whether the table is one of them still: growth replaces tables. */
  holds(table: Table): boolean {
    return this.#slots[table.slot] === table
  }

  /** Makes room for one more row of this hash. Answers its table, another one perhaps. */
  makeRoom(hash: number): Table {
    let table = this.locate(hash)
    while (table.full) {
      if (table.capacity === 0) table = this.#replaceEmpty(table)
      else if (table.capacity < TABLE_ROWS_MAX || !this.#canSplit(table)) table.grow()
      else {
        this.#split(table)
        table = this.locate(hash)
      }
    }
    return table
  }

  /** Makes room at once for so many rows of a key group that has none, as far as one table goes: to grow step by step costs as much as to fill it. */
  reserve(keyGroup: number, rows: number): void {
    const table = this.#slots[(keyGroup - this.keyGroups.first) * this.#division]!
    if (table.capacity === 0 && rows > ROWS_FIRST)
      this.#place(new Table(keyGroup, this.#columns, capacityFor(rows)), table.slot, table.slots)
  }

  /** Whether `makeRoom` would replace this table rather than keep it. */
  wouldSplit(table: Table): boolean {
    return table.full && table.capacity >= TABLE_ROWS_MAX && this.#canSplit(table)
  }

  clear(): void {
    this.#slots = []
  }

  #canSplit(table: Table): boolean {
    return table.slots > 1 || this.#slots.length * 2 <= SLOTS_MAX
  }

  #split(table: Table): void {
    if (table.slots === 1) this.#double()
    const half = table.slots / 2
    const low = this.#place(new Table(table.keyGroup, this.#columns, TABLE_ROWS_MAX), table.slot, half)
    const high = this.#place(new Table(table.keyGroup, this.#columns, TABLE_ROWS_MAX), table.slot + half, half)
    low.rowBytes = high.rowBytes = table.rowBytes
    low.lastTouched = high.lastTouched = table.lastTouched
    table.moveTo((hash) => (this.locate(hash) === low ? low : high))
  }

  #double(): void {
    this.#division *= 2
    this.#scale = (this.#maxParallelism * this.#division) / HASHES
    this.#first *= 2
    this.#slots = this.#slots.flatMap((table) => [table, table])
    for (let slot = 0; slot < this.#slots.length; slot += this.#slots[slot]!.slots) {
      const table = this.#slots[slot]!
      table.slot = slot
      table.slots *= 2
    }
  }

  #replaceEmpty(table: Table): Table {
    return this.#place(new Table(table.keyGroup, this.#columns), table.slot, table.slots)
  }

  #place(table: Table, slot: number, slots: number): Table {
    table.slot = slot
    table.slots = slots
    this.#slots.fill(table, slot, slot + slots)
    return table
  }

  #foreign(hash: number): never {
    const group = Math.floor((hash >>> 0) * (this.#maxParallelism / HASHES))
    throw engineError('KEY_GROUP_FOREIGN', { group, first: this.keyGroups.first, last: this.keyGroups.end - 1 })
  }
}

function capacityFor(rows: number): number {
  let capacity = ROWS_FIRST
  while (capacity < rows && capacity < TABLE_ROWS_MAX) capacity *= 2
  return capacity
}
