// The handles of value, list, reducing and aggregating state, the same over rows and over an invocation's buffers.
import type { Aggregate, AggregatingState, ListState, ReducingState, StateDeclaration, ValueState } from '../../api/state.ts'
import { engineError } from '../../errors.ts'
import type { Cell, ListCell } from './cell.ts'
import { detach } from '../values/detach.ts'
import { ExpiringListHandle } from './expiring-list.ts'
import { freezeDeep } from '../values/freeze.ts'
import { ExpiringCell, type TimedCell } from './timed-cell.ts'
import type { Expiry } from '../ttl.ts'

/** Throws where a value cannot be stored: what is put in, or what folding has made of it. */
export type CheckValue = (value: unknown, made?: 'folded') => void

export function checkOf(name: { readonly operator: string; readonly state: string }): CheckValue {
  return (value, made) => {
    if (value === undefined) throw engineError(made === 'folded' ? 'STATE_FOLD_UNDEFINED' : 'STATE_VALUE_UNDEFINED', { ...name })
  }
}

const emptyList: readonly never[] = Object.freeze([])

export class ValueHandle implements ValueState<unknown> {
  readonly #cell: Cell
  readonly #freeze: boolean

  constructor(cell: Cell, freeze: boolean) {
    this.#cell = cell
    this.#freeze = freeze
  }

  get(): unknown {
    const value = this.#cell.get()
    return this.#freeze ? freezeDeep(value) : value
  }

  set(value: unknown): void {
    if (value === undefined) this.#cell.clear()
    else this.#cell.set(typeof value === 'number' ? value : detach(value))
  }

  update(change: (value: unknown) => unknown): void {
    this.set(change(this.get()))
  }

  clear(): void {
    this.#cell.clear()
  }
}

export class ListHandle implements ListState<unknown> {
  readonly #cell: ListCell
  readonly #freeze: boolean
  readonly #checkElement: CheckValue

  constructor(cell: ListCell, freeze: boolean, checkElement: CheckValue) {
    this.#cell = cell
    this.#freeze = freeze
    this.#checkElement = checkElement
  }

  get(): readonly unknown[] {
    const list = this.#cell.get() as unknown[] | undefined
    if (list === undefined) return emptyList
    return this.#freeze ? freezeDeep([...list]) : list
  }

  add(value: unknown): void {
    this.#checkElement(value)
    this.#cell.append(detach(value))
  }

  addAll(values: Iterable<unknown>): void {
    for (const value of Array.from(values)) this.add(value)
  }

  set(values: Iterable<unknown>): void {
    const list = Array.from(values, (value) => {
      this.#checkElement(value)
      return detach(value)
    })
    if (list.length === 0) this.#cell.clear()
    else this.#cell.set(list)
  }

  clear(): void {
    this.#cell.clear()
  }
}

export class ReducingHandle implements ReducingState<unknown> {
  readonly #cell: Cell
  readonly #freeze: boolean
  readonly #reduce: (a: unknown, b: unknown) => unknown
  readonly #check: CheckValue
  readonly #read: Cell

  /** `read`: the cell as `get` sees it. */
  constructor(cell: Cell, freeze: boolean, reduce: (a: unknown, b: unknown) => unknown, check: CheckValue, read: Cell = cell) {
    this.#cell = cell
    this.#check = check
    this.#read = read
    this.#freeze = freeze
    this.#reduce = reduce
  }

  add(value: unknown): void {
    const before = this.#cell.get()
    this.#check(value)
    const after = before === undefined ? value : this.#reduce(before, value)
    this.#check(after, 'folded')
    this.#cell.set(typeof after === 'number' ? after : detach(after))
  }

  get(): unknown {
    const value = this.#read.get()
    return this.#freeze ? freezeDeep(value) : value
  }

  clear(): void {
    this.#cell.clear()
  }
}

/** Accumulators are never frozen: `add` may change its own in place. */
export class AggregatingHandle implements AggregatingState<unknown, unknown> {
  readonly #cell: Cell
  readonly #aggregate: Aggregate<unknown, unknown, unknown>
  readonly #check: CheckValue
  readonly #read: Cell

  /** `read`: the cell as `get` sees it. */
  constructor(cell: Cell, aggregate: Aggregate<unknown, unknown, unknown>, check: CheckValue, read: Cell = cell) {
    this.#cell = cell
    this.#check = check
    this.#read = read
    this.#aggregate = aggregate
  }

  add(value: unknown): void {
    const before = this.#cell.get()
    const after = this.#aggregate.add(value, before === undefined ? this.#aggregate.create() : before)
    this.#check(after, 'folded')
    this.#cell.set(typeof after === 'number' ? after : detach(after))
  }

  get(): unknown {
    const accumulator = this.#read.get()
    return accumulator === undefined ? undefined : this.#aggregate.result(accumulator)
  }

  clear(): void {
    this.#cell.clear()
  }
}

/** The handle of any state but a map's, over a cell. */
export function cellHandle(
  declaration: StateDeclaration<unknown>,
  cell: ListCell,
  freeze: boolean,
  check: CheckValue,
): ValueHandle | ListHandle | ReducingHandle | AggregatingHandle {
  switch (declaration.kind) {
    case 'list':
      return new ListHandle(cell, freeze, check)
    case 'reducing':
      return new ReducingHandle(cell, freeze, declaration.reduce!, check)
    case 'aggregating':
      return new AggregatingHandle(cell, declaration.aggregate!, check)
    case 'value':
    case 'map':
      return new ValueHandle(cell, freeze)
  }
}

/** The handle of any state but a map's that expires. What has expired may be seen, but is never folded into. */
export function expiringHandle(
  declaration: StateDeclaration<unknown>,
  cell: TimedCell,
  expiry: Expiry,
  freeze: boolean,
  check: CheckValue,
): ValueHandle | ExpiringListHandle | ReducingHandle | AggregatingHandle {
  const seen = new ExpiringCell(cell, expiry)
  switch (declaration.kind) {
    case 'list':
      return new ExpiringListHandle(cell, expiry, freeze, check)
    case 'reducing':
      return new ReducingHandle(new ExpiringCell(cell, expiry.strict()), freeze, declaration.reduce!, check, seen)
    case 'aggregating':
      return new AggregatingHandle(new ExpiringCell(cell, expiry.strict()), declaration.aggregate!, check, seen)
    case 'value':
    case 'map':
      return new ValueHandle(seen, freeze)
  }
}
