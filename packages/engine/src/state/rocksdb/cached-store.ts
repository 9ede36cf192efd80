/**
 * Rows as a cache over an ordered store: the tables hold the keys in use, the store below those that had to make room.
 *
 * 1. A row that is resident says everything about its key; the store is asked only for keys that are not.
 * 2. A row's epoch is CLEAN where the store below holds the same, later where it does not: what a snapshot needs of the tables are the rows of later epochs.
 * 3. Nothing is written below while a checkpoint of the store is being made (`frozen`): what it holds and what the tables hold then fit together.
 * 4. The current row stays where it is: whoever works with it may have gone away for a while. Entries of its maps are let go of only when a key is used next.
 */
import type { Key } from '../../api/state.ts'
import { RowStore } from '../rows/row-store.ts'
import type { StateSchema } from '../rows/schema.ts'
import { touchedEpoch, type Table } from '../rows/table.ts'
import type { KeyedStateOptions } from '../state-types.ts'
import { ApartMaps, inlineLimits, type InlineLimits } from './apart-maps.ts'
import { AwayTimers } from './away-timers.ts'
import { CacheSize } from './cache-size.ts'
import { entriesFrom, EntryEncoder } from './entry-encoder.ts'
import type { OrderedStore } from './ordered-store.ts'
import { firstHashOf, hasApart, hashIn, keyIn, RowEncoder, rowsFrom } from './row-encoder.ts'
import { RoomMaker } from './room-maker.ts'
import { APART, BELOW, RECENT, RowMover } from './row-mover.ts'
import { StoredBelow, type Sought } from './stored-below.ts'
import { CLEAN, type StoredMapCell } from './stored-map-cell.ts'
import type { TimerPageLimits } from './timer-page.ts'

/** Calls of `use` between two looks at what a row takes, and what such a look may cost for each of them: a row that is large is looked at less often. */
const USES_A_SAMPLE = 512
const SAMPLED_BYTES_A_USE = 32

export interface CacheOptions {
  /** What the rows in memory may take, about. */
  readonly cacheBytes: number
  /** Default that of RocksDB. */
  readonly storedBytesMax?: number
  readonly open: () => OrderedStore
  /** When maps lie apart from their rows. Default `inlineLimits`. */
  readonly inline?: InlineLimits
  /** How many timers of rows in the store are in memory. Default `timerPageLimits`. */
  readonly timers?: TimerPageLimits
}

/** Loads what is stored below into the current row, which is new. */
export type LoadCells = (bytes: Uint8Array) => void

export class CachedStore extends RowStore {
  override readonly tracksRestored: boolean = false
  override readonly timersAway: AwayTimers
  readonly #maxParallelism: number
  readonly encoder: RowEncoder
  readonly below: StoredBelow
  readonly #size: CacheSize
  readonly #maps: ApartMaps
  readonly #mover: RowMover
  readonly #room: RoomMaker
  loadCells: LoadCells = () => {}
  /** As that of the state. */
  onCrowded: (relieved: Promise<void>) => void = () => {}
  #loading = false
  #uses = 0
  /** Of the samples so far what uses and loads have not made up for. */
  #sampledBytes = 0

