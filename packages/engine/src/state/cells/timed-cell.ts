// Cells of states with a time to live: a value in one column, when it was last updated in another. Of a list, a time for each element.
//
// 1. Both are there, or neither is.
// 2. A cell says what is stored; `ExpiringCell` and `ExpiringListHandle` say what of it is still to be seen, and remove what they find expired.
// 3. In an invocation's buffer both are copies. What was only handed out goes back with the time it had; what was written, with the time of the writing.
import type { Cell } from './cell.ts'
import type { RowStore } from '../rows/row-store.ts'
import type { Expiry } from '../ttl.ts'

export interface TimedCell {
  /** The value, undefined where there is none. To be changed in place only after `touch`. */
  read(): unknown
  /** Of what `read` answers: a number; of a list an array of them. */
  time(): unknown
  touch(): void
  write(value: unknown, time: unknown): void
  /** The list has one more element; where there is none, one of it alone. What else is in it need not be looked at. */
  append(element: unknown, time: number): void
  clear(): void
}

/** Of the current row. */
export class TimedRowCell implements TimedCell {
  readonly #store: RowStore
  readonly column: number
  readonly times: number

  constructor(store: RowStore, column: number, times: number) {
    this.#store = store
    this.column = column
    this.times = times
  }

  read(): unknown {
    const { row, table } = this.#store
    return row < 0 ? this.#store.absent() : table.columns[this.column]!.get(row)
  }

  time(): unknown {
    const { row, table } = this.#store
    return row < 0 ? this.#store.absent() : table.columns[this.times]!.get(row)
  }

  touch(): void {
    this.#store.touch()
  }

  write(value: unknown, time: unknown): void {
    const store = this.#store
    store.touch()
    store.table.columns[this.column]!.set(store.row, value)
    store.table.columns[this.times]!.set(store.row, time)
  }

  append(element: unknown, time: number): void {
    const list = this.read() as unknown[] | undefined
    if (list === undefined) return this.write([element], [time])
    this.touch()
    list.push(element)
    ;(this.time() as number[]).push(time)
  }

  clear(): void {
    const store = this.#store
    if (this.read() === undefined) return
    store.touch()
    store.table.columns[this.column]!.clear(store.row)
    store.table.columns[this.times]!.clear(store.row)
    store.cellCleared()
  }
}

export class BufferedTimedCell implements TimedCell {
  readonly #below: () => { readonly value: unknown; readonly time: unknown }
  readonly #check: () => void
  #value: unknown = undefined
  #time: unknown = undefined
  /** To the list underneath, as long as nobody has read it. */
  #appended: { readonly element: unknown; readonly time: number }[] = []
  #state: 'unread' | 'read' | 'dirty' = 'unread'

  /** `below` answers copies; `check` throws once the invocation is over. */
  constructor(below: () => { readonly value: unknown; readonly time: unknown }, check: () => void) {
    this.#below = below
    this.#check = check
  }

  read(): unknown {
    this.#load()
    return this.#value
  }

  time(): unknown {
    this.#load()
    return this.#time
  }

  touch(): void {
    this.#load()
    this.#state = 'dirty'
  }

  write(value: unknown, time: unknown): void {
    this.#check()
    this.#appended = []
    this.#value = value
    this.#time = time
    this.#state = 'dirty'
  }

  append(element: unknown, time: number): void {
    this.#check()
    if (this.#state === 'unread') {
      this.#appended.push({ element, time })
      return
    }
    if (this.#value === undefined) return this.write([element], [time])
    this.touch()
    ;(this.#value as unknown[]).push(element)
    ;(this.#time as number[]).push(time)
  }

  clear(): void {
    this.write(undefined, undefined)
  }

  applyTo(cell: TimedCell): void {
    for (const { element, time } of this.#appended) cell.append(element, time)
    if (this.#state !== 'dirty') return
    if (this.#value === undefined) cell.clear()
    else cell.write(this.#value, this.#time)
  }

  #load(): void {
    this.#check()
    if (this.#state !== 'unread') return
    const { value, time } = this.#below()
    this.#value = value
    this.#time = time
    this.#state = 'read'
    for (const { element, time: at } of this.#appended.splice(0)) this.append(element, at)
  }
}

/** A cell whose value expires as one. */
export class ExpiringCell implements Cell {
  readonly #cell: TimedCell
  readonly #expiry: Expiry

  constructor(cell: TimedCell, expiry: Expiry) {
    this.#cell = cell
    this.#expiry = expiry
  }

  get(): unknown {
    const cell = this.#cell
    const value = cell.read()
    if (value === undefined) return undefined
    const { ttl } = this.#expiry
    if (this.#expiry.expired(cell.time() as number)) {
      cell.clear()
      return ttl.returnsExpired ? value : undefined
    }
    if (ttl.onRead) cell.write(value, this.#expiry.now)
    else if (typeof value === 'object' && value !== null) cell.touch()
    return value
  }

  set(value: unknown): void {
    this.#cell.write(value, this.#expiry.now)
  }

  clear(): void {
    this.#cell.clear()
  }
}
