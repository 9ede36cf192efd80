// What an invocation sees of one key's state until it succeeds or fails.
//
// 1. Nothing underneath changes before `commit`; what is read is a copy, so changing it in place changes nothing underneath either.
// 2. After `commit` or `discard` every use throws: a forgotten `await` must not write into nowhere.
import { engineError } from '../errors.ts'
import { BufferedMap } from './cells/buffered-map.ts'
import { BufferedCell, type RowCell } from './cells/cell.ts'
import { cloneValue } from './values/clone.ts'
import type { CloneState } from './values/clone-state.ts'
import { cellHandle, checkOf, expiringHandle } from './cells/handles.ts'
import type { MapCell } from './rows/map-cell.ts'
import { RowMapHandle } from './cells/map-handle.ts'
import type { RowStore } from './rows/row-store.ts'
import type { KeyedStateOptions, KeyTimers, StateHandles, StateInvocation, TimerKind, WaitingTimers } from './state-types.ts'
import { BufferedTimedCell, TimedRowCell } from './cells/timed-cell.ts'
import type { Timers } from './rows/timers.ts'
import type { Expiry } from './ttl.ts'

export interface InvocationParts {
  readonly key: unknown
  readonly hash: number
  readonly store: RowStore
  readonly timers: Timers
  readonly waiting: WaitingTimers | undefined
  readonly options: KeyedStateOptions
  /** Where each state's writes go in the end, in the order of the columns. */
  readonly rows: ReadonlyMap<string, RowState>
  readonly clones: readonly CloneState[]
  /** Of states that expire. */
  readonly expiries: ReadonlyMap<string, Expiry>
}

/** A state of the current row. */
export type RowState = RowCell | TimedRowCell | RowMapHandle

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
    const { store, key, hash, timers, waiting } = this.#parts
    const { key: formerKey, hash: formerHash } = store
    store.use(key, hash)
    for (const buffer of this.#buffers) buffer.apply()
    for (const { call, kind, time } of this.#timerCalls) {
      if (waiting?.has(kind, time, key, hash) !== true) timers[call](kind, time)
      else if (call === 'delete') waiting.drop(kind, time, key, hash)
    }
    store.back(formerKey, formerHash)
  }

  discard(): void {
    this.#over = true
  }

  #time(call: 'register' | 'delete', kind: TimerKind, time: number): void {
    if (this.#over) throw engineError('STATE_INVOCATION_OVER', { operator: this.#parts.options.operator, state: 'timers' })
    if (!Number.isFinite(time)) throw engineError('TIMER_TIME_INVALID', { operator: this.#parts.options.operator, time: String(time) })
    this.#timerCalls.push({ call, kind, time })
  }

  #handle(state: string, row: RowState, column: number): unknown {
    const { store, key, hash, options, expiries } = this.#parts
    const name = { operator: options.operator, state }
    const freeze = options.freeze ?? false
    const check = (): void => {
      if (this.#over) throw engineError('STATE_INVOCATION_OVER', { ...name })
    }
    const peek = (at: number): unknown => store.peek(key, hash, at)
    const clone = this.#parts.clones[column]!
    const checkValue = checkOf(name)
    if (row instanceof RowMapHandle) {
      const map = new BufferedMap(() => peek(column) as MapCell | undefined, row, { name, freeze, check, clone })
      this.#buffers.push(map)
      return map
    }
    if (row instanceof TimedRowCell) {
      const cell = new BufferedTimedCell(() => ({ value: clone(peek(column)), time: cloneValue(peek(row.times)) }), check)
      this.#buffers.push({ apply: () => cell.applyTo(row) })
      return expiringHandle(options.states[state]!, cell, expiries.get(state)!, freeze, checkValue)
    }
    const cell = new BufferedCell(() => clone(peek(column)), check)
    this.#buffers.push({ apply: () => cell.applyTo(row) })
    return cellHandle(options.states[state]!, cell, freeze, checkValue)
  }
}
