/**
 * The rows of one key group as they are stored, without the job that they are of: what its segments, loaded in order, amount to.
 *
 * 1. A row without cells is no row.
 * 2. What a codec has written stays bytes: only the job knows the codec.
 */
import type { Key, KeyAtom } from '../api/state.ts'
import { engineError } from '../errors.ts'
import type { StoredColumn } from '../state/segments/stored-column.ts'
import type { ColumnKind } from '../state/rows/schema.ts'
import type { SegmentTarget } from '../state/segments/segment-reader.ts'

/** A value, or what a codec has made of it. */
export type StoredValue = { readonly value: unknown } | { readonly coded: Uint8Array }

export interface StoredEntry {
  readonly stored: StoredValue
  readonly updatedMs: number | undefined
}

export type KeyedKind = Extract<ColumnKind, 'value' | 'list' | 'map' | 'reducing' | 'aggregating'>

/** What a key has in one state. */
export interface StoredCell {
  readonly kind: KeyedKind
  readonly version: number
  /** Of maps. */
  readonly entries: Map<KeyAtom, StoredEntry>
  /** Of lists one for each element, of others one; of maps none. */
  values: readonly StoredValue[]
  /** When each of `values` was last updated, where they expire. */
  updatedMs: readonly number[] | undefined
}

export interface StoredRow {
  readonly key: Key
  readonly cells: Map<string, StoredCell>
  readonly eventTimers: Set<number>
  readonly processingTimers: Set<number>
}

export class StoredRows implements SegmentTarget {
  readonly operator: string
  readonly maxParallelism: number
  readonly #atoms: Map<KeyAtom, StoredRow> = new Map()
  readonly #tuples: Map<string, StoredRow> = new Map()
  #key: Key = null
  #row: StoredRow | undefined

  constructor(operator: string, maxParallelism: number) {
    this.operator = operator
    this.maxParallelism = maxParallelism
  }

  *[Symbol.iterator](): IterableIterator<StoredRow> {
    yield* this.#atoms.values()
    yield* this.#tuples.values()
  }

  get size(): number {
    return this.#atoms.size + this.#tuples.size
  }

  /** The row of a key, made if there is none. */
  row(key: Key): StoredRow {
    this.use(key)
    return this.current()
  }

  // ---------- what a segment is loaded into

  column(name: string, kind: ColumnKind, version: number): StoredColumn {
    if (kind === 'event-timers') return new TimersColumn(this, 'eventTimers')
    if (kind === 'processing-timers') return new TimersColumn(this, 'processingTimers')
    if (kind === 'update-times') return new TimesColumn(this, name)
    return new CellColumn(this, name, kind, version)
  }

  columnsKnown(): void {}

  clear(): void {
    this.#atoms.clear()
    this.#tuples.clear()
    this.#row = undefined
  }

  use(key: Key): void {
    this.#key = key
    this.#row = isTuple(key) ? this.#tuples.get(tupleName(key)) : this.#atoms.get(key)
  }

