import type { Key } from '../../api/state.ts'
import { KeyedState } from '../keyed-state.ts'
import { withTimersApart } from '../segments/segment-format.ts'
import { SegmentReader } from '../segments/segment-reader.ts'
import { SnapshotWriter, type RowsBelow } from '../segments/snapshot-writer.ts'
import type { KeyedStateOptions, StateSnapshotWriter, StoredOptions } from '../state-types.ts'
import { BelowCleaner } from './below-cleaner.ts'
import { CachedStore, type CacheOptions } from './cached-store.ts'
import { entriesFrom } from './entry-encoder.ts'
import type { OrderedScan, OrderedStore, StoreCheckpoint } from './ordered-store.ts'
import { apartIn, firstHashOf, hashIn, keyIn, rowsFrom } from './row-encoder.ts'
import type { Sought } from './stored-below.ts'
import { CLEAN } from './stored-map-cell.ts'
import { StoredRecords } from './stored-records.ts'
import { StoredRows } from './stored-rows.ts'
import type { Turns } from '../turns.ts'

/** Where restored rows count as touched: they are not below. */
const FIRST_EPOCH = CLEAN + 1
/**
 * Snapshots that a row is part of as a change before it is written below. To write it costs about as much as eight of them; a row left alone for four is likely
 * to be left alone for more, and what each snapshot has to write is half (`npm run bench:checkpoints -- --backend rocksdb --keys 1000000 --dirty 0.01`).
 */
const EPOCHS_BEFORE_WRITING = 4

/** Fewer keys are as well looked up when they are used. */
const AHEAD_MIN = 8

/** No snapshot is a delta over another: what tells changes from the rest is the store below. */
const noLineage = { written: (): void => {} }

const nothingBelow: RowsBelow = { next: () => false, copy: () => 0, cost: 0, close: () => {} }

/** Keyed state larger than memory: a cache of live rows over an ordered store. */
export class CachedState extends KeyedState {
  readonly #options: KeyedStateOptions
  readonly #store: CachedStore
  #sweep = { table: 0, row: 0 }
  #belowCleaner: BelowCleaner | undefined
  #cleaningBelow = false

  /** @throws STATE_DECLARATION_INVALID, KEY_GROUP_RANGE */
  constructor(options: KeyedStateOptions, cache: CacheOptions) {
    let store: CachedStore | undefined
    super(options, (_, schema) => (store = new CachedStore(options, schema, cache)))
    this.#options = options
    this.#store = store!
    this.#store.epoch = FIRST_EPOCH
    this.#store.onCrowded = (relieved) => this.onCrowded(relieved)
    const reader = new SegmentReader(this.target, 0)
    reader.load(this.#store.encoder.header())
    this.#store.loadCells = (bytes) => {
      const { maps, cellsAt } = apartIn(bytes)
      reader.loadCells(bytes.subarray(cellsAt), maps)
    }
  }

  /**
   * `share`: what is not in the store below, as changes over it; what is in it, `checkpointBelow` keeps. It is to be called at once: nothing may be written below in between.
   * `all`: everything.
   */
  override beginSnapshot(checkpointId: number, { full }: { readonly full: 'all' | 'share' }): StateSnapshotWriter {
    this.writer?.complete()
    const store = this.#store
    const boundary = store.epoch
    const whole = full === 'all' || store.below.store === undefined
    const plan = { checkpointId, baseCheckpointId: undefined, boundary, since: CLEAN, isFull: () => whole }
    const below = full === 'all' ? this.#rowsBelow(boundary) : nothingBelow
    const { compression } = this.#options
    const writer = new SnapshotWriter({ plan, store, schema: this.schema, lineage: noLineage, nowMs: this.now(), compression, below })
    store.epoch++
    store.visitor = writer
    this.writer = writer
    return writer
  }

  /** Files with all that is in the store below now; undefined if nothing is. Until that is settled rows cannot make room. */
  checkpointBelow(): Promise<StoreCheckpoint> | undefined {
    const { below } = this.#store
    if (below.store === undefined) return undefined
    this.#store.timersAway.noteCounts()
    below.freeze()
    return below.store.checkpoint().finally(() => below.thaw())
  }

  override get looksAhead(): boolean {
    return this.#store.below.slow
  }

  override lookAhead(count: number, keyAt: (index: number) => unknown, hashAt: (index: number) => number): Promise<void> | undefined {
    const sought = new Map<number, Sought>()
    const most = this.#store.aheadMax
    for (let index = 0; index < count && sought.size < most; index++) {
      const hash = hashAt(index)
      const key = keyAt(index)
      if (this.#store.isAway(key, hash)) sought.set(hash, { key: key as Key, hash })
    }
    return sought.size < AHEAD_MIN ? undefined : this.#store.fetch([...sought.values()])
  }

  /** Grows with every change of the store below. */
  get versionBelow(): number {
    return this.#store.below.version
  }

  protected override groupRestored(): void {
    this.#store.epoch = FIRST_EPOCH + 1
    this.#store.recount()
  }

  protected override get restoredEpoch(): number {
    return FIRST_EPOCH
  }

  /** There is no base to go on from: the store below is one. */
  override resumeFrom(): void {}

  /** First the rows in the tables, then those below. */
  override clean(rows: number): boolean {
    const { cleaner } = this
    if (cleaner === undefined) return true
    if (!this.#cleaningBelow && !super.clean(rows)) return false
    const { first, end } = this.#hashes
    this.#belowCleaner ??= new BelowCleaner(this.#store, cleaner, [
      { from: rowsFrom(first), end: rowsFrom(end) },
      { from: entriesFrom(first), end: entriesFrom(end) },
    ])
    const done = this.#belowCleaner.step(rows)
    this.#cleaningBelow = !done
    return done
  }

