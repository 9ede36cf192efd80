/**
 * Rows as a cache over an ordered store: the tables hold the keys in use, the store below those that had to make room.
 *
 * 1. A row that is resident says everything about its key; the store is asked only for keys that are not.
 * 2. A row's epoch is CLEAN where the store below holds the same, later where it does not: what a snapshot needs of the tables are the rows of later epochs.
 * 3. Nothing is written below while a checkpoint of the store is being made (`frozen`): what it holds and what the tables hold then fit together.
 * 4. The current row stays where it is: whoever works with it may have gone away for a while.
 */
import type { Key } from '../../api/state.ts'
import { engineError } from '../../errors.ts'
import { hashKey } from '../../keys/hash.ts'
import { canonicalKey } from '../../keys/key.ts'
import { RowStore } from '../row-store.ts'
import type { StateSchema } from '../schema.ts'
import { touchedEpoch, type Table } from '../table.ts'
import type { KeyedStateOptions } from '../state-types.ts'
import { KeyFilter } from './key-filter.ts'
import type { OrderedStore } from './ordered-store.ts'
import { firstHashOf, hashIn, keyIn, RowEncoder, rowsFrom } from './row-encoder.ts'

/** The epoch of rows that are below just as they are here. */
export const CLEAN = 0

/** The largest key or value that RocksDB takes. */
export const STORED_BYTES_MAX: number = 2 ** 31 - 1

/** Notes about a row: it was used since the hand came by; the store below has its key, as it is or as it was. */
const RECENT = 1
const BELOW = 2

/** Rows that make room at once. */
const EVICTED_AT_ONCE = 128
/** Calls of `use` between two looks at what a row takes. */
const USES_A_SAMPLE = 512
/** What a sample counts for in the mean. */
const SAMPLE_WEIGHT = 1 / 16
/** Bytes of live objects for each byte of their encoding. */
const HEAP_FACTOR = 3
/** Of a row without its cells: index, marks, key. */
const ROW_BYTES = 72
const CELL_BYTES = 10
const ROWS_MIN = 1

export interface CacheOptions {
  /** What the rows in memory may take, about. */
  readonly cacheBytes: number
  /** Default STORED_BYTES_MAX. */
  readonly storedBytesMax?: number
  readonly open: () => OrderedStore
}

/** Loads what is stored below into the current row, which is new. */
export type LoadCells = (bytes: Uint8Array) => void

export class CachedStore extends RowStore {
  override readonly tracksRestored: boolean = false
  readonly #options: CacheOptions
  readonly #operator: string
  readonly #schema: StateSchema
  readonly #maxParallelism: number
  readonly encoder: RowEncoder
  /** Undefined until something had to make room. */
  below: OrderedStore | undefined = undefined
  /** Hashes that may be below; undefined: any may be. */
  #filter: KeyFilter | undefined = new KeyFilter()
  loadCells: LoadCells = () => {}
  rowsBelow = 0
  /** Grows with every change below. */
  version = 0
  #frozen = 0
  #loading = false
  /** Rows in the tables, dead ones too. */
  #resident = 0
  #rowBytes: number
  #rowsMax = ROWS_MIN
  /** As many rows as there were, and some, when a sweep did not find enough that could go. */
  #stuckAt = 0
  #uses = 0
  #tables: Table[] = []
  #hand = 0
  #row = 0

