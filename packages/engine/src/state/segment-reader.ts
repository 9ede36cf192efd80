// Loads one segment into the rows: see `segment-format.ts` for what it reads.
import { MillraceError } from '@millrace/core'
import type { Key, KeyAtom } from '../api/state.ts'
import { checkValueVersion, ValueReader } from '../codec/value.ts'
import { engineError } from '../errors.ts'
import { hashKey } from '../keys/hash.ts'
import { keyGroupOf } from '../keys/key-group.ts'
import { canonicalKey, isAtom } from '../keys/key.ts'
import { columnKinds } from './schema.ts'
import { mark, SEGMENT_MAGIC_0, SEGMENT_MAGIC_1, segmentKinds, STATE_FORMAT_VERSION } from './segment-format.ts'
import type { RestoreTarget, StoredColumn } from './restore-target.ts'

export class SegmentReader extends ValueReader {
  readonly #target: RestoreTarget
  readonly #keyGroup: number
  #columns: readonly (StoredColumn | undefined)[] = []
  /** Whether a segment came before. */
  #loaded = false

  constructor(target: RestoreTarget, keyGroup: number) {
    super()
    this.#target = target
    this.#keyGroup = keyGroup
  }

  /** @throws STATE_CORRUPT, and what the target throws */
  load(bytes: Uint8Array): void {
    this.reset(bytes)
    try {
      this.#header()
      while (this.remaining > 0) this.#record()
    } catch (error) {
      throw this.#named(error)
    }
  }

  #header(): void {
    if (this.byte() !== SEGMENT_MAGIC_0 || this.byte() !== SEGMENT_MAGIC_1) throw this.corrupt('it does not begin as a segment')
    const version = this.byte()
    if (version > STATE_FORMAT_VERSION) {
      throw engineError('STATE_FORMAT_NEWER', { operator: this.#target.operator, version, known: STATE_FORMAT_VERSION })
    }
    checkValueVersion(this.byte())
    const kind = segmentKinds[this.byte()]
    const keyGroup = this.varint()
    if (kind === undefined || keyGroup !== this.#keyGroup) throw this.corrupt(`it is a segment of key group ${keyGroup}`)
    this.#columns = Array.from({ length: this.#count() }, () => this.#column())
    if (kind === 'full' && this.#loaded) this.#target.clear(keyGroup)
    this.#loaded = true
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
      this.#use()
      this.#target.remove()
    } else if (tag === mark.entries) {
      this.at++
      this.#use()
      const column = this.varint()
      if (column >= this.#columns.length) throw this.corrupt(`entries of column ${column}`)
      this.#changes(this.#columns[column], this.#count())
    } else {
      this.#use()
      for (const column of this.#columns) this.#cell(column)
    }
    this.#target.settle()
  }

  #tag(): number {
    return this.at < this.end ? this.memory[this.at]! : -1
  }

  #use(): void {
    const stored = this.value()
    if (stored === undefined) throw this.corrupt('a key that is undefined')
    const key: Key = canonicalKey(stored)
    const hash = hashKey(key)
    if (keyGroupOf(hash, this.#target.maxParallelism) !== this.#keyGroup)
      throw this.corrupt('a key of another group: was the max parallelism changed?')
    this.#target.use(key, hash)
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
    } else {
      const value = this.value()
      column?.set(value)
    }
  }

  #changes(column: StoredColumn | undefined, count: number): void {
    for (let change = 0; change < count; change++) {
      const key = this.value()
      if (!isAtom(key)) throw this.corrupt('an entry with a key that is no atom')
      if (this.#tag() === mark.absent) {
        this.at++
        column?.delete(key)
      } else {
        const value = this.value()
        column?.put(key satisfies KeyAtom, value)
      }
    }
  }

  /** Errors of decoding say where; others pass. */
  #named(error: unknown): unknown {
    const foreign = !(error instanceof MillraceError) || error.code.startsWith('VALUE_') || error.code.startsWith('KEY_')
    if (!foreign) return error
    const problem = error instanceof MillraceError && error.code === 'VALUE_CORRUPT' ? String(error.details['problem']) : String(error)
    return engineError('STATE_CORRUPT', { operator: this.#target.operator, group: this.#keyGroup, at: this.position, problem }, error)
  }
}
