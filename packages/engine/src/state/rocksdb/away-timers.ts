/**
 * Timers of rows that are in the store below, and not in the tables. Each is in its row as ever; so that it is found when it is due it is a key of the store besides.
 *
 * 1. Every timer in a row as the store has it has its key. A key may be left over that its row knows nothing of: who comes to it asks the row.
 * 2. A timer is in its queue while its row is in the tables, else only here.
 * 3. While nothing may be written below, keys that are to go are noted. They go before anything else is written.
 */
import type { Key } from '../../api/state.ts'
import { MapCell } from '../map-cell.ts'
import type { StateSchema } from '../schema.ts'
import type { TimerKind } from '../state-types.ts'
import type { Table } from '../table.ts'
import type { TableDirectory } from '../table-directory.ts'
import { Timer, type TimerQueue } from '../timer-queue.ts'
import type { TimersAway } from '../timers.ts'
import type { OrderedStore } from './ordered-store.ts'
import type { StoredBelow } from './stored-below.ts'
import { timerHashIn, TimerKeyWriter, timerRange, type StoredTimer } from './timer-keys.ts'
import { TimerPage, type TimerPageLimits } from './timer-page.ts'

const KINDS = ['event', 'processing'] as const
const NOTHING = new Uint8Array(0)

export interface AwayTimersParts {
  readonly schema: StateSchema
  readonly directory: TableDirectory
  readonly below: StoredBelow
  readonly limits?: TimerPageLimits | undefined
}

export class AwayTimers implements TimersAway {
  readonly #directory: TableDirectory
  readonly #below: StoredBelow
  readonly #columns: { readonly [K in TimerKind]: number }
  readonly #writer: TimerKeyWriter
  readonly #pages: { readonly [K in TimerKind]: TimerPage }
  #queues: { readonly [K in TimerKind]: TimerQueue } | undefined
  /** Keys that are to go. */
  #leftOver: Uint8Array[] = []
  /** Whether the store below has keys of timers, or has had. */
  used = false
  /** Whether a row is being taken in from the store below. */
  loading = false

  constructor({ schema, directory, below, limits }: AwayTimersParts) {
    this.#directory = directory
    this.#below = below
    this.#columns = { event: schema.eventTimers, processing: schema.processingTimers }
    this.#writer = new TimerKeyWriter(schema)
    this.#pages = { event: new TimerPage('event', limits), processing: new TimerPage('processing', limits) }
  }

  join(queues: { readonly [K in TimerKind]: TimerQueue }): void {
    this.#queues = queues
  }

  due(kind: TimerKind, time: number, hash: number): StoredTimer | undefined {
    const page = this.#pages[kind]
    while (!page.reaches(time, hash)) page.read(this.#below.store, this.#isHere)
    const { first } = page
    return first === undefined || first.time > time || (first.time === time && first.hash > hash) ? undefined : first
  }

  next(kind: TimerKind, before: number): number | undefined {
    const page = this.#pages[kind]
    while (!page.reaches(before, -Infinity)) page.read(this.#below.store, this.#isHere)
    return page.next
  }

  asked(kind: TimerKind, timer: StoredTimer, isThere: boolean): void {
    this.#pages[kind].remove(timer.time, () => timer.bytes)
    if (!isThere) this.#remove(timer.bytes)
  }

  restored(kind: TimerKind, timer: Timer): void {
    if (!this.loading) return
    timer.isStored = true
    this.#pages[kind].remove(timer.time, () => this.#key(kind, timer))
  }

  forget(kind: TimerKind, timer: Timer): void {
    if (timer.isStored) this.#remove(this.#key(kind, timer))
  }

  count(kind: TimerKind): number {
    const { store } = this.#below
    if (store === undefined || !this.used) return 0
    if (!this.#below.frozen) this.#tidy()
    const page = new TimerPage(kind)
    let count = 0
    page.restart()
    for (;;) {
      page.read(store, (timer) => {
        if (!this.#isHere(timer)) count++
        return true
      })
      if (page.next === undefined) return count
    }
  }

  clear(): void {
    for (const kind of KINDS) this.#pages[kind].clear()
    this.#leftOver = []
  }

  /** A row has been written to the store below. */
  written(table: Table, row: number): void {
    if (this.#leftOver.length > 0) this.#tidy()
    for (const kind of KINDS) {
      const cell = table.columns[this.#columns[kind]]!.get(row)
      if (cell === undefined) continue
      for (const timer of timersIn(cell)) {
        if (timer.isStored) continue
        this.used = true
        this.#below.putEntry(this.#key(kind, timer), NOTHING)
        timer.isStored = true
      }
    }
  }

  /** A row leaves the tables. The store below has it. */
  letGo(table: Table, row: number): void {
    for (const kind of KINDS) {
      const cell = table.columns[this.#columns[kind]]!.get(row)
      if (cell === undefined) continue
      for (const timer of timersIn(cell)) {
        this.#queues?.[kind].remove(timer)
        this.#pages[kind].add(timer.time, () => this.#key(kind, timer))
      }
    }
  }

  /** The store below is another one. */
  adopted(): void {
    const { store } = this.#below
    for (const kind of KINDS) {
      this.#pages[kind].restart()
      this.#pages[kind].read(store, this.#isHere)
      if (this.#pages[kind].next !== undefined) this.used = true
    }
  }

  /** Takes the timers of rows with hashes from one up to another as another store has them. */
  takeOver(from: OrderedStore, hashes: { readonly first: number; readonly end: number }): void {
    for (const kind of KINDS) {
      const range = timerRange(kind)
      const scan = from.scan(range.from, range.end)
      while (scan.next()) {
        const hash = timerHashIn(scan.key) >>> 0
        if (hash >= hashes.first && hash < hashes.end) this.#below.putEntry(scan.key, NOTHING)
      }
      scan.close()
    }
    this.adopted()
  }

  readonly #isHere = ({ key, hash }: { readonly key: Key; readonly hash: number }): boolean =>
    this.#directory.locate(hash).find(key, hash) >= 0

  #key(kind: TimerKind, { time, hash, key }: Timer): Uint8Array {
    return this.#writer.write(kind, time, hash, key)
  }

  #remove(bytes: Uint8Array): void {
    if (this.#below.frozen) this.#leftOver.push(new Uint8Array(bytes))
    else this.#below.deleteEntry(bytes)
  }

  #tidy(): void {
    for (const bytes of this.#leftOver.splice(0)) this.#below.deleteEntry(bytes)
  }
}

function timersIn(cell: unknown): Iterable<Timer> {
  if (cell instanceof Timer) return [cell]
  return cell instanceof MapCell ? cell.entries.values().map(({ value }) => value as Timer) : []
}