  constructor({ operator, keyGroups, maxParallelism }: KeyedStateOptions, schema: StateSchema, options: CacheOptions) {
    super(keyGroups, maxParallelism, schema.columns.length)
    this.#operator = operator
    this.#maxParallelism = maxParallelism
    this.#options = options
    this.#schema = schema
    this.encoder = new RowEncoder(schema)
    this.#rowBytes = 0
    this.#sized(32)
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
    const { below } = this
    if (below === undefined) return
    const scan = below.scan(
      rowsFrom(firstHashOf(keyGroup, this.#maxParallelism)),
      rowsFrom(firstHashOf(keyGroup + 1, this.#maxParallelism)),
    )
    const keys: Uint8Array[] = []
    while (scan.next()) keys.push(new Uint8Array(scan.key))
    scan.close()
    for (const key of keys) {
      const hash = hashIn(key)
      if (this.directory.locate(hash).find(keyIn(key), hash) < 0) this.rows--
      below.delete(key)
      this.rowsBelow--
    }
    this.version++
  }

  override peek(key: unknown, hash: number, column: number): unknown {
    const table = this.directory.locate(hash)
    const row = table.find(key, hash)
    if (row >= 0) return table.columns[column]!.get(row)
    const { key: formerKey, hash: formerHash } = this
    this.use(key, hash)
    const value = this.row < 0 ? undefined : this.table.columns[column]!.get(this.row)
    if (formerKey === undefined) this.row = -1
    else this.use(formerKey, formerHash)
    return value
  }

  override refresh(): void {
    if (this.row >= 0) this.row = this.table.find(this.key, this.hash)
  }

  override clear(): void {
    super.clear()
    this.#resident = 0
    this.#tables = []
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
  adopt(below: OrderedStore, rows: number): void {
    this.below = below
    this.rows = rows
    this.rowsBelow = rows
    this.#filter = undefined
  }

  /** Takes a row as another store has it. */
  take(key: Uint8Array, value: Uint8Array): void {
    this.below ??= this.#options.open()
    this.below.put(key, value)
    this.#filter?.add(hashIn(key))
    this.rows++
    this.rowsBelow++
    this.version++
  }

  /** No writes below until `thaw`. */
  freeze(): void {
    this.#frozen++
  }

  thaw(): void {
    this.#frozen--
  }

  /** Writes rows below that have not been touched since `epoch`, and keeps them. Answers how many rows it looked at: fewer than `rows` at the end of a sweep. */
  writeBack(sweep: { table: number; row: number }, rows: number, epoch: number): number {
    if (this.#frozen > 0) return 0
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
    return this.#resident > this.#rowsMax && this.#resident > this.#stuckAt && this.#frozen === 0
  }

  #maybeBelow(hash: number): boolean {
    return this.below !== undefined && this.#filter?.has(hash) !== false
  }

  #miss(key: unknown, hash: number): void {
    if (this.#overfull) this.#evict(EVICTED_AT_ONCE)
    if (!this.#maybeBelow(hash)) return
    const stored = this.below!.get(this.encoder.key(canonicalKey(key), hash))
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
    // Twice around: the first time takes away the marks.
    for (let looked = 0, most = 2 * this.#resident + 2 * this.#tables.length + 2; evicted < count && looked < most; looked++) {
      const table = this.#tables[this.#hand]
      if (table === undefined) {
        this.#tables = this.directory.tables()
        this.#hand = 0
        this.#row = 0
      } else if (this.#row >= table.used || !this.directory.holds(table)) {
        this.#hand++
        this.#row = 0
      } else if (this.#evictRow(table, this.#row++)) evicted++
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
    if (table.epochs[row]! < 0) {
      if ((table.notes[row]! & BELOW) !== 0) {
        this.below!.delete(this.encoder.key(key, hash))
        table.notes[row]! &= ~BELOW
        this.rowsBelow--
      }
    } else {
      const value = this.encoder.value(table, row)
      this.#learn(value.length)
      this.below ??= this.#options.open()
      this.below.put(this.#checked(this.encoder.key(key, hash), 'key'), this.#checked(value, 'value'))
      this.#filter?.add(hash)
      if ((table.notes[row]! & BELOW) === 0) this.rowsBelow++
      table.notes[row]! |= BELOW
      table.stored[row] = 1
      table.epochs[row] = CLEAN
    }
    this.version++
  }

  #checked(bytes: Uint8Array, what: 'key' | 'value'): Uint8Array {
    const limit = this.#options.storedBytesMax ?? STORED_BYTES_MAX
    if (bytes.length <= limit) return bytes
    throw engineError('STATE_STORED_TOO_LARGE', { operator: this.#operator, what, length: bytes.length, limit })
  }

  #sample(): void {
    this.#uses = 0
    const { table, row } = this
    if (row >= 0 && table.epochs[row]! >= 0 && !this.#loading) {
      try {
        this.#learn(this.encoder.value(table, row).length)
      } catch {
        // It is told when the row is stored.
      }
    }
    if (this.#overfull) this.#evict(EVICTED_AT_ONCE)
  }

  #learn(encodedBytes: number): void {
    const mean = this.#rowBytes === 0 ? encodedBytes : this.#rowBytes + (encodedBytes - this.#rowBytes) * SAMPLE_WEIGHT
    this.#sized(mean)
  }

  #sized(encodedBytes: number): void {
    this.#rowBytes = encodedBytes
    const bytes = ROW_BYTES + CELL_BYTES * this.#schema.columns.length + HEAP_FACTOR * encodedBytes
    this.#rowsMax = Math.max(ROWS_MIN, Math.floor(this.#options.cacheBytes / bytes))
  }
}
