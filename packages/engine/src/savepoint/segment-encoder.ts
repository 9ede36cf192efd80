/** Writes stored rows as segments, in the format of `segment-format.ts`: the first of a key group is full, further ones, of a large group, are deltas. */
import { messageOf } from '@millrace/core'
import { crc32 } from 'node:zlib'
import type { KeyGroupSegment } from '../checkpoint/handles.ts'
import type { KeyAtom } from '../api/state.ts'
import { ValueWriter } from '../codec/value.ts'
import { engineError } from '../errors.ts'
import type { ColumnKind } from '../state/rows/schema.ts'
import { mark, writeSegmentHeader } from '../state/segments/segment-format.ts'
import type { KeyedKind, StoredCell, StoredEntry, StoredRow, StoredRows, StoredValue } from './stored-rows.ts'

/** A segment that has grown to this size is closed; what follows is another. */
const SEGMENT_BYTES = 1024 * 1024
/** Entries of a map that go with its row; others follow in runs of so many. */
const ENTRIES_A_RECORD = 256

/** A state of the operator, as its segments declare it. */
export interface KeyedStateNode {
  readonly name: string
  readonly kind: KeyedKind
  readonly version: number
}

interface Column {
  readonly name: string
  readonly kind: ColumnKind
  readonly version: number
}

export interface EncodedSegment {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly segment: Omit<KeyGroupSegment, 'offset'>
}

export class SegmentEncoder {
  readonly #operator: string
  readonly #states: readonly KeyedStateNode[]
  readonly #out = new ValueWriter()

  constructor(operator: string, states: readonly KeyedStateNode[]) {
    this.#operator = operator
    this.#states = states
  }