  constructor({ operator, keyGroups, maxParallelism, clock }: KeyedStateOptions, schema: StateSchema, options: CacheOptions) {
    super(operator, keyGroups, maxParallelism, schema.columns.length)
    this.#maxParallelism = maxParallelism
    this.encoder = new RowEncoder(schema)
    this.below = new StoredBelow({ ...options, operator }, this.encoder)
    this.#size = new CacheSize(options.cacheBytes, schema.columns.length)
    const { encoder, below } = this
    const size = this.#size
    this.#maps = new ApartMaps({
      below,
      schema,
      encoder: new EntryEncoder(schema, () => clock?.now() ?? 0),
      limits: options.inline ?? inlineLimits,
      learn: (bytes) => size.learnEntry(bytes),
    })
    const timers = new AwayTimers({ schema, directory: this.directory, below, limits: options.timers })
    this.timersAway = timers
    this.#mover = new RowMover(this, { encoder, below, maps: this.#maps, size, timers })
    this.#room = new RoomMaker(this, {
      below,
      maps: this.#maps,
      mover: this.#mover,
      size,
      timers,
      crowded: () => this.onCrowded(below.untilThawed()),
    })
  }

  override use(key: unknown, hash: number): void {
    this.#uses++
    const isSampled = this.#leave()
    this.show(key, hash)
    // Not before: it might be this row that goes, with what the caller knows of it.
    if (isSampled || this.#maps.shared.cached > 0) this.#room.make()
  }

  override release(): void {
    this.#leave()
    super.release()
  }

  /** Looks at the row in use until now: the one that comes next may be new, and empty. Answers whether it was sampled. */
  #leave(): boolean {
    if (this.#maps.shared.grown) this.#moveOutGrown()
    if (this.#uses < USES_A_SAMPLE || this.row < 0) return false
    this.#sample()
    return true
  }

  override show(key: unknown, hash: number): void {
    const table = this.directory.locate(hash)
    const row = table.find(key, hash)
    this.key = key
    this.hash = hash
    this.table = table
    this.row = row
    if (row >= 0) table.notes[row]! |= RECENT
    else this.#miss(key, hash)
  }

  /** How many of them stay in the tables is the cache's to say. */
  override expect(): void {}

  override touch(): void {
    const isNew = this.row < 0
    if (this.#loading) this.#loadTouch()
    else super.touch()
    // Not before: what is refused is no row.
    if (isNew) this.#room.resident++
  }

  override cellCleared(): void {
    super.cellCleared()
    if (this.row < 0) this.#room.resident--
  }

  override restored(): void {
    if (!this.#loading) super.touch()
  }

  override dropRestored(): void {
    if (this.#loading) this.rows++
    if (this.#loading || (this.table.notes[this.row]! & BELOW) === 0) {
      super.dropRestored()
      if (!this.#loading) this.#room.resident--
      return
    }
    super.touch()
    this.table.markDead(this.row)
    this.rows--
  }

  override createMapCell(): StoredMapCell {
    return this.#maps.createCell()
  }

  override restoreApart(column: number, size: number, newest: number): void {
    this.touch()
    const { table, row, hash } = this
    table.columns[column]!.set(row, this.#maps.found(table.key(row), hash, column, size, newest))
  }

  override groupCleared(keyGroup: number): void {
    const first = firstHashOf(keyGroup, this.#maxParallelism)
    const behind = firstHashOf(keyGroup + 1, this.#maxParallelism)
    this.below.clearEntries(entriesFrom(first), entriesFrom(behind))
    for (const key of this.below.clear(rowsFrom(first), rowsFrom(behind))) {
      const hash = hashIn(key)
      if (this.directory.locate(hash).find(keyIn(key), hash) < 0) this.rows--
    }
  }

  override peek(key: unknown, hash: number, column: number): unknown {
    const table = this.directory.locate(hash)
    const row = table.find(key, hash)
    if (row >= 0) return table.columns[column]!.get(row)
    const { key: formerKey, hash: formerHash } = this
    this.use(key, hash)
    const value = this.row < 0 ? undefined : this.table.columns[column]!.get(this.row)
    this.back(formerKey, formerHash)
    return value
  }

  override refresh(): void {
    if (this.row >= 0) this.row = this.table.find(this.key, this.hash)
  }

  override clear(): void {
    super.clear()
    this.#room.reset()
  }

  /** Rows of a restore have been freed on the way. */
  recount(): void {
    this.#room.recount()
  }

  /** Starts from a store that has so many rows already. */
  adopt(store: OrderedStore, rows: number): void {
    this.below.adopt(store, rows)
    this.rows = rows
    this.timersAway.adopted()
  }

  /** Takes a row as another store has it. */
  take(key: Uint8Array, value: Uint8Array): void {
    this.below.take(key, value)
    this.rows++
  }

  /** Takes an entry of a map as another store has it. */
  takeEntry(key: Uint8Array, value: Uint8Array): void {
    this.below.putEntry(key, value)
  }

  /** Entries of maps that lie apart which are here. */
  get residentEntries(): number {
    return this.#maps.shared.cached
  }

  /** Rows that may be looked up ahead: what comes first must not push out what comes with it. */
  get aheadMax(): number {
    return this.#size.rowsMax >> 1
  }

  /** Whether only the store below can say what there is of a key. Such a row that is here stays for a while. */
  isAway(key: unknown, hash: number): boolean {
    const table = this.directory.locate(hash)
    const row = table.find(key, hash)
    if (row >= 0) table.notes[row]! |= RECENT
    return row < 0 && this.below.mayHave(hash)
  }

  /** Looks up keys that are about to be used. */
  async fetch(sought: readonly Sought[]): Promise<void> {
    await this.below.getMany(sought, ({ key, hash }, stored) => {
      if (this.directory.locate(hash).find(key, hash) < 0) this.#takeAside(key, hash, stored)
    })
  }

  /** Takes in a row as the store below has it; the current key stays what it was. */
  #takeAside(key: Key, hash: number, stored: Uint8Array): void {
    const { key: formerKey, hash: formerHash } = this
    this.#room.make(true)
    this.#takeIn(key, hash, stored)
    this.back(formerKey, formerHash)
  }

  /** Shows a row that is not here, and lets go of it again. `stored`: as the store below has it now. The current key stays what it was. */
  visit(key: Key, hash: number, stored: Uint8Array, look: (table: Table, row: number) => void): void {
    if (this.directory.locate(hash).find(key, hash) >= 0) return
    const { key: formerKey, hash: formerHash } = this
    this.#takeIn(key, hash, stored)
    if (this.row >= 0) look(this.table, this.row)
    const table = this.directory.locate(hash)
    const row = table.find(key, hash)
    this.row = -1
    if (row >= 0) {
      table.notes[row]! &= ~RECENT
      this.#room.letGo(table, row, Infinity)
    }
    this.back(formerKey, formerHash)
  }

  /** Does something with another key as the current one. A row that was not here is let go of again. */
  aside(key: Key, hash: number, work: () => void): void {
    const wasHere = this.directory.locate(hash).find(key, hash) >= 0
    const { key: formerKey, hash: formerHash } = this
    this.use(key, hash)
    work()
    this.row = -1
    const table = this.directory.locate(hash)
    const row = wasHere ? -1 : table.find(key, hash)
    if (row >= 0) {
      table.notes[row]! &= ~RECENT
      this.#room.letGo(table, row, Infinity)
    }
    this.back(formerKey, formerHash)
  }

  #takeIn(key: Key, hash: number, stored: Uint8Array): void {
    this.key = key
    this.hash = hash
    this.table = this.directory.locate(hash)
    this.row = -1
    this.#load(stored)
  }

  /** Writes rows below that have not been touched since `epoch`, and keeps them. Answers how many rows it looked at: fewer than `rows` at the end of a sweep. */
  writeBack(sweep: { table: number; row: number }, rows: number, epoch: number): number {
    return this.#room.writeBack(sweep, rows, epoch)
  }

  /** Whether the row in the tables, and not the store below, says what a snapshot with this boundary needs. */
  outranks(key: Key, hash: number, boundary: number): boolean {
    const table = this.directory.locate(hash)
    const row = table.find(key, hash)
    if (row < 0) return false
    const epoch = touchedEpoch(table.epochs[row]!)
    return epoch > CLEAN && epoch <= boundary
  }

  /** Maps of the row that was in use until now. */
  #moveOutGrown(): void {
    this.#maps.shared.grown = false
    if (this.row >= 0 && !this.below.frozen) this.#mover.tend(this.table, this.row, 0)
  }

  #miss(key: unknown, hash: number): void {
    this.#room.make()
    if (!this.below.mayHave(hash)) return
    const stored = this.below.get(key, hash)
    if (stored !== undefined) this.#load(stored)
  }

  #load(stored: Uint8Array): void {
    const isApart = hasApart(stored)
    this.#sampledBytes -= stored.length
    this.#loading = true
    this.timersAway.loading = true
    try {
      this.loadCells(stored)
    } finally {
      this.#loading = false
      this.timersAway.loading = false
    }
    if (this.row < 0) this.#room.resident--
    else this.table.notes[this.row] = RECENT | BELOW | (isApart ? APART : 0)
  }

  /** The row that is being loaded is there, and clean. */
  #loadTouch(): void {
    const { epoch, table } = this
    if (this.row >= 0) return
    const { lastTouched } = table
    this.epoch = CLEAN
    super.touch()
    this.epoch = epoch
    // It has been counted all the time.
    this.rows--
    // A table that was split on the way has what the one before it had.
    if (this.table.lastTouched < lastTouched) this.table.lastTouched = lastTouched
  }

  #sample(): void {
    this.#uses = 0
    this.#sampledBytes = Math.max(0, this.#sampledBytes - USES_A_SAMPLE * SAMPLED_BYTES_A_USE)
    const { table, row } = this
    if (table.epochs[row]! >= 0 && !this.#loading) {
      try {
        if (!this.below.frozen) this.#mover.tend(table, row, 0)
        if (this.#sampledBytes > 0) return
        const { length } = this.encoder.value(table, row)
        const { longTextBytes } = this.encoder
        this.#size.learn(length, longTextBytes)
        // Long texts are copied, and not looked at.
        this.#sampledBytes = length - longTextBytes
      } catch {
        // It is told when the row is stored.
      }
    }
  }
}
