// Timers are state: hidden columns of the rows hold them, queues order them.
//
// 1. A timer is in its row exactly while it is in its queue.
// 2. A row holds one timer of a kind as such, several as a map of times, so that one more or less of many is one changed entry.
import type { Key } from '../api/state.ts'
import { engineError } from '../errors.ts'
import { MapCell } from './map-cell.ts'
import type { RowStore } from './row-store.ts'
import type { FireTimer, TimerKind, TimerService } from './state-types.ts'
import { Timer, TimerQueue } from './timer-queue.ts'

/** What a row holds of a kind of timers. */
type TimerCell = Timer | MapCell | undefined

export class Timers implements TimerService {
  readonly #operator: string
  readonly #store: RowStore
  readonly #columns: { readonly [K in TimerKind]: number }
  readonly #queues: { readonly [K in TimerKind]: TimerQueue } = { event: new TimerQueue(), processing: new TimerQueue() }
  /** Whether there has ever been one: snapshots leave timers out until then. */
  used = false

  constructor(operator: string, store: RowStore, columns: { readonly [K in TimerKind]: number }) {
    this.#operator = operator
    this.#store = store
    this.#columns = columns
  }

  register(kind: TimerKind, time: number): void {
    if (!Number.isFinite(time)) throw engineError('TIMER_TIME_INVALID', { operator: this.#operator, time: String(time) })
    const due = time === 0 ? 0 : time
    const store = this.#store
    const before = this.#cell(kind)
    if (before instanceof Timer ? before.time === due : before?.entries.has(due)) return
    store.touch()
    this.used = true
    const timer = new Timer(due, store.table.key(store.row), store.hash)
    this.#queues[kind].add(timer)
    if (before instanceof MapCell) before.set(due, timer, store.epoch)
    else this.#put(kind, before === undefined ? timer : pair(before, timer, store.epoch))
  }

  delete(kind: TimerKind, time: number): void {
    const timer = this.#find(kind, time === 0 ? 0 : time)
    if (timer === undefined) return
    this.#queues[kind].remove(timer)
    this.#forget(kind, timer)
  }

  advance(kind: TimerKind, time: number, fire: FireTimer, limit: number): boolean {
    const queue = this.#queues[kind]
    for (let fired = 0; ; fired++) {
      const timer = queue.first()
      if (timer === undefined || timer.time > time) return false
      if (fired >= limit) return true
      this.#store.use(timer.key, timer.hash)
      queue.remove(timer)
      this.#forget(kind, timer)
      fire(timer.key, timer.hash, timer.time)
    }
  }

  next(kind: TimerKind): number | undefined {
    return this.#queues[kind].first()?.time
  }

  count(kind: TimerKind): number {
    return this.#queues[kind].size
  }

  /** The queue follows what a restore puts into the current row's cell, and takes out of it. */
  restored(kind: TimerKind, time: number, key: Key, hash: number): Timer {
    this.used = true
    const timer = new Timer(time, key, hash)
    this.#queues[kind].add(timer)
    return timer
  }

  dropped(kind: TimerKind, timer: Timer): void {
    this.#queues[kind].remove(timer)
  }

  clear(): void {
    this.#queues.event.clear()
    this.#queues.processing.clear()
  }

  #cell(kind: TimerKind): TimerCell {
    const { row, table } = this.#store
    return row < 0 ? undefined : (table.columns[this.#columns[kind]]!.get(row) as TimerCell)
  }

  #put(kind: TimerKind, cell: Timer | MapCell): void {
    this.#store.table.columns[this.#columns[kind]]!.set(this.#store.row, cell)
  }

  #find(kind: TimerKind, time: number): Timer | undefined {
    const cell = this.#cell(kind)
    if (cell instanceof Timer) return cell.time === time ? cell : undefined
    return cell?.entries.get(time)?.value as Timer | undefined
  }

  #forget(kind: TimerKind, timer: Timer): void {
    const store = this.#store
    const cell = this.#cell(kind)
    store.touch()
    if (cell instanceof MapCell && cell.size > 1) {
      cell.delete(timer.time, store.epoch)
      return
    }
    store.table.columns[this.#columns[kind]]!.clear(store.row)
    store.cellCleared()
  }
}

function pair(a: Timer, b: Timer, epoch: number): MapCell {
  const cell = new MapCell()
  cell.set(a.time, a, epoch)
  cell.set(b.time, b, epoch)
  return cell
}
