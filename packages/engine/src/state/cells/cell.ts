import type { RowStore } from '../rows/row-store.ts'

/** Where a handle finds its state: the current row, or an invocation's buffer. */
export interface Cell {
  /** The value, undefined where there is none. An object that it answers may be changed in place. */
  get(): unknown
  /** The value is not undefined, and in memory of its own. */
  set(value: unknown): void
  clear(): void
}

/** A cell that may have a list. */
export interface ListCell extends Cell {
  /** The list has one more element, in memory of its own; where there is none, one of it alone. What else is in it need not be looked at. */
  append(element: unknown): void
}

/** A cell of the current row. */
export class RowCell implements ListCell {
  readonly #store: RowStore
  readonly #column: number

  constructor(store: RowStore, column: number) {
    this.#store = store
    this.#column = column
  }

  get(): unknown {
    const store = this.#store
    const row = store.row
    if (row < 0) return store.absent()
    const value = store.table.columns[this.#column]!.get(row)
    if (typeof value === 'object' && value !== null && store.table.epochs[row] !== store.epoch) store.touch()
    return value
  }

  set(value: unknown): void {
    const store = this.#store
    if (store.row < 0 || store.table.epochs[store.row] !== store.epoch) store.touch()
    store.table.columns[this.#column]!.set(store.row, value)
  }

  append(element: unknown): void {
    const list = this.get() as unknown[] | undefined
    if (list === undefined) this.set([element])
    else list.push(element)
  }

  clear(): void {
    const store = this.#store
    if (store.row < 0) return store.absent()
    if (!store.table.columns[this.#column]!.has(store.row)) return
    store.touch()
    store.table.columns[this.#column]!.clear(store.row)
    store.cellCleared()
  }
}

/** A cell that keeps its writes to itself until they are applied. */
export class BufferedCell implements ListCell {
  readonly #read: () => unknown
  readonly #check: () => void
  #value: unknown = undefined
  /** To the list underneath, as long as nobody has read it: to copy it for each that comes would take longer the more there are. */
  #appended: unknown[] = []
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
      const appended = this.#appended.splice(0)
      if (this.#value === undefined && appended.length > 0) this.#value = appended
      else for (const element of appended) (this.#value as unknown[]).push(element)
      // An object may be changed in place from now on.
      this.#state = typeof this.#value === 'object' && this.#value !== null ? 'dirty' : 'read'
    }
    return this.#value
  }

  set(value: unknown): void {
    this.#check()
    this.#appended = []
    this.#value = value
    this.#state = 'dirty'
  }

  append(element: unknown): void {
    this.#check()
    if (this.#state === 'unread') this.#appended.push(element)
    else if (this.#value === undefined) this.set([element])
    else (this.#value as unknown[]).push(element)
  }

  clear(): void {
    this.set(undefined)
  }

  applyTo(cell: ListCell): void {
    for (const element of this.#appended) cell.append(element)
    if (this.#state !== 'dirty') return
    if (this.#value === undefined) cell.clear()
    else cell.set(this.#value)
  }
}
