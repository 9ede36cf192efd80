import type { Clock } from '@millrace/core'
import type { KeyAtom } from '../api/state.ts'
import { engineError } from '../errors.ts'
import { checkParallelism } from '../keys/key-group.ts'
import { RowCell } from './cells/cell.ts'
import { cloneOf, cloneOfList, type CloneState } from './values/clone-state.ts'
import { ExpiringMapHandle } from './cells/expiring-map.ts'
import { GroupRecords } from './segments/group-records.ts'
import { cellHandle, checkOf, expiringHandle } from './cells/handles.ts'
import { Invocation, type RowState } from './invocation.ts'
import { CheckpointLineage } from './segments/lineage.ts'
import { RESTORED_EPOCH } from './rows/map-cell.ts'
import { RowMapHandle } from './cells/map-handle.ts'
import { RestoreTarget } from './segments/restore-target.ts'
import { RowStore } from './rows/row-store.ts'
import { schemaOf, type ColumnSchema, type StateSchema } from './rows/schema.ts'
import { SegmentReader } from './segments/segment-reader.ts'
import { SnapshotWriter } from './segments/snapshot-writer.ts'
import { StateCleaner } from './state-cleaner.ts'
import type {
  KeyedStateBackend,
  KeyedStateOptions,
  SegmentBytes,
  StateHandles,
  StateInvocation,
  StateSnapshotWriter,
  StateStatistics,
  TimerService,
  WaitingTimers,
} from './state-types.ts'
import { TimedRowCell } from './cells/timed-cell.ts'
import { Timers } from './rows/timers.ts'
import { Expiry } from './ttl.ts'
import type { Walk } from './turns.ts'

/** Bytes that a key and its values are taken for where no snapshot has told better. */
const ROW_BYTES_GUESS = 32

const noClock: Pick<Clock, 'now'> = {
  now: () => {
    throw new Error('state that expires needs a clock')
  },
}

/** Makes the rows that keyed state is kept in. */
export type CreateRowStore = (options: KeyedStateOptions, schema: StateSchema) => RowStore

const createRowStore: CreateRowStore = ({ operator, keyGroups, maxParallelism }, schema) =>
  new RowStore(operator, keyGroups, maxParallelism, schema.columns.length)

/** Keyed state on the heap. */
export class KeyedState implements KeyedStateBackend {
  readonly handles: StateHandles
  readonly timers: TimerService
  protected readonly schema: StateSchema
  readonly #options: KeyedStateOptions
  readonly #store: RowStore
  readonly #timers: Timers
  readonly #lineage: CheckpointLineage
  /** Rows of the segments that each key group was restored from. */
  readonly #rowsRead: Map<number, number> = new Map()
  protected readonly target: RestoreTarget
  readonly #bare: ReadonlyMap<string, RowState>
  readonly #expiries: ReadonlyMap<string, Expiry>
  readonly #clones: readonly CloneState[]
  protected readonly now: () => number
  protected readonly cleaner: StateCleaner | undefined
  protected writer: SnapshotWriter | undefined = undefined
  onCrowded: (relieved: Promise<void>) => void = () => {}

