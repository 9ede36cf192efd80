// Loads one segment into the rows: see `segment-format.ts` for what it reads.
import { MillraceError } from '@millrace/core'
import type { Key, KeyAtom } from '../../api/state.ts'
import { checkValueVersion, ValueReader } from '../../codec/value.ts'
import { engineError } from '../../errors.ts'
import { hashKey } from '../../keys/hash.ts'
import { keyGroupOf, type KeyGroupRange } from '../../keys/key-group.ts'
import { canonicalKey, isAtom } from '../../keys/key.ts'
import { columnKinds } from '../rows/schema.ts'
import { decompressSegment } from './compressed-segment.ts'
import { mark, SEGMENT_MAGIC_0, SEGMENT_MAGIC_1, segmentKinds, STATE_FORMAT_COMPRESSED, STATE_FORMAT_NEWEST } from './segment-format.ts'
import type { RestoreTarget } from './restore-target.ts'
import type { StoredColumn } from './stored-column.ts'

/** The group is one of another number of key groups than today's: only keys of these are loaded. */
export interface Regrouped {
  readonly formerMaxParallelism: number
  readonly keyGroups: KeyGroupRange
}

/** What a segment is loaded into. Calls come record by record: `use`, then those of the columns, then `settle`. */
export type SegmentTarget = Pick<
  RestoreTarget,
  'operator' | 'maxParallelism' | 'column' | 'columnsKnown' | 'clear' | 'use' | 'remove' | 'settle'
>

/** A map whose entries are stored apart from its row. */
export interface ApartMap {
  readonly column: number
  /** Entries there. */
  readonly size: number
  /** When one was last updated, where that is known; else 0. */
  readonly newest: number
}

export class SegmentReader extends ValueReader {
  readonly #target: SegmentTarget
  readonly #keyGroup: number
  #columns: readonly (StoredColumn | undefined)[] = []
  /** Whether a segment came before. */
  #loaded = false
  /** Whether what is read is one row, of whatever group. */
  #isOneRow = false
  readonly #regrouped: Regrouped | undefined

  constructor(target: SegmentTarget, keyGroup: number, regrouped?: Regrouped) {
    super()
    this.#target = target
    this.#keyGroup = keyGroup
    this.#regrouped = regrouped
  }

  /** @throws STATE_CORRUPT, and what the target throws */
  load(bytes: Uint8Array): void {
    this.begin(bytes)
    while (this.next());
  }

  /** The records of a segment are to be loaded: by `next`, and nothing else before they are. @throws as `load` */
  begin(bytes: Uint8Array): void {
    this.reset(bytes)
    try {
      this.#header()
    } catch (error) {
      throw this.#named(error)
    }
  }

  /** Loads a record; false if there is none left. @throws as `load` */
  next(): boolean {
    if (this.remaining === 0) return false
    try {
      this.#record()
    } catch (error) {
      throw this.#named(error)
    }
    return true
  }

