import { VALUE_FORMAT_VERSION, ValueWriter } from '../codec/value.ts'
import { engineError } from '../errors.ts'
import type { SnapshotPlan } from './lineage.ts'
import { MapCell, REMOVED, type MapEntry } from './map-cell.ts'
import type { PendingMap } from './pending-map.ts'
import { columnKinds, type StateSchema } from './schema.ts'
import { mark, SEGMENT_MAGIC_0, SEGMENT_MAGIC_1, segmentKinds, STATE_FORMAT_VERSION, type SegmentKind } from './segment-format.ts'
import type { Table } from './table.ts'
import { Timer } from './timer-queue.ts'

/** Maps of more entries than this are written bit by bit. */
export const INLINE_ENTRIES_MAX = 256

/** A map cell too large to be written with its row. */
export type OnLargeMap = (table: Table, row: number, column: number, cell: MapCell, whole: boolean) => void

/** Writes the records of one snapshot, in the format of `segment-format.ts`. */
export class RecordWriter extends ValueWriter {
  readonly #schema: StateSchema
  readonly #plan: SnapshotPlan
  readonly #onLargeMap: OnLargeMap

  constructor(schema: StateSchema, plan: SnapshotPlan, onLargeMap: OnLargeMap) {
    super()
    this.#schema = schema
    this.#plan = plan
    this.#onLargeMap = onLargeMap
  }

  header(keyGroup: number, kind: SegmentKind): void {
    this.byte(SEGMENT_MAGIC_0)
    this.byte(SEGMENT_MAGIC_1)
    this.byte(STATE_FORMAT_VERSION)
    this.byte(VALUE_FORMAT_VERSION)
    this.byte(segmentKinds.indexOf(kind))
    this.varint(keyGroup)
    this.varint(this.#schema.columns.length)
    for (const column of this.#schema.columns) {
      this.byte(columnKinds.indexOf(column.kind))
      this.varint(column.version)
      this.text(column.name)
    }
  }

  /** A row that is alive or, as a tombstone, dead. Answers 1, the records it took. @throws STATE_UNENCODABLE */
  row(table: Table, row: number): number {
    const start = this.at
    const key = table.key(row)
    if (table.epochs[row]! < 0) {
      this.byte(mark.tombstone)
      this.value(key, 'key')
      return 1
    }
    table.stored[row] = 1
    this.value(key, 'key')
    const columns = table.columns
    let at = 0
    try {
      for (; at < columns.length; at++) {
        const value = columns[at]!.get(row)
        if (typeof value === 'number') this.value(value)
        else if (value === undefined) this.byte(mark.absent)
        else this.#cell(table, row, at, value)
      }
    } catch (error) {
      this.at = start
      throw this.#unencodable(at, key, error)
    }
    return 1
  }

  entries(map: Pick<PendingMap, 'key' | 'column'>, entries: readonly MapEntry[]): void {
    this.byte(mark.entries)
    this.value(map.key, 'key')
    this.varint(map.column)
    this.varint(entries.length)
    try {
      for (const entry of entries) this.#change(map.column, entry)
    } catch (error) {
      throw this.#unencodable(map.column, map.key, error)
    }
  }

  /** Bytes of another writer. */
  copy(bytes: Uint8Array, start: number, end: number): void {
    if (end - start > 48) {
      this.raw(bytes.subarray(start, end))
      return
    }
    this.reserve(end - start)
    const memory = this.memory
    let at = this.at
    for (let from = start; from < end; from++) memory[at++] = bytes[from]!
    this.at = at
  }

  #cell(table: Table, row: number, column: number, value: unknown): void {
    if (value instanceof MapCell) this.#map(table, row, column, value)
    else if (value instanceof Timer) this.value(value.time)
    else this.value(value, this.#schema.columns[column]!.name)
  }

  #map(table: Table, row: number, column: number, cell: MapCell): void {
    const { boundary, since } = this.#plan
    const whole = this.#plan.isFull(table.keyGroup) || cell.trackedSince > since
    const large = (whole ? cell.size : cell.touched.length) > INLINE_ENTRIES_MAX
    this.byte(whole ? mark.map : mark.mapChanges)
    if (large) {
      this.varint(0)
      this.#onLargeMap(table, row, column, cell, whole)
    } else if (whole) {
      this.varint(cell.size)
      for (const entry of cell.entries.values()) this.#change(column, entry)
    } else {
      const changed = cell.touched.filter((entry) => entry.epoch > since)
      this.varint(changed.length)
      for (const entry of changed) this.#change(column, entry)
      cell.prune(since)
    }
    if (cell.trackedSince === Number.POSITIVE_INFINITY) cell.track(boundary)
  }

  #change(column: number, entry: MapEntry): void {
    this.value(entry.key, 'key')
    if (entry.value === REMOVED) this.byte(mark.absent)
    else if (entry.value instanceof Timer) this.value(true)
    else this.value(entry.value, this.#schema.columns[column]!.name)
  }

  #unencodable(column: number, key: unknown, cause: unknown): Error {
    const state = this.#schema.columns[column]!.name
    const problem = cause instanceof Error ? cause.message : String(cause)
    return engineError('STATE_UNENCODABLE', { operator: this.#schema.operator, state, key: String(key), problem }, cause)
  }
}