  override checkpointCompleted(): void {}

  /** The columns of the rows below, as a segment without records. Its version says whether timers are to be found without their rows. */
  get header(): Uint8Array {
    const header = this.#store.encoder.header()
    return this.#store.timersAway.used ? withTimersApart(header) : header
  }

  /** What the header does not say of the rows below: nothing where no state expires and none has a codec. */
  get storedOptions(): { readonly options?: StoredOptions } {
    const { columns, special } = this.schema
    if (!special) return {}
    const timed = columns.filter(({ kind, ttl }) => kind === 'map' && ttl !== undefined).map(({ name }) => name)
    const coded = columns.filter(({ codec }) => codec !== undefined).map(({ name }) => name)
    return { options: { timed, coded } }
  }

  /** Whether rows below with this header are as today's are, or can be read as if they were. `stored`: what it does not say, where that is known. */
  hasColumns(header: Uint8Array, stored?: StoredOptions): boolean {
    const own = this.#store.encoder.header()
    if (Buffer.compare(header, own) !== 0 && Buffer.compare(header, withTimersApart(own)) !== 0) return false
    const { options } = this.storedOptions
    if (stored === undefined || options === undefined) return true
    // A codec that is new leaves what is stored without it to be read as it is.
    return isWithin(stored.timed, options.timed) && isWithin(options.timed, stored.timed) && isWithin(stored.coded, options.coded)
  }

  /** Entries in memory of maps that lie apart from their rows. */
  get residentEntries(): number {
    return this.#store.residentEntries
  }

  /** Rows in the store below. */
  get rowsBelow(): number {
    return this.#store.below.rows
  }

  /** Starts from a store with so many rows in it, written with the header of today. Then come the changes over it. */
  adopt(below: OrderedStore, rows: number): void {
    this.#store.adopt(below, rows)
  }

  /** Takes over the rows of this one's key groups from a store; `header` and `stored` are those of its rows. Then come the changes over it. Rejects with what `turns` does; then it is of no use. */
  async takeOver(from: OrderedStore, header: Uint8Array, turns: Turns, stored?: StoredOptions): Promise<void> {
    if (!this.hasColumns(header, stored)) return await this.#translate(from, header, turns)
    await turns.through(this.#rowsOf(from), ({ key, value }) => this.#store.take(key, value))
    await turns.through(this.#entriesOf(from), ({ key, value }) => this.#store.takeEntry(key, value))
    await this.#store.timersAway.takeOver(from, this.#hashes, turns)
  }

  /** Rows of other states, or of other versions of them. */
  async #translate(from: OrderedStore, header: Uint8Array, turns: Turns): Promise<void> {
    const reader = new SegmentReader(this.target, 0)
    reader.load(header)
    const { epoch } = this.#store
    this.#store.epoch = FIRST_EPOCH
    await turns.through(new StoredRecords(this.#rowsOf(from), this.#entriesOf(from)), ({ row, value, entries, isBetween }) => {
      if (isBetween) return
      this.#store.use(keyIn(row), hashIn(row))
      if (entries === undefined) reader.loadCells(value.subarray(apartIn(value).cellsAt))
      else reader.loadRecords(entries)
    })
    this.#store.epoch = epoch
    this.#store.recount()
  }

  /** The first hash of this one's key groups, and the one behind the last. */
  get #hashes(): { readonly first: number; readonly end: number } {
    const { keyGroups, maxParallelism } = this.#options
    return { first: firstHashOf(keyGroups.first, maxParallelism), end: firstHashOf(keyGroups.end, maxParallelism) }
  }

  #rowsOf(store: OrderedStore): OrderedScan {
    const { first, end } = this.#hashes
    return store.scan(rowsFrom(first), rowsFrom(end))
  }

  #entriesOf(store: OrderedStore): OrderedScan {
    const { first, end } = this.#hashes
    return store.scan(entriesFrom(first), entriesFrom(end))
  }

  /** Looks at some rows, and writes those below that have not been touched for a while, so that they are no part of the next snapshot. Answers whether all have been looked at. */
  settle(rows: number): boolean {
    if (this.#store.writeBack(this.#sweep, rows, this.#store.epoch - EPOCHS_BEFORE_WRITING) === rows) return false
    this.#sweep = { table: 0, row: 0 }
    return true
  }

  /** After `dispose`. */
  async close(): Promise<void> {
    const { below } = this.#store
    const { store } = below
    below.store = undefined
    await store?.close()
  }

  #rowsBelow(boundary: number): RowsBelow {
    const { store } = this.#store.below
    if (store === undefined) return nothingBelow
    const { maxParallelism } = this.#options
    const records = new StoredRecords(this.#rowsOf(store), this.#entriesOf(store))
    return new StoredRows(records, maxParallelism, (key, hash) => this.#store.outranks(key, hash, boundary))
  }
}

function isWithin(names: readonly string[], others: readonly string[]): boolean {
  return names.every((name) => others.includes(name))
}
