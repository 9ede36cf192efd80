/**
 * Rows as a cache over an ordered store: the tables hold the keys in use, the store below those that had to make room.
 *
 * 1. A row that is resident says everything about its key; the store is asked only for keys that are not.
 * 2. A row's epoch is CLEAN where the store below holds the same, later where it does not: what a snapshot needs of the tables are the rows of later epochs.
 * 3. Nothing is written below while a checkpoint of the store is being made (`frozen`): what it holds and what the tables hold then fit together.
 * 4. The current row stays where it is: whoever works with it may have gone away for a while.
 */
import type { Key } from '../../api/state.ts'
import { hashKey } from '../../keys/hash.ts'
import { RowStore } from '../row-store.ts'
import type { StateSchema } from '../schema.ts'
import { touchedEpoch, type Table } from '../table.ts'
import type { KeyedStateOptions } from '../state-types.ts'
import { CacheSize } from './cache-size.ts'
import type { OrderedStore } from './ordered-store.ts'
import { firstHashOf, hashIn, keyIn, RowEncoder, rowsFrom } from './row-encoder.ts'
import { RowHand } from './row-hand.ts'
import { StoredBelow, type Sought } from './stored-below.ts'

/** The epoch of rows that are below just as they are here. */
export const CLEAN = 0

/** Notes about a row: it was used since the hand came by; the store below has its key, as it is or as it was. */
const RECENT = 1
const BELOW = 2

/** Rows that make room at once. */
const EVICTED_AT_ONCE = 128
/** Calls of `use` between two looks at what a row takes. */
const USES_A_SAMPLE = 512
export interface CacheOptions {
  /** What the rows in memory may take, about. */
  readonly cacheBytes: number
  /** Default that of RocksDB. */
  readonly storedBytesMax?: number
  readonly open: () => OrderedStore
}

/** Loads what is stored below into the current row, which is new. */
export type LoadCells = (bytes: Uint8Array) => void

export class CachedStore extends RowStore {
  override readonly tracksRestored: boolean = false
  readonly #schema: StateSchema
  readonly #maxParallelism: number
  readonly encoder: RowEncoder
  readonly below: StoredBelow
  readonly #size: CacheSize
  readonly #hand: RowHand
  loadCells: LoadCells = () => {}
  #loading = false
  /** Rows in the tables, dead ones too. */
  #resident = 0
  /** As many rows as there were, and some, when a sweep did not find enough that could go. */
  #stuckAt = 0
  #uses = 0

  constructor({ operator, keyGroups, maxParallelism }: KeyedStateOptions, schema: StateSchema, options: CacheOptions) {
    super(keyGroups, maxParallelism, schema.columns.length)
    this.#maxParallelism = maxParallelism
    this.#schema = schema
    this.encoder = new RowEncoder(schema)
    this.below = new StoredBelow({ ...options, operator }, this.encoder)
    this.#size = new CacheSize(options.cacheBytes, schema.columns.length)
    this.#hand = new RowHand(this.directory)
  }

