// Timers are state: hidden columns of the rows hold them, queues order them.
//
// 1. A timer is in its row exactly while it is in its queue, as far as rows are in memory. Those of other rows are asked for when they may be due.
// 2. Whoever changes what a row holds of them has touched the row.
import type { Key } from '../../api/state.ts'
import { engineError } from '../../errors.ts'
import type { RowStore } from './row-store.ts'
import type { FireTimer, TimerKind, TimerService } from '../state-types.ts'
import { findTimer, withTimer, withoutTimer, type TimerCell } from './timer-cell.ts'
import { Timer, TimerQueue } from './timer-queue.ts'

/** The last of the hashes by which timers of the same time are ordered. */
const HASH_MAX = 0x7fff_ffff

/** A timer of a row that is not in memory. */
export interface AwayTimer {
  readonly time: number
  readonly key: Key
  readonly hash: number
}

/** Timers of rows that are not in memory. A row that is used comes back into it, and its timers into the queues. */
export interface TimersAway<T extends AwayTimer = AwayTimer> {
  /** The queues of those that are in memory. */
  join(queues: { readonly [K in TimerKind]: TimerQueue }): void
  /** The earliest, if it is not after this one in the order of timers. Its row may have no such timer any more. */
  due(kind: TimerKind, time: number, hash: number): T | undefined
  /** Of what `due` has answered: the row has been used, and has it or not. */
  asked(kind: TimerKind, timer: T, isThere: boolean): void
  /** When the earliest is due, or some time before; undefined: there is none. It is of no interest if it is not before `before`. */
  next(kind: TimerKind, before: number): number | undefined
  /** How many there are. */
  count(kind: TimerKind): number
  /** The current row has come back with it, or has been restored. */
  restored(kind: TimerKind, timer: Timer): void
  /** The timer is in its row no more. */
  forget(kind: TimerKind, timer: Timer): void
  /** The same, while the row is restored. */
  dropped(kind: TimerKind, timer: Timer): void
  clear(): void
}

export class Timers implements TimerService {
  readonly #operator: string
  readonly #store: RowStore
  readonly #columns: { readonly [K in TimerKind]: number }
  readonly #queues: { readonly [K in TimerKind]: TimerQueue } = { event: new TimerQueue(), processing: new TimerQueue() }
  readonly #away: TimersAway | undefined

  constructor(operator: string, store: RowStore, columns: { readonly [K in TimerKind]: number }) {
    this.#operator = operator
    this.#store = store
    this.#columns = columns
    this.#away = store.timersAway
    this.#away?.join(this.#queues)
  }

  register(kind: TimerKind, time: number): void {
    if (!Number.isFinite(time)) throw engineError('TIMER_TIME_INVALID', { operator: this.#operator, time: String(time) })
    const due = time === 0 ? 0 : time
    const store = this.#store
    const before = this.#cell(kind)
    if (findTimer(before, due) !== undefined) return
    store.touch()
    const timer = new Timer(due, store.table.key(store.row), store.hash)
    this.#queues[kind].add(timer)
    const after = withTimer(before, timer, store.epoch)
    if (after !== before) store.table.columns[this.#columns[kind]]!.set(store.row, after)
  }

  delete(kind: TimerKind, time: number): void {
    const timer = findTimer(this.#cell(kind), time === 0 ? 0 : time)
    if (timer === undefined) return
    this.#queues[kind].remove(timer)
    this.#away?.forget(kind, timer)
    this.#forget(kind, timer)
  }

  advance(kind: TimerKind, time: number, fire: FireTimer, limit: number): boolean {
    for (let fired = 0; ; fired++) {
      const timer = this.#firstDue(kind, time)
      if (timer === undefined) return false
      if (fired >= limit) return true
      this.#store.use(timer.key, timer.hash)
      this.#queues[kind].remove(timer)
      this.#away?.forget(kind, timer)
      this.#forget(kind, timer)
      if (fire(timer.key, timer.hash, timer.time) === false) return true
    }
  }

  next(kind: TimerKind): number | undefined {
    const time = this.#queues[kind].first()?.time ?? Infinity
    const next = Math.min(time, this.#away?.next(kind, time) ?? Infinity)
    return next === Infinity ? undefined : next
  }

  count(kind: TimerKind): number {
    return this.#queues[kind].size + (this.#away?.count(kind) ?? 0)
  }

  /** The queue follows what a restore puts into the current row's cell, and takes out of it. */
  restored(kind: TimerKind, time: number, key: Key, hash: number): Timer {
    const timer = new Timer(time, key, hash)
    this.#queues[kind].add(timer)
    this.#away?.restored(kind, timer)
    return timer
  }

  dropped(kind: TimerKind, timer: Timer): void {
    this.#queues[kind].remove(timer)
    this.#away?.dropped(kind, timer)
  }

  clear(): void {
    this.#away?.clear()
    this.#queues.event.clear()
    this.#queues.processing.clear()
  }

  /** The earliest timer that is due; its row is in memory. */
  #firstDue(kind: TimerKind, time: number): Timer | undefined {
    const queue = this.#queues[kind]
    for (;;) {
      const timer = queue.first()
      const isDue = timer !== undefined && timer.time <= time
      const away = this.#away?.due(kind, isDue ? timer.time : time, isDue ? timer.hash : HASH_MAX)
      if (away === undefined) return isDue ? timer : undefined
      this.#store.use(away.key, away.hash)
      this.#away?.asked(kind, away, findTimer(this.#cell(kind), away.time) !== undefined)
    }
  }

  #cell(kind: TimerKind): TimerCell | undefined {
    const { row, table } = this.#store
    return row < 0 ? undefined : (table.columns[this.#columns[kind]]!.get(row) as TimerCell | undefined)
  }

  #forget(kind: TimerKind, timer: Timer): void {
    const store = this.#store
    const cell = this.#cell(kind)!
    store.touch()
    if (withoutTimer(cell, timer, store.epoch) !== undefined) return
    store.table.columns[this.#columns[kind]]!.clear(store.row)
    store.cellCleared()
  }
}
