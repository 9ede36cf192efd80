import { messageOf } from '@millrace/core'
import { ValueWriter } from '../../codec/value.ts'
import { engineError } from '../../errors.ts'
import { liveElements } from '../cells/expiring-list.ts'
import type { SnapshotPlan } from './lineage.ts'
import { MapCell, REMOVED, type MapEntry, type TimedMapCell, type TimedMapEntry } from '../rows/map-cell.ts'
import type { PendingMap } from './pending-map.ts'
import type { ColumnSchema, StateSchema } from '../rows/schema.ts'
import { mark, writeSegmentHeader, type SegmentKind } from './segment-format.ts'
import type { Table } from '../rows/table.ts'
import { TimerList } from '../rows/timer-cell.ts'
import { Timer } from '../rows/timer-queue.ts'

/** Maps of more entries than this are written bit by bit. */
export const INLINE_ENTRIES_MAX = 256

/** A map cell too large to be written with its row. */
export type OnLargeMap = (table: Table, row: number, column: number, cell: MapCell, whole: boolean) => void

/** Writes the records of one snapshot, in the format of `segment-format.ts`. What has expired by the barrier is left out. */
export class RecordWriter extends ValueWriter {
  readonly #schema: StateSchema
  readonly #plan: SnapshotPlan
  readonly #onLargeMap: OnLargeMap

  readonly #nowMs: number
  readonly #special: boolean
  /** Where the cells of the last row begin, behind its key. */
  protected cellsAt = 0

  /** `nowMs`: the time of the barrier, for what expires. */
  constructor(schema: StateSchema, plan: SnapshotPlan, nowMs: number, onLargeMap: OnLargeMap) {
    super()
    this.#nowMs = nowMs
    this.#special = schema.special
    this.#schema = schema
    this.#plan = plan
    this.#onLargeMap = onLargeMap
  }

  header(keyGroup: number, kind: SegmentKind): void {
    const { special, columns } = this.#schema
    writeSegmentHeader(this, { keyGroup, kind, special, columns })
  }

  /** A row that is alive or, as a tombstone, dead. Answers the records it took: 0 if a full segment needs none for it. @throws STATE_UNENCODABLE */
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
    this.cellsAt = this.at
    this.beforeCells(table, row)
    if (this.#special) return this.#specialRow(table, row, start, key)
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
      throw this.unencodable(at, key, error)
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
      throw this.unencodable(map.column, map.key, error)
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

  /** Between a row's key and its cells. */
  protected beforeCells(_table: Table, _row: number): void {}

  /** A row some of whose states expire or have codecs. */
  #specialRow(table: Table, row: number, start: number, key: unknown): number {
    let present = false
    let at = 0
    try {
      for (; at < table.columns.length; at++) present = this.#specialCell(table, row, at) || present
    } catch (error) {
      this.at = start
      throw this.unencodable(at, key, error)
    }
    return present || !this.#schema.expires ? 1 : this.#withoutCells(table, start, key)
  }

  /** All its cells have expired. */
  #withoutCells(table: Table, start: number, key: unknown): number {
    this.at = start
    if (this.#plan.isFull(table.keyGroup)) return 0
    this.byte(mark.tombstone)
    this.value(key, 'key')
    return 1
  }

