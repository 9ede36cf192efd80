import type { RowStore } from '../rows/row-store.ts'

/** Where a handle finds its state: the current row, or an invocation's buffer. */
export interface Cell {
  /** The value, undefined where there is none. An object that it answers may be changed in place. */
  get(): unknown
  /** The value is not undefined, and in memory of its own. */
  set(value: unknown): void
  clear(): void
}

/** A cell of the current row. */
export class RowCell implements Cell {
  readonly #store: RowStore
  readonly #column: number

  constructor(store: RowStore, column: number) {
    this.#store = store
    this.#column = column
  }

  get(): unknown {
    const store = this.#store
    const row = store.row
    if (row < 0) return undefined
    const value = store.table.columns[this.#column]!.get(row)
    if (typeof value === 'object' && value !== null && store.table.epochs[row] !== store.epoch) store.touch()
    return value
  }

  set(value: unknown): void {
    const store = this.#store
    if (store.row < 0 || store.table.epochs[store.row] !== store.epoch) store.touch()
    store.table.columns[this.#column]!.set(store.row, value)
  }

  clear(): void {
    const store = this.#store
    if (store.row < 0 || !store.table.columns[this.#column]!.has(store.row)) return
    store.touch()
    store.table.columns[this.#column]!.clear(store.row)
    store.cellCleared()
  }
}

/** A cell that keeps its writes to itself until they are applied. */
export class BufferedCell implements Cell {
  readonly #read: () => unknown
  readonly #check: () => void
  #value: unknown = undefined
  #state: 'unread' | 'read' | 'dirty' = 'unread'

  /** `read` answers a copy of the value underneath; `check` throws once the invocation is over. */
  constructor(read: () => unknown, check: () => void) {
    this.#read = read
    this.#check = check
  }

  get(): unknown {
    this.#check()
    if (this.#state === 'unread') {
      this.#value = this.#read()
      // An object may be changed in place from now on.
      this.#state = typeof this.#value === 'object' && this.#value !== null ? 'dirty' : 'read'
    }
    return this.#value
  }

  set(value: unknown): void {
    this.#check()
    this.#value = value
    this.#state = 'dirty'
  }

  clear(): void {
    this.set(undefined)
  }

  applyTo(cell: Cell): void {
    if (this.#state !== 'dirty') return
    if (this.#value === undefined) cell.clear()
    else cell.set(this.#value)
  }
}