  remove(): void {
    if (isTuple(this.#key)) this.#tuples.delete(tupleName(this.#key))
    else this.#atoms.delete(this.#key)
    this.#row = undefined
  }

  settle(): void {
    const row = this.#row
    if (row !== undefined && row.cells.size + row.eventTimers.size + row.processingTimers.size === 0) this.remove()
  }

  // ---------- for columns

  get present(): StoredRow | undefined {
    return this.#row
  }

  current(): StoredRow {
    if (this.#row !== undefined) return this.#row
    const key = this.#key
    const row: StoredRow = { key, cells: new Map(), eventTimers: new Set(), processingTimers: new Set() }
    if (isTuple(key)) this.#tuples.set(tupleName(key), row)
    else this.#atoms.set(key, row)
    this.#row = row
    return row
  }
}

function isTuple(key: Key): key is readonly KeyAtom[] {
  return Array.isArray(key)
}

/** Different for every tuple: each atom with its type and length. */
function tupleName(tuple: readonly KeyAtom[]): string {
  return tuple
    .map((atom) => {
      const text = String(atom)
      return `${typeof atom} ${text.length} ${text}`
    })
    .join('\n')
}

export function emptyCell(kind: KeyedKind, version: number): StoredCell {
  return { kind, version, entries: new Map(), values: [], updatedMs: undefined }
}

class CellColumn implements StoredColumn {
  readonly #rows: StoredRows
  readonly #name: string
  readonly #kind: KeyedKind
  readonly #version: number

  constructor(rows: StoredRows, name: string, kind: KeyedKind, version: number) {
    this.#rows = rows
    this.#name = name
    this.#kind = kind
    this.#version = version
  }

  clear(): void {
    this.#rows.present?.cells.delete(this.#name)
  }

  set(value: unknown): void {
    if (this.#kind === 'list' && !Array.isArray(value)) throw corrupt('a list that is none')
    const values = this.#kind === 'list' ? (value as readonly unknown[]) : [value]
    this.#cell().values = values.map((each) => ({ value: each }))
  }

  setCoded(bytes: Uint8Array | readonly Uint8Array[]): void {
    const list = bytes instanceof Uint8Array ? [bytes] : bytes
    this.#cell().values = list.map((coded) => ({ coded }))
  }

  put(key: KeyAtom, value: unknown, updatedMs: number | undefined): void {
    this.#present().entries.set(key, { stored: { value }, updatedMs })
  }

  putCoded(key: KeyAtom, coded: Uint8Array, updatedMs: number | undefined): void {
    this.#present().entries.set(key, { stored: { coded }, updatedMs })
  }

  delete(key: KeyAtom): void {
    const row = this.#rows.present
    const cell = row?.cells.get(this.#name)
    cell?.entries.delete(key)
    if (cell?.entries.size === 0) row!.cells.delete(this.#name)
  }

  /** A new one: what is set replaces what there was. */
  #cell(): StoredCell {
    const cell = emptyCell(this.#kind, this.#version)
    this.#rows.current().cells.set(this.#name, cell)
    return cell
  }

  #present(): StoredCell {
    return this.#rows.current().cells.get(this.#name) ?? this.#cell()
  }
}

/** Update times, which follow what they are of. */
class TimesColumn implements StoredColumn {
  readonly #rows: StoredRows
  readonly #name: string

  constructor(rows: StoredRows, name: string) {
    this.#rows = rows
    this.#name = name
  }

  clear(): void {}

  set(value: unknown): void {
    const times: readonly unknown[] = Array.isArray(value) ? value : [value]
    if (!times.every((time) => typeof time === 'number')) throw corrupt('update times that are no numbers')
    const cell = this.#rows.present?.cells.get(this.#name)
    if (cell !== undefined) cell.updatedMs = times
  }

  setCoded(): void {
    throw corrupt('update times that a codec has written')
  }
  put(): void {
    this.setCoded()
  }
  putCoded(): void {
    this.setCoded()
  }
  delete(): void {
    this.setCoded()
  }
}

class TimersColumn implements StoredColumn {
  readonly #rows: StoredRows
  readonly #which: 'eventTimers' | 'processingTimers'

  constructor(rows: StoredRows, which: 'eventTimers' | 'processingTimers') {
    this.#rows = rows
    this.#which = which
  }

  clear(): void {
    this.#rows.present?.[this.#which].clear()
  }

  set(time: unknown): void {
    this.clear()
    this.#add(time)
  }

  put(time: KeyAtom): void {
    this.#add(time)
  }

  delete(time: KeyAtom): void {
    this.#rows.present?.[this.#which].delete(time as number)
  }

  setCoded(): void {
    throw corrupt('timers that a codec has written')
  }
  putCoded(): void {
    this.setCoded()
  }

  #add(time: unknown): void {
    if (typeof time !== 'number') throw corrupt('the time of a timer is no number')
    this.#rows.current()[this.#which].add(time)
  }
}

function corrupt(problem: string): Error {
  return engineError('VALUE_CORRUPT', { at: 0, problem })
}