  /** A cell of a row some of whose states expire or have codecs. Answers whether anything of it is there. */
  #specialCell(table: Table, row: number, at: number): boolean {
    const column = this.#schema.columns[at]!
    const value = this.#unexpired(table, row, at, column)
    if (value === undefined) this.byte(mark.absent)
    else if (value instanceof MapCell) return this.map(table, row, at, value)
    else if (column.codec === undefined) this.#cell(table, row, at, value)
    else if (column.kind === 'list') this.#codedList(column, value as unknown[])
    else this.#coded(column, value)
    return value !== undefined
  }

  #unexpired(table: Table, row: number, at: number, { ttl, kind, partner }: ColumnSchema): unknown {
    const value = table.columns[at]!.get(row)
    if (ttl === undefined || value === undefined || kind === 'map') return value
    const deadline = this.#nowMs - ttl.afterMs
    const other = table.columns[partner]!.get(row)
    const [stored, times] = kind === 'update-times' ? [other, value] : [value, other]
    if (!Array.isArray(times)) return (times as number) <= deadline ? undefined : value
    const live = liveElements(stored as unknown[], times as number[], deadline)
    if (live.times.length === 0) return undefined
    return kind === 'update-times' ? live.times : live.values
  }

  #coded({ codec }: ColumnSchema, value: unknown): void {
    this.byte(mark.coded)
    this.#bytes(codec!.encode(value))
  }

  #codedList({ codec }: ColumnSchema, values: readonly unknown[]): void {
    this.byte(mark.codedList)
    this.varint(values.length)
    for (const value of values) this.#bytes(codec!.encode(value))
  }

  #bytes(bytes: unknown): void {
    if (!(bytes instanceof Uint8Array)) throw new TypeError('encode of its codec answered something else than a Uint8Array')
    this.varint(bytes.length)
    this.raw(bytes)
  }

  #cell(table: Table, row: number, column: number, value: unknown): void {
    if (value instanceof MapCell) this.map(table, row, column, value)
    else if (value instanceof Timer) this.value(value.time)
    else if (value instanceof TimerList) this.#timers(value)
    else this.value(value, this.#schema.columns[column]!.name)
  }

  /** As a map of as many. */
  #timers({ timers }: TimerList): void {
    this.byte(mark.map)
    this.varint(timers.length)
    for (const { time } of timers) {
      this.value(time, 'key')
      this.value(true)
    }
  }

  /** Answers whether anything of it is there. */
  protected map(table: Table, row: number, column: number, cell: MapCell): boolean {
    const { boundary, since } = this.#plan
    const whole = this.#plan.isFull(table.keyGroup) || cell.trackedSince > since
    const large = (whole ? cell.size : cell.touched.length) > INLINE_ENTRIES_MAX
    if (this.#schema.columns[column]!.ttl !== undefined && !this.#hasLive(column, cell as TimedMapCell, large)) {
      this.byte(mark.absent)
      return false
    }
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
    return true
  }

  /** Whether an entry is left; of a large map, whether one could be. */
  #hasLive(column: number, cell: TimedMapCell, large: boolean): boolean {
    const deadline = this.#nowMs - this.#schema.columns[column]!.ttl!.afterMs
    if (cell.newest <= deadline || large || cell.isPartial) return cell.newest > deadline
    for (const entry of cell.entries.values() as IterableIterator<TimedMapEntry>) if (entry.time > deadline) return true
    return false
  }

  #change(at: number, entry: MapEntry): void {
    this.value(entry.key, 'key')
    if (entry.value === REMOVED) this.byte(mark.absent)
    else this.entryValue(at, entry)
  }

  /** What follows the key of an entry that is there. */
  protected entryValue(at: number, entry: MapEntry): void {
    if (entry.value instanceof Timer) this.value(true)
    else if (this.#special) this.#specialEntry(this.#schema.columns[at]!, entry)
    else this.value(entry.value, this.#schema.columns[at]!.name)
  }

  #specialEntry(column: ColumnSchema, entry: MapEntry): void {
    if (column.ttl !== undefined) {
      const { time } = entry as TimedMapEntry
      if (time + column.ttl.afterMs <= this.#nowMs) {
        this.byte(mark.absent)
        return
      }
      this.byte(mark.timed)
      this.value(time)
    }
    if (column.codec === undefined) this.value(entry.value, column.name)
    else this.#coded(column, entry.value)
  }

  protected unencodable(column: number, key: unknown, cause: unknown): Error {
    const state = this.#schema.columns[column]!.name
    const problem = messageOf(cause)
    return engineError('STATE_UNENCODABLE', { operator: this.#schema.operator, state, key: String(key), problem }, cause)
  }
}