  /** Loads the cells of the current key, written with the columns of the last header that was loaded, and what records of it follow. `apart`: maps of it that are stored elsewhere. */
  loadCells(bytes: Uint8Array, apart: readonly ApartMap[] = []): void {
    this.reset(bytes)
    this.#isOneRow = true
    try {
      for (const column of this.#columns) this.#cell(column)
      for (const { column, size, newest } of apart) this.#columns[column]?.apart?.(size, newest)
      this.#target.settle()
      while (this.remaining > 0) this.#record()
    } catch (error) {
      throw this.#named(error)
    }
  }

  /** Loads more records of the current key. */
  loadRecords(bytes: Uint8Array): void {
    this.reset(bytes)
    this.#isOneRow = true
    try {
      while (this.remaining > 0) this.#record()
    } catch (error) {
      throw this.#named(error)
    }
  }

  #header(): void {
    if (this.byte() !== SEGMENT_MAGIC_0 || this.byte() !== SEGMENT_MAGIC_1) throw this.corrupt('it does not begin as a segment')
    const version = this.byte()
    if (version > STATE_FORMAT_NEWEST) {
      throw engineError('STATE_FORMAT_NEWER', { operator: this.#target.operator, version, known: STATE_FORMAT_NEWEST })
    }
    if (version === STATE_FORMAT_COMPRESSED) return this.#decompress()
    checkValueVersion(this.byte())
    const kind = segmentKinds[this.byte()]
    const keyGroup = this.varint()
    if (kind === undefined || keyGroup !== this.#keyGroup) throw this.corrupt(`it is a segment of key group ${keyGroup}`)
    this.#columns = Array.from({ length: this.#count() }, () => this.#column())
    this.#target.columnsKnown()
    if (kind === 'full' && this.#loaded) {
      if (this.#regrouped !== undefined) throw this.corrupt('two full segments of one of the former key groups')
      this.#target.clear(keyGroup)
    }
    this.#loaded = true
  }

  /** What is compressed is read instead. */
  #decompress(): void {
    const method = this.byte()
    const length = this.varint()
    this.reset(decompressSegment(method, length, this.raw(this.remaining)))
    this.#header()
  }

  #column(): StoredColumn | undefined {
    const kind = columnKinds[this.byte()]
    const version = this.varint()
    const name = this.text()
    if (kind === undefined) throw this.corrupt('a column of an unknown kind')
    return this.#target.column(name, kind, version)
  }

  /** A count that the bytes left could hold. */
  #count(): number {
    const count = this.varint()
    if (count > this.remaining) throw this.corrupt(`a count of ${count} with ${this.remaining} bytes left`)
    return count
  }

  #record(): void {
    const tag = this.#tag()
    if (tag === mark.tombstone) {
      this.at++
      if (this.#use()) this.#target.remove()
      else return
    } else if (tag === mark.entries) {
      this.at++
      const own = this.#use()
      const column = this.varint()
      if (column >= this.#columns.length) throw this.corrupt(`entries of column ${column}`)
      this.#changes(own ? this.#columns[column] : undefined, this.#count())
      if (!own) return
    } else {
      const own = this.#use()
      for (const column of this.#columns) this.#cell(own ? column : undefined)
      if (!own) return
    }
    this.#target.settle()
  }

  #tag(): number {
    return this.at < this.end ? this.memory[this.at]! : -1
  }

  /** Answers whether the key is one to load. */
  #use(): boolean {
    const stored = this.value()
    if (stored === undefined) throw this.corrupt('a key that is undefined')
    const key: Key = canonicalKey(stored)
    const hash = hashKey(key)
    // Its key is current already.
    if (this.#isOneRow) return true
    const { maxParallelism } = this.#target
    const regrouped = this.#regrouped
    if (keyGroupOf(hash, regrouped?.formerMaxParallelism ?? maxParallelism) !== this.#keyGroup)
      throw this.corrupt('a key of another group: was the max parallelism changed?')
    if (regrouped !== undefined) {
      const group = keyGroupOf(hash, maxParallelism)
      if (group < regrouped.keyGroups.first || group >= regrouped.keyGroups.end) return false
    }
    this.#target.use(key, hash)
    return true
  }

  #cell(column: StoredColumn | undefined): void {
    const tag = this.#tag()
    if (tag === mark.absent) {
      this.at++
      column?.clear()
    } else if (tag === mark.map || tag === mark.mapChanges) {
      this.at++
      if (tag === mark.map) column?.clear()
      this.#changes(column, this.#count())
    } else if (tag === mark.coded) {
      const bytes = this.#coded()
      column?.setCoded(bytes)
    } else if (tag === mark.codedList) {
      this.at++
      const list = Array.from({ length: this.#count() }, () => this.#bytes())
      column?.setCoded(list)
    } else {
      const value = this.value()
      column?.set(value)
    }
  }

  #coded(): Uint8Array {
    this.at++
    return this.#bytes()
  }

  #bytes(): Uint8Array {
    return this.raw(this.#count())
  }

  #changes(column: StoredColumn | undefined, count: number): void {
    for (let change = 0; change < count; change++) {
      const key = this.value()
      if (!isAtom(key)) throw this.corrupt('an entry with a key that is no atom')
      if (this.#tag() === mark.absent) {
        this.at++
        column?.delete(key)
      } else this.#entry(column, key)
    }
  }

  #entry(column: StoredColumn | undefined, key: KeyAtom): void {
    let time: number | undefined
    if (this.#tag() === mark.timed) {
      this.at++
      time = this.#time()
    }
    if (this.#tag() === mark.coded) {
      const bytes = this.#coded()
      column?.putCoded(key, bytes, time)
    } else {
      const value = this.value()
      column?.put(key, value, time)
    }
  }

  #time(): number {
    const time = this.value()
    return typeof time === 'number' ? time : this.#notANumber()
  }

  #notANumber(): never {
    throw this.corrupt('an update time that is no number')
  }

  /** Errors of decoding say where; others pass. */
  #named(error: unknown): unknown {
    const foreign = !(error instanceof MillraceError) || error.code.startsWith('VALUE_') || error.code.startsWith('KEY_')
    if (!foreign) return error
    const problem = error instanceof MillraceError && error.code === 'VALUE_CORRUPT' ? String(error.details['problem']) : String(error)
    return engineError('STATE_CORRUPT', { operator: this.#target.operator, group: this.#keyGroup, at: this.position, problem }, error)
  }
}