  /** The segments of one key group, one at a time; none if it has no rows. @throws STATE_UNENCODABLE, SAVEPOINT_STATE_INVALID */
  *group(keyGroup: number, rows: StoredRows): IterableIterator<EncodedSegment> {
    if (rows.size === 0) return
    const shape = this.#shape(rows)
    let kind: 'full' | 'delta' = 'full'
    let count = 0
    const begin = (): void => {
      this.#out.reset()
      writeSegmentHeader(this.#out, { keyGroup, kind, ...shape })
      count = 0
    }
    const end = (): EncodedSegment => {
      const bytes = this.#out.take()
      const segment = { keyGroup, kind, length: bytes.length, crc32: crc32(bytes), rows: count }
      kind = 'delta'
      return { bytes, segment }
    }
    begin()
    for (const row of rows) {
      for (const record of this.#records(row, shape.columns)) {
        record()
        count++
        if (this.#out.position < SEGMENT_BYTES) continue
        yield end()
        begin()
      }
    }
    if (count > 0) yield end()
  }

  /** The columns that these rows need, and whether the first version of the format can hold them. */
  #shape(rows: StoredRows): { readonly columns: readonly Column[]; readonly special: boolean } {
    const expiring = new Set<string>()
    let special = false
    for (const { key, cells } of rows) {
      for (const [name, cell] of cells) {
        this.#checkDeclared(name, cell, key)
        if (cell.updatedMs !== undefined) expiring.add(name)
        special ||=
          cell.values.some(isCoded) || cell.entries.values().some(({ stored, updatedMs }) => isCoded(stored) || updatedMs !== undefined)
      }
    }
    const timers = (['event-timers', 'processing-timers'] as const).map((kind) => ({ name: '', kind, version: 1 }))
    const times = this.#states
      .filter(({ name }) => expiring.has(name))
      .map(({ name }) => ({ name, kind: 'update-times' as const, version: 1 }))
    return { columns: [...this.#states, ...timers, ...times], special: special || times.length > 0 }
  }

  #checkDeclared(name: string, cell: StoredCell, key: unknown): void {
    const declared = this.#states.find((state) => state.name === name)
    if (declared?.kind === cell.kind && declared.version === cell.version) return
    const is = declared === undefined ? 'not among the states of the operator' : `declared as ${declared.kind}, version ${declared.version}`
    const problem = `state "${name}" of key ${String(key)} is ${cell.kind} state, version ${cell.version}, and ${is}`
    throw engineError('SAVEPOINT_STATE_INVALID', { operator: this.#operator, problem })
  }

  /** The row, then what of its large maps did not go with it. */
  *#records(row: StoredRow, columns: readonly Column[]): IterableIterator<() => void> {
    yield () => this.#row(row, columns)
    for (const [at, { name, kind }] of columns.entries()) {
      const entries = kind === 'map' ? row.cells.get(name)?.entries : undefined
      if (entries === undefined || entries.size <= ENTRIES_A_RECORD) continue
      const all = entries.entries()
      for (let left = entries.size; left > 0; left -= ENTRIES_A_RECORD) {
        const some = all.take(Math.min(left, ENTRIES_A_RECORD)).toArray()
        yield () => {
          this.#out.byte(mark.entries)
          this.#out.value(row.key, 'key')
          this.#out.varint(at)
          this.#entries(some)
        }
      }
    }
  }

  #row(row: StoredRow, columns: readonly Column[]): void {
    const out = this.#out
    const start = out.position
    out.value(row.key, 'key')
    for (const column of columns) {
      try {
        this.#cell(row, column)
      } catch (error) {
        out.rewind(start)
        const problem = messageOf(error)
        throw engineError('STATE_UNENCODABLE', { operator: this.#operator, state: column.name, key: String(row.key), problem }, error)
      }
    }
  }

  #cell(row: StoredRow, { kind, name }: Column): void {
    if (kind === 'event-timers') return this.#timers(row.eventTimers)
    if (kind === 'processing-timers') return this.#timers(row.processingTimers)
    const cell = row.cells.get(name)
    if (kind === 'update-times') return this.#times(cell)
    const isEmpty = cell === undefined || (kind === 'map' ? cell.entries.size === 0 : kind !== 'list' && cell.values.length === 0)
    if (isEmpty) this.#out.byte(mark.absent)
    else if (kind === 'map') this.#map(cell)
    else if (kind === 'list') this.#list(cell.values)
    else this.#value(cell.values[0]!)
  }

  #times(cell: StoredCell | undefined): void {
    if (cell?.updatedMs === undefined) this.#out.byte(mark.absent)
    else this.#out.value(cell.kind === 'list' ? cell.updatedMs : cell.updatedMs[0])
  }

  #timers(times: ReadonlySet<number>): void {
    const [first] = times
    if (first === undefined) return this.#out.byte(mark.absent)
    if (times.size === 1) return this.#out.value(first)
    this.#out.byte(mark.map)
    this.#out.varint(times.size)
    for (const time of times) {
      this.#out.value(time)
      this.#out.value(true)
    }
  }

  #map({ entries }: StoredCell): void {
    this.#out.byte(mark.map)
    this.#entries(entries.size > ENTRIES_A_RECORD ? [] : [...entries])
  }

  #entries(entries: readonly (readonly [KeyAtom, StoredEntry])[]): void {
    this.#out.varint(entries.length)
    for (const [key, { stored, updatedMs }] of entries) {
      this.#out.value(key, 'key')
      if (updatedMs !== undefined) {
        this.#out.byte(mark.timed)
        this.#out.value(updatedMs)
      }
      this.#value(stored)
    }
  }

  #list(values: readonly StoredValue[]): void {
    if (values.length === 0 || !values.every(isCoded)) return this.#out.value(values.map(plain))
    this.#out.byte(mark.codedList)
    this.#out.varint(values.length)
    for (const { coded } of values) this.#bytes(coded)
  }

  #value(stored: StoredValue): void {
    if (!isCoded(stored)) return this.#out.value(stored.value)
    this.#out.byte(mark.coded)
    this.#bytes(stored.coded)
  }

  #bytes(bytes: Uint8Array): void {
    this.#out.varint(bytes.length)
    this.#out.raw(bytes)
  }
}

function isCoded(stored: StoredValue): stored is { readonly coded: Uint8Array } {
  return 'coded' in stored
}

function plain(stored: StoredValue): unknown {
  if (isCoded(stored)) throw new TypeError('some of its elements were written by a codec, and some were not')
  return stored.value
}