  /** @throws STATE_DECLARATION_INVALID, KEY_GROUP_RANGE */
  constructor(options: KeyedStateOptions, createStore: CreateRowStore = createRowStore) {
    const { operator, states, maxParallelism, keyGroups } = options
    checkParallelism(1, maxParallelism)
    this.#options = options
    this.schema = schemaOf(operator, states)
    const clock = options.clock ?? noClock
    this.now = () => (this.schema.expires ? clock.now() : 0)
    this.#expiries = new Map(this.schema.columns.flatMap(({ name, ttl }) => (ttl === undefined ? [] : [[name, new Expiry(ttl, clock)]])))
    this.#clones = this.schema.columns.map(({ kind, codec, version }) => (kind === 'list' ? cloneOfList : cloneOf)(codec, version))
    this.#store = createStore(options, this.schema)
    this.#store.epoch = RESTORED_EPOCH + 1
    this.#timers = new Timers(operator, this.#store, { event: this.schema.eventTimers, processing: this.schema.processingTimers })
    this.timers = this.#timers
    this.#lineage = new CheckpointLineage(keyGroups)
    const { allowNonRestored = false } = options
    this.target = new RestoreTarget({ maxParallelism, allowNonRestored, now: this.now }, this.#store, this.schema, this.#timers)
    const names = Object.keys(states)
    this.#bare = new Map(names.map((name, column) => [name, this.#bareHandle(name, column)]))
    this.handles = Object.freeze(Object.fromEntries(names.map((name) => [name, this.#handle(name)])))
    this.cleaner = this.schema.expires ? this.#createCleaner() : undefined
  }

  get operator(): string {
    return this.#options.operator
  }

  get key(): unknown {
    return this.#store.key
  }

  use(key: unknown, hash: number): void {
    this.#store.use(key, hash)
  }

  release(): void {
    this.#store.release()
  }

  get looksAhead(): boolean {
    return false
  }

  lookAhead(_count: number, _keyAt: (index: number) => unknown, _hashAt: (index: number) => number): Promise<void> | undefined {
    return undefined
  }

  invocation(key: unknown, hash: number, waiting?: WaitingTimers): StateInvocation {
    return new Invocation({
      waiting,
      key,
      hash,
      store: this.#store,
      timers: this.#timers,
      options: this.#options,
      rows: this.#bare,
      clones: this.#clones,
      expiries: this.#expiries,
    })
  }

  beginSnapshot(checkpointId: number, { full }: { readonly full: 'all' | 'share' }): StateSnapshotWriter {
    this.writer?.complete()
    const store = this.#store
    const plan = this.#lineage.plan(checkpointId, store.epoch, full, store.directory.rowsOfGroups())
    const { compression } = this.#options
    const writer = new SnapshotWriter({ plan, store, schema: this.schema, lineage: this.#lineage, nowMs: this.now(), compression })
    store.epoch++
    store.visitor = writer
    this.writer = writer
    return writer
  }

  /**
   * All cells of a key as they are, by name; of a map state its entries. What has a codec is as that writes it, for it may be anything that nobody else can write down.
   * For looking at one key, never for a checkpoint.
   */
  exportKey(key: unknown, hash: number): { readonly [name: string]: unknown } {
    this.use(key, hash)
    const stored = (cell: RowState, column: ColumnSchema): unknown => {
      const { codec, kind } = column
      const coded = (value: unknown): unknown => (codec === undefined || value === undefined ? value : codec.encode(value))
      if (cell instanceof RowMapHandle) return Array.from(cell.entries(), ([entry, value]) => [entry, coded(value)])
      const value = cell instanceof TimedRowCell ? cell.read() : cell.get()
      return kind === 'list' && Array.isArray(value) ? value.map(coded) : coded(value)
    }
    return Object.fromEntries(Array.from(this.#bare, ([name, cell], column) => [name, stored(cell, this.schema.columns[column]!)]))
  }

  /** Puts back what `exportKey` answered; what expires counts as updated now. */
  importKey(key: unknown, hash: number, cells: { readonly [name: string]: unknown }): void {
    this.use(key, hash)
    for (const [column, [name, cell]] of Array.from(this.#bare).entries()) {
      const stored = cells[name]
      if (stored === undefined) continue
      const { codec, version, kind } = this.schema.columns[column]!
      const decoded = (value: unknown): unknown => (codec === undefined ? value : codec.decode(value as Uint8Array, version))
      if (cell instanceof RowMapHandle) {
        for (const [entry, value] of stored as [KeyAtom, unknown][]) cell.set(entry, decoded(value))
        continue
      }
      const value = kind === 'list' ? (stored as unknown[]).map(decoded) : decoded(stored)
      if (cell instanceof TimedRowCell)
        cell.write(value, Array.isArray(value) && kind === 'list' ? value.map(() => this.now()) : this.now())
      else cell.set(value)
    }
  }

  /** How long the shortest-lived state lives; undefined if nothing expires. */
  get shortestTtlMs(): number | undefined {
    const all = Array.from(this.#expiries.values(), ({ ttl }) => ttl.afterMs)
    return all.length === 0 ? undefined : Math.min(...all)
  }

  /** Looks at about `rows` more rows for what has expired, and removes that. Answers whether every row has been looked at; the next call begins again. */
  clean(rows: number): boolean {
    return this.cleaner?.step(rows) ?? true
  }

  checkpointCompleted(checkpointId: number): void {
    this.#lineage.completed(checkpointId)
  }

  checkpointAborted(checkpointId: number): void {
    if (this.writer?.checkpointId === checkpointId) this.writer.abandon()
    this.#lineage.aborted(checkpointId)
  }

  /** As `beginGroup`, in one go. */
  restoreGroup(...group: Parameters<KeyedStateBackend['beginGroup']>): void {
    const records = this.beginGroup(...group)
    while (records.next());
  }

  beginGroup(group: number, segments: readonly SegmentBytes[], formerMaxParallelism?: number): Walk {
    const { keyGroups, operator } = this.#options
    if (formerMaxParallelism === undefined && (group < keyGroups.first || group >= keyGroups.end)) {
      throw engineError('KEY_GROUP_FOREIGN', { group, first: keyGroups.first, last: keyGroups.end - 1 })
    }
    const regrouped = formerMaxParallelism === undefined ? undefined : { formerMaxParallelism, keyGroups }
    const reader = new SegmentReader(this.target, group, regrouped)
    this.#store.epoch = this.restoredEpoch
    if (regrouped === undefined) {
      this.#store.expect(group, rowsOf(segments))
      this.#rowsRead.set(
        group,
        segments.reduce((sum, { rows }) => sum + (rows ?? 0), 0),
      )
    }
    const corrupt = (problem: string): Error => engineError('STATE_CORRUPT', { operator, group, at: 0, problem })
    const isQuick = this.schema.columns.every(
      ({ migrate, schema, codec }) => migrate === undefined && schema === undefined && codec === undefined,
    )
    return new GroupRecords(reader, segments, corrupt, () => this.groupRestored(), isQuick)
  }

  protected groupRestored(): void {
    this.target.loaded()
    this.#store.epoch = RESTORED_EPOCH + 1
  }

  /** The epoch that restored rows count as touched in. */
  protected get restoredEpoch(): number {
    return RESTORED_EPOCH
  }

  resumeFrom(checkpointId: number, chains: ReadonlyMap<number, number>): void {
    // What was left out or changed must not come back as it was by way of an older segment.
    if (this.target.changed) return
    const all = Array.from(chains, ([group, length]) => [group, { length, rows: this.#rowsRead.get(group) ?? 0 }] as const)
    this.#lineage.resume(checkpointId, RESTORED_EPOCH, new Map(all))
  }

  statistics(): StateStatistics {
    let estimatedBytes = 0
    for (const table of this.#store.directory.tables()) {
      estimatedBytes += table.sizeBytes + table.alive * (table.rowBytes === 0 ? ROW_BYTES_GUESS : table.rowBytes)
    }
    return {
      rows: this.#store.rows,
      eventTimers: this.#timers.count('event'),
      processingTimers: this.#timers.count('processing'),
      estimatedBytes: Math.round(estimatedBytes),
    }
  }

  dispose(): void {
    this.writer?.abandon()
    this.writer = undefined
    this.#timers.clear()
    this.#store.clear()
  }

  #bareHandle(state: string, column: number): RowState {
    const { operator, states, freeze = false } = this.#options
    const expiry = this.#expiries.get(state)
    const name = { operator, state }
    if (states[state]!.kind === 'map') {
      return expiry === undefined
        ? new RowMapHandle(this.#store, column, name, freeze)
        : new ExpiringMapHandle(this.#store, column, name, freeze, expiry)
    }
    return expiry === undefined
      ? new RowCell(this.#store, column)
      : new TimedRowCell(this.#store, column, this.schema.columns[column]!.partner)
  }

  #handle(state: string): unknown {
    const bare = this.#bare.get(state)!
    if (bare instanceof RowMapHandle) return bare
    const { operator, states, freeze = false } = this.#options
    const check = checkOf({ operator, state })
    if (bare instanceof RowCell) return cellHandle(states[state]!, bare, freeze, check)
    return expiringHandle(states[state]!, bare, this.#expiries.get(state)!, freeze, check)
  }

  #createCleaner(): StateCleaner {
    const maps = [...this.#bare.values()].filter((bare) => bare instanceof ExpiringMapHandle)
    return new StateCleaner(this.#store, this.schema, new Map(maps.map((map) => [map.column, map])), this.now)
  }
}

/** Of the largest segment: those before and behind it mostly have the same keys. */
function rowsOf(segments: readonly SegmentBytes[]): number {
  return segments.reduce((most, { rows }) => Math.max(most, rows ?? 0), 0)
}
