// What an invocation sees of one key's state until it succeeds or fails.
//
// 1. Nothing underneath changes before `commit`; what is read is a copy, so changing it in place changes nothing underneath either.
// 2. After `commit` or `discard` every use throws: a forgotten `await` must not write into nowhere.
import type { KeyAtom, MapState } from '../api/state.ts'
import { engineError } from '../errors.ts'
import { BufferedCell, RowCell } from './cell.ts'
import { cloneValue } from './clone.ts'
import { detach } from './detach.ts'
import { freezeDeep } from './freeze.ts'
import { cellHandle } from './handles.ts'
import type { MapCell } from './map-cell.ts'
import { mapKey, type RowMapHandle, type StateName } from './map-handle.ts'
import type { RowStore } from './row-store.ts'
import type { KeyedStateOptions, KeyTimers, StateHandles, StateInvocation, TimerKind } from './state-types.ts'
import type { Timers } from './timers.ts'

export interface InvocationParts {
  readonly key: unknown
  readonly hash: number
  readonly store: RowStore
  readonly timers: Timers
  readonly options: KeyedStateOptions
  /** Where each state's writes go in the end, in the order of the columns. */
  readonly rows: ReadonlyMap<string, RowCell | RowMapHandle>
}

interface Buffer {
  apply(): void
}

export class Invocation implements StateInvocation {
  readonly handles: StateHandles
  readonly timers: KeyTimers
  readonly #parts: InvocationParts
  readonly #buffers: Buffer[] = []
  readonly #timerCalls: { readonly call: 'register' | 'delete'; readonly kind: TimerKind; readonly time: number }[] = []
  #over = false

  constructor(parts: InvocationParts) {
    this.#parts = parts
    this.handles = Object.freeze(
      Object.fromEntries(Array.from(parts.rows, ([state, row], column) => [state, this.#handle(state, row, column)])),
    )
    this.timers = { register: (kind, time) => this.#time('register', kind, time), delete: (kind, time) => this.#time('delete', kind, time) }
  }

  commit(): void {
    if (this.#over) return
    this.#over = true
    const { store, key, hash, timers } = this.#parts
    const current = { key: store.key, hash: store.hash }
    store.use(key, hash)
    for (const buffer of this.#buffers) buffer.apply()
    for (const { call, kind, time } of this.#timerCalls) timers[call](kind, time)
    if (current.key !== undefined) store.use(current.key, current.hash)
  }

  discard(): void {
    this.#over = true
  }

  #time(call: 'register' | 'delete', kind: TimerKind, time: number): void {
    if (this.#over) throw engineError('STATE_INVOCATION_OVER', { operator: this.#parts.options.operator, state: 'timers' })
    if (!Number.isFinite(time)) throw engineError('TIMER_TIME_INVALID', { operator: this.#parts.options.operator, time: String(time) })
    this.#timerCalls.push({ call, kind, time })
  }

  #handle(state: string, row: RowCell | RowMapHandle, column: number): unknown {
    const { store, key, hash, options } = this.#parts
    const name = { operator: options.operator, state }
    const freeze = options.freeze ?? false
    const check = (): void => {
      if (this.#over) throw engineError('STATE_INVOCATION_OVER', { ...name })
    }
    const peek = (): unknown => store.peek(key, hash, column)
    if (!(row instanceof RowCell)) {
      const map = new BufferedMap(() => peek() as MapCell | undefined, row, name, freeze, check)
      this.#buffers.push(map)
      return map
    }
    const cell = new BufferedCell(() => cloneValue(peek()), check)
    this.#buffers.push({ apply: () => cell.applyTo(row) })
    return cellHandle(options.states[state]!, cell, freeze, (value) => {
      if (value === undefined) throw engineError('STATE_VALUE_UNDEFINED', { ...name })
    })
  }
}

const DELETED: unique symbol = Symbol('deleted')

/** A map state that reads through entry by entry, and keeps what was read, written and removed. */
class BufferedMap implements MapState<KeyAtom, unknown>, Buffer {
  readonly #below: () => MapCell | undefined
  readonly #target: RowMapHandle
  readonly #name: StateName
  readonly #freeze: boolean
  readonly #check: () => void
  /** Entries written, removed (DELETED), or read as an object, which may have been changed since. */
  readonly #own: Map<KeyAtom, unknown> = new Map()
  #cleared = false

  constructor(below: () => MapCell | undefined, target: RowMapHandle, name: StateName, freeze: boolean, check: () => void) {
    this.#below = below
    this.#target = target
    this.#name = name
    this.#freeze = freeze
    this.#check = check
  }

  get(key: KeyAtom): unknown {
    this.#check()
    const value = this.#own.has(key) ? this.#own.get(key) : this.#read(key)
    if (value === DELETED) return undefined
    return this.#freeze ? freezeDeep(value) : value
  }

  set(key: KeyAtom, value: unknown): void {
    this.#check()
    if (value === undefined) throw engineError('STATE_VALUE_UNDEFINED', { ...this.#name })
    this.#own.set(mapKey(key, this.#name), detach(value))
  }

  has(key: KeyAtom): boolean {
    this.#check()
    return this.#own.has(key) ? this.#own.get(key) !== DELETED : this.#hasBelow(key)
  }

  delete(key: KeyAtom): void {
    this.#check()
    if (this.#hasBelow(key)) this.#own.set(key, DELETED)
    else this.#own.delete(key)
  }

  *entries(): IterableIterator<[KeyAtom, unknown]> {
    this.#check()
    const below = this.#cleared ? [] : [...(this.#below()?.entries.keys() ?? [])]
    for (const key of below) if (this.has(key)) yield [key, this.get(key)]
    for (const key of Array.from(this.#own.keys())) if (!this.#hasBelow(key) && this.has(key)) yield [key, this.get(key)]
  }

  get size(): number {
    this.#check()
    let size = this.#cleared ? 0 : (this.#below()?.size ?? 0)
    for (const [key, value] of this.#own) {
      if (value === DELETED) size--
      else if (!this.#hasBelow(key)) size++
    }
    return size
  }

  clear(): void {
    this.#check()
    this.#own.clear()
    this.#cleared = true
  }

  apply(): void {
    if (this.#cleared) this.#target.clear()
    for (const [key, value] of this.#own) {
      if (value === DELETED) this.#target.delete(key)
      else this.#target.apply(key, value)
    }
  }

  #hasBelow(key: KeyAtom): boolean {
    return !this.#cleared && (this.#below()?.entries.has(key) ?? false)
  }

  #read(key: KeyAtom): unknown {
    const entry = this.#cleared ? undefined : this.#below()?.entries.get(key)
    if (entry === undefined) return undefined
    const value = cloneValue(entry.value)
    if (typeof value === 'object' && value !== null) this.#own.set(entry.key, value)
    return value
  }
}