  override use(key: unknown, hash: number): void {
    const table = this.directory.locate(hash)
    const row = table.find(key, hash)
    this.key = key
    this.hash = hash
    this.table = table
    this.row = row
    if (row >= 0) table.notes[row]! |= RECENT
    else this.#miss(key, hash)
    if (++this.#uses === USES_A_SAMPLE) this.#sample()
  }

  override touch(): void {
    if (this.row < 0) this.#resident++
    if (this.#loading) this.#loadTouch()
    else super.touch()
  }

  override cellCleared(): void {
    super.cellCleared()
    if (this.row < 0) this.#resident--
  }

  override restored(): void {
    if (!this.#loading) super.touch()
  }

  override dropRestored(): void {
    if (this.#loading) this.rows++
    if (this.#loading || (this.table.notes[this.row]! & BELOW) === 0) {
      super.dropRestored()
      if (!this.#loading) this.#resident--
      return
    }
    super.touch()
    this.table.markDead(this.row)
    this.rows--
  }

  override groupCleared(keyGroup: number): void {
    const from = rowsFrom(firstHashOf(keyGroup, this.#maxParallelism))
    const end = rowsFrom(firstHashOf(keyGroup + 1, this.#maxParallelism))
    for (const key of this.below.clear(from, end)) {
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
    this.#back(formerKey, formerHash)
    return value
  }

  override refresh(): void {
    if (this.row >= 0) this.row = this.table.find(this.key, this.hash)
  }

  override clear(): void {
    super.clear()
    this.#resident = 0
    this.#hand.reset()
  }

  /** Rows of a restore have been freed on the way. */
  recount(): void {
    this.#resident = 0
    for (const table of this.directory.tables()) this.#resident += table.resident
    // Rows with timers stay.
    while (this.#overfull && this.#evict(EVICTED_AT_ONCE) > 0);
  }

  get residentRows(): number {
    return this.#resident
  }

  /** Starts from a store that has so many rows already. */
  adopt(store: OrderedStore, rows: number): void {
    this.below.adopt(store, rows)
    this.rows = rows
  }

  /** Takes a row as another store has it. */
  take(key: Uint8Array, value: Uint8Array): void {
    this.below.take(key, value)
    this.rows++
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
      if (this.directory.locate(hash).find(key, hash) < 0) this.#aside(key, hash, stored)
    })
  }

  /** Takes in a row as the store below has it; the current key stays what it was. */
  #aside(key: Key, hash: number, stored: Uint8Array): void {
    const { key: formerKey, hash: formerHash } = this
    if (this.#overfull) this.#evict(EVICTED_AT_ONCE)
    this.#takeIn(key, hash, stored)
    this.#back(formerKey, formerHash)
  }

  /** Shows a row that is not here, as the store below has it, and lets go of it again. The current key stays what it was. */
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
      this.#evictRow(table, row)
    }
    this.#back(formerKey, formerHash)
  }

  #takeIn(key: Key, hash: number, stored: Uint8Array): void {
    this.key = key
    this.hash = hash
    this.table = this.directory.locate(hash)
    this.row = -1
    this.#load(stored)
  }

  #back(key: unknown, hash: number): void {
    if (key === undefined) this.row = -1
    else this.use(key, hash)
    this.key = key
    this.hash = hash
  }

  /** Writes rows below that have not been touched since `epoch`, and keeps them. Answers how many rows it looked at: fewer than `rows` at the end of a sweep. */
  writeBack(sweep: { table: number; row: number }, rows: number, epoch: number): number {
    if (this.below.frozen) return 0
    const tables = this.directory.tables()
    let looked = 0
    while (looked < rows && sweep.table < tables.length) {
      const table = tables[sweep.table]!
      for (; sweep.row < table.used && looked < rows; sweep.row++, looked++) {
        const mark = table.epochs[sweep.row]!
        if (mark > CLEAN && mark <= epoch && !this.#hasTimers(table, sweep.row)) this.#writeRow(table, sweep.row)
      }
      if (sweep.row < table.used) break
      sweep.table++
      sweep.row = 0
    }
    return looked
  }

  /** Whether the row in the tables, and not the store below, says what a snapshot with this boundary needs. */
  outranks(key: Key, hash: number, boundary: number): boolean {
    const table = this.directory.locate(hash)
    const row = table.find(key, hash)
    if (row < 0) return false
    const epoch = touchedEpoch(table.epochs[row]!)
    return epoch > CLEAN && epoch <= boundary
  }

  get #overfull(): boolean {
    return this.#resident > this.#size.rowsMax && this.#resident > this.#stuckAt && !this.below.frozen
  }

  #miss(key: unknown, hash: number): void {
    if (this.#overfull) this.#evict(EVICTED_AT_ONCE)
    if (!this.below.mayHave(hash)) return
    const stored = this.below.get(key, hash)
    if (stored !== undefined) this.#load(stored)
  }

  #load(stored: Uint8Array): void {
    this.#loading = true
    try {
      this.loadCells(stored)
    } finally {
      this.#loading = false
    }
    if (this.row < 0) this.#resident--
    else this.table.notes[this.row] = RECENT | BELOW
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

  /** Makes room: rows that were not used since the hand came by the last time. */
  #evict(count: number): number {
    let evicted = 0
    const hand = this.#hand
    // Twice around: the first time takes away the marks.
    for (let looked = 0, most = 2 * hand.roundOf(this.#resident); evicted < count && looked < most; looked++) {
      if (hand.advance() && this.#evictRow(hand.table!, hand.row)) evicted++
    }
    // Most rows have to stay: not to look at all of them again for each that comes.
    this.#stuckAt = evicted < count ? this.#resident + (this.#resident >> 3) : 0
    return evicted
  }

  #evictRow(table: Table, row: number): boolean {
    const mark = table.epochs[row]!
    if (mark === -1 || (table === this.table && row === this.row)) return false
    if ((table.notes[row]! & RECENT) !== 0) {
      table.notes[row]! &= ~RECENT
      return false
    }
    if (this.#hasTimers(table, row)) return false
    const hash = hashKey(table.key(row))
    if (mark !== CLEAN) this.#writeRow(table, row, hash)
    for (const column of table.columns) column.clear(row)
    table.free(row, hash)
    this.#resident--
    return true
  }

  /** Queues hold them, so the row cannot go. */
  #hasTimers(table: Table, row: number): boolean {
    return table.columns[this.#schema.eventTimers]!.has(row) || table.columns[this.#schema.processingTimers]!.has(row)
  }

  /** Afterwards the store below holds the row as it is, or does not hold it if it is dead. */
  #writeRow(table: Table, row: number, hash: number = hashKey(table.key(row))): void {
    if (table.pending) this.visitor!.beforeTouch(table, row)
    const key = table.key(row)
    const known = (table.notes[row]! & BELOW) !== 0
    if (table.epochs[row]! < 0) {
      if (known) this.below.delete(key, hash)
      table.notes[row]! &= ~BELOW
      return
    }
    const value = this.encoder.value(table, row)
    this.#size.learn(value.length)
    this.below.put(key, hash, value, !known)
    table.notes[row]! |= BELOW
    table.stored[row] = 1
    table.epochs[row] = CLEAN
  }

  #sample(): void {
    this.#uses = 0
    const { table, row } = this
    if (row >= 0 && table.epochs[row]! >= 0 && !this.#loading) {
      try {
        this.#size.learn(this.encoder.value(table, row).length)
      } catch {
        // It is told when the row is stored.
      }
    }
    if (this.#overfull) this.#evict(EVICTED_AT_ONCE)
  }
}
