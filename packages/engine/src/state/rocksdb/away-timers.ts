/**
 * Timers of rows that are in the store below, and not in the tables. Each is in its row as ever; so that it is found when it is due it is a key of the store besides.
 *
 * 1. Every timer in a row as the store has it has its key. A key may be left over that its row knows nothing of: who comes to it asks the row.
 * 2. A timer is in its queue while its row is in the tables, else only here.
 * 3. While nothing may be written below, keys that are to go are noted. They go before anything else is written.
 * 4. How many there are is counted as they come and go, and noted in the store for whoever starts from its files.
 */
import type { Key } from '../../api/state.ts'
import type { StateSchema } from '../rows/schema.ts'
import type { TimerKind } from '../state-types.ts'
import type { Table } from '../rows/table.ts'
import type { TableDirectory } from '../rows/table-directory.ts'
import { timersIn, type TimerCell } from '../rows/timer-cell.ts'
import type { Timer, TimerQueue } from '../rows/timer-queue.ts'
import type { TimersAway } from '../rows/timers.ts'
import type { OrderedStore } from './ordered-store.ts'
import type { StoredBelow } from './stored-below.ts'
import { timerHashIn, TimerKeyWriter, timerRange, type StoredTimer } from './timer-keys.ts'
import { TimerPage, type TimerPageLimits } from './timer-page.ts'
import type { Turns } from '../turns.ts'

const KINDS = ['event', 'processing'] as const
const NOTHING = new Uint8Array(0)
/** Where the store has how many keys of each kind there are. */
const COUNTS = Uint8Array.of(0x63)

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
  /** Keys of timers, without those that are to go; of these, those whose rows are in the tables. */
  readonly #keys: { [K in TimerKind]: number } = { event: 0, processing: 0 }
  readonly #here: { [K in TimerKind]: number } = { event: 0, processing: 0 }
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
    if (!isThere) this.#remove(kind, timer.bytes)
  }

  restored(kind: TimerKind, timer: Timer): void {
    if (!this.loading) return
    timer.isStored = true
    this.#here[kind]++
    this.#pages[kind].remove(timer.time, () => this.#key(kind, timer))
  }

  forget(kind: TimerKind, timer: Timer): void {
    if (!timer.isStored) return
    this.#here[kind]--
    this.#remove(kind, this.#key(kind, timer))
  }

  /** What a row has below is not what it is: its timers may have gone, and their keys with them. */
  dropped(kind: TimerKind, timer: Timer): void {
    if (!timer.isStored) return
    this.#here[kind]--
    const bytes = this.#key(kind, timer)
    if (this.#below.getEntry(bytes) !== undefined) this.#remove(kind, bytes)
  }

  count(kind: TimerKind): number {
    return Math.max(0, this.#keys[kind] - this.#here[kind])
  }

  clear(): void {
    for (const kind of KINDS) {
      this.#pages[kind].clear()
      this.#keys[kind] = 0
      this.#here[kind] = 0
    }
    this.#leftOver = []
  }

  /** The files of the store below are about to be asked for. */
  noteCounts(): void {
    const { store, frozen } = this.#below
    if (store === undefined || frozen || !this.used) return
    this.#tidy()
    const counts = new DataView(new ArrayBuffer(16))
    for (const [at, kind] of KINDS.entries()) counts.setFloat64(8 * at, this.#keys[kind])
    store.put(COUNTS, new Uint8Array(counts.buffer))
  }

  /** A row has been written to the store below. */
  written(table: Table, row: number): void {
    if (this.#leftOver.length > 0) this.#tidy()
    for (const kind of KINDS) {
      const cell = table.columns[this.#columns[kind]]!.get(row) as TimerCell | undefined
      if (cell === undefined) continue
      for (const timer of timersIn(cell)) {
        if (timer.isStored) continue
        this.used = true
        this.#below.putEntry(this.#key(kind, timer), NOTHING)
        timer.isStored = true
        this.#keys[kind]++
        this.#here[kind]++
      }
    }
  }

  /** A row leaves the tables. The store below has it. */
  letGo(table: Table, row: number): void {
    for (const kind of KINDS) {
      const cell = table.columns[this.#columns[kind]]!.get(row) as TimerCell | undefined
      if (cell === undefined) continue
      for (const timer of timersIn(cell)) {
        this.#queues?.[kind].remove(timer)
        this.#here[kind]--
        this.#pages[kind].add(timer.time, () => this.#key(kind, timer))
      }
    }
  }

  /** The store below is another one. */
  adopted(): void {
    const noted = this.#below.store?.get(COUNTS)
    const counts = noted?.length === 16 ? new DataView(noted.buffer, noted.byteOffset, 16) : undefined
    for (const [at, kind] of KINDS.entries()) this.#keys[kind] = counts?.getFloat64(8 * at) ?? 0
    this.#lookAtFirst()
  }

  /** Takes the timers of rows with hashes from one up to another as another store has them. */
  async takeOver(from: OrderedStore, hashes: { readonly first: number; readonly end: number }, turns: Turns): Promise<void> {
    for (const kind of KINDS) {
      const range = timerRange(kind)
      await turns.through(from.scan(range.from, range.end), ({ key }) => {
        const hash = timerHashIn(key) >>> 0
        if (hash < hashes.first || hash >= hashes.end) return
        this.#below.putEntry(key, NOTHING)
        this.#keys[kind]++
      })
    }
    this.#lookAtFirst()
  }

  #lookAtFirst(): void {
    for (const kind of KINDS) {
      this.#pages[kind].restart()
      this.#pages[kind].read(this.#below.store, this.#isHere)
      if (this.#pages[kind].next !== undefined) this.used = true
    }
  }

  readonly #isHere = ({ key, hash }: { readonly key: Key; readonly hash: number }): boolean =>
    this.#directory.locate(hash).find(key, hash) >= 0

  #key(kind: TimerKind, { time, hash, key }: Timer): Uint8Array {
    return this.#writer.write(kind, time, hash, key)
  }

  #remove(kind: TimerKind, bytes: Uint8Array): void {
    this.#keys[kind]--
    if (this.#below.frozen) this.#leftOver.push(new Uint8Array(bytes))
    else this.#below.deleteEntry(bytes)
  }

  #tidy(): void {
    for (const bytes of this.#leftOver.splice(0)) this.#below.deleteEntry(bytes)
  }
}
