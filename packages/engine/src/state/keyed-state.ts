import { crc32 } from 'node:zlib'
import type { KeyAtom } from '../api/state.ts'
import { engineError } from '../errors.ts'
import { checkParallelism } from '../keys/key-group.ts'
import { RowCell } from './cell.ts'
import { cellHandle } from './handles.ts'
import { Invocation } from './invocation.ts'
import { CheckpointLineage } from './lineage.ts'
import { RowMapHandle } from './map-handle.ts'
import { RESTORED_EPOCH, RestoreTarget } from './restore-target.ts'
import { RowStore } from './row-store.ts'
import { schemaOf, type StateSchema } from './schema.ts'
import { SegmentReader } from './segment-reader.ts'
import { SnapshotWriter } from './snapshot-writer.ts'
import type {
  KeyedStateBackend,
  KeyedStateOptions,
  SegmentBytes,
  StateHandles,
  StateInvocation,
  StateSnapshotWriter,
  StateStatistics,
  TimerService,
} from './state-types.ts'
import { Timers } from './timers.ts'

/** Bytes that a key and its values are taken for where no snapshot has told better. */
const ROW_BYTES_GUESS = 32

/** Keyed state on the heap. */
export class KeyedState implements KeyedStateBackend {
  readonly handles: StateHandles
  readonly timers: TimerService
  readonly #options: KeyedStateOptions
  readonly #schema: StateSchema
  readonly #store: RowStore
  readonly #timers: Timers
  readonly #lineage: CheckpointLineage
  readonly #target: RestoreTarget
  readonly #bare: ReadonlyMap<string, RowCell | RowMapHandle>
  #writer: SnapshotWriter | undefined = undefined

  /** @throws STATE_DECLARATION_INVALID, KEY_GROUP_RANGE */
  constructor(options: KeyedStateOptions) {
    const { operator, states, maxParallelism, keyGroups } = options
    checkParallelism(1, maxParallelism)
    this.#options = options
    this.#schema = schemaOf(operator, states)
    this.#store = new RowStore(keyGroups, maxParallelism, this.#schema.columns.length)
    this.#store.epoch = RESTORED_EPOCH + 1
    this.#timers = new Timers(operator, this.#store, { event: this.#schema.eventTimers, processing: this.#schema.processingTimers })
    this.timers = this.#timers
    this.#lineage = new CheckpointLineage(keyGroups)
    this.#target = new RestoreTarget(maxParallelism, this.#store, this.#schema, this.#timers, options.allowNonRestored ?? false)
    const names = Object.keys(states)
    this.#bare = new Map(names.map((name, column) => [name, this.#bareHandle(name, column)]))
    this.handles = Object.freeze(Object.fromEntries(names.map((name) => [name, this.#handle(name)])))
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

  invocation(key: unknown, hash: number): StateInvocation {
    return new Invocation({ key, hash, store: this.#store, timers: this.#timers, options: this.#options, rows: this.#bare })
  }

  beginSnapshot(checkpointId: number, { full }: { readonly full: 'all' | 'share' }): StateSnapshotWriter {
    this.#writer?.complete()
    const store = this.#store
    const plan = this.#lineage.plan(checkpointId, store.epoch, full)
    const writer = new SnapshotWriter(plan, store, this.#schema, this.#lineage)
    store.epoch++
    store.visitor = writer
    this.#writer = writer
    return writer
  }

  /** All cells of a key as they are, by name; of a map state its entries. For looking at one key, never for a checkpoint. */
  exportKey(key: unknown, hash: number): { readonly [name: string]: unknown } {
    this.use(key, hash)
    return Object.fromEntries(
      Array.from(this.#bare, ([name, cell]) => [name, cell instanceof RowMapHandle ? [...cell.entries()] : cell.get()]),
    )
  }

  /** Puts back what `exportKey` answered. */
  importKey(key: unknown, hash: number, cells: { readonly [name: string]: unknown }): void {
    this.use(key, hash)
    for (const [name, cell] of this.#bare) {
      const stored = cells[name]
      if (stored === undefined) continue
      if (cell instanceof RowMapHandle) for (const [entry, value] of stored as [KeyAtom, unknown][]) cell.set(entry, value)
      else cell.set(stored)
    }
  }

  checkpointCompleted(checkpointId: number): void {
    this.#lineage.completed(checkpointId)
  }

  checkpointAborted(checkpointId: number): void {
    if (this.#writer?.checkpointId === checkpointId) this.#writer.abandon()
    this.#lineage.aborted(checkpointId)
  }

  restoreGroup(group: number, segments: readonly SegmentBytes[]): void {
    const { keyGroups } = this.#options
    if (group < keyGroups.first || group >= keyGroups.end) {
      throw engineError('KEY_GROUP_FOREIGN', { group, first: keyGroups.first, last: keyGroups.end - 1 })
    }
    const reader = new SegmentReader(this.#target, group)
    this.#store.epoch = RESTORED_EPOCH
    for (const { bytes, crc32: expected } of segments) {
      if (expected !== undefined && crc32(bytes) !== expected) {
        throw engineError('STATE_CORRUPT', { operator: this.#options.operator, group, at: 0, problem: 'its checksum does not match' })
      }
      reader.load(bytes)
    }
    this.#store.epoch = RESTORED_EPOCH + 1
  }

  resumeFrom(checkpointId: number, chains: ReadonlyMap<number, number>): void {
    // What was left out must not come back by way of an older segment.
    if (!this.#target.dropped) this.#lineage.resume(checkpointId, RESTORED_EPOCH, chains)
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
    this.#writer?.abandon()
    this.#writer = undefined
    this.#timers.clear()
    this.#store.clear()
  }

  #bareHandle(state: string, column: number): RowCell | RowMapHandle {
    const { operator, states, freeze } = this.#options
    if (states[state]!.kind !== 'map') return new RowCell(this.#store, column)
    return new RowMapHandle(this.#store, column, { operator, state }, freeze ?? false)
  }

  #handle(state: string): unknown {
    const bare = this.#bare.get(state)!
    if (bare instanceof RowMapHandle) return bare
    const { operator, states, freeze } = this.#options
    return cellHandle(states[state]!, bare, freeze ?? false, (value) => {
      if (value === undefined) throw engineError('STATE_VALUE_UNDEFINED', { operator, state })
    })
  }
}
