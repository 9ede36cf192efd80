/**
 * The receiving end of the columnar codec: frames to batches of records.
 *
 * 1. A frame is believed only as far as it adds up: every section inside it, every shape defined, as many rows, values and units of text as are used.
 *    Otherwise it is a FRAME_CORRUPT.
 * 2. What is answered refers to none of the frame's memory. Strings are slices of one string a frame (see `copyString`).
 */
import { messageOf } from '@millrace/core'
import type { MillraceError } from '@millrace/core'
import { engineError } from '../../errors.ts'
import { viewAsTextBuffer } from '../text-buffer.ts'
import { ValueReader } from '../value-reader.ts'
import * as frame from './frame.ts'
import { makeRead, type Read } from './generate-read.ts'
import {
  columnsOf,
  FALLBACK_ID,
  FALLBACK_SHAPE,
  readDefinition,
  SHAPES_MAX,
  type ColumnArray,
  type ColumnKind,
  type ShapeNode,
} from './shape.ts'

/** The records of a frame, in parallel arrays of `count` entries (those of time stamps and hashes may be longer). */
export interface ColumnBatch {
  readonly kind: 'records'
  readonly count: number
  readonly values: readonly unknown[]
  readonly timestamps: Float64Array | undefined
  readonly hashes: Int32Array | undefined
}

/** A shape as it was defined, with its columns in the frame at hand. */
class KnownShape {
  readonly kinds: readonly ColumnKind[]
  readonly read: Read
  rows = 0
  done = 0
  columns: ColumnArray[] = []

  constructor(node: ShapeNode) {
    this.kinds = columnsOf(node)
    this.read = makeRead(node)
  }
}

export class ColumnDecoder {
  readonly #shapes: (KnownShape | undefined)[] = [new KnownShape(FALLBACK_SHAPE)]
  readonly #values = new ValueReader()
  #timestamps = new Float64Array(0)
  #hashes = new Int32Array(0)

  /**
   * The records of a frame. The batch's time stamps and hashes are overwritten by the next call; its values are not.
   * @throws FRAME_CORRUPT
   */
  decode(bytes: Uint8Array): ColumnBatch {
    // Columns are read in place, which asks for a place that is a multiple of 8.
    const whole = bytes.byteOffset % 8 === 0 ? bytes : Uint8Array.from(bytes)
    try {
      return this.#decode(whole)
    } catch (error) {
      if (isNamed(error)) throw error
      throw corrupt(messageOf(error), error)
    }
  }

  #decode(bytes: Uint8Array): ColumnBatch {
    const sections = new Sections(bytes)
    const { words } = sections
    const count = words[frame.COUNT]!
    const flags = words[frame.FLAGS]!
    if (words[frame.KIND] !== frame.FRAME_RECORDS || words[frame.TOTAL_BYTES] !== bytes.length) throw corrupt('its header is none')
    if (count < 0 || count > frame.FRAME_RECORDS_MAX) throw corrupt(`it claims ${count} records`)
    this.#define(sections.bytes(words[frame.DEFINITION_BYTES]!))
    const runs = sections.int32(words[frame.RUNS]! * 2)
    const timestamps = this.#readTimestamps(sections, count, flags)
    const hashes = (flags & frame.FLAG_HASHES) === 0 ? undefined : this.#readHashes(sections, count)
    this.#locateColumns(sections, runs, count)
    this.#values.reset(sections.bytes(words[frame.VALUE_BYTES]!))
    const text = sections.text(words[frame.TEXT_UNITS]!, (flags & frame.FLAG_WIDE_TEXT) !== 0)
    if (sections.remaining !== 0) throw corrupt(`${sections.remaining} bytes are left over`)
    return { kind: 'records', count, values: this.#readRecords(runs, count, text), timestamps, hashes }
  }

  #define(definitions: Uint8Array): void {
    const reader = this.#values
    reader.reset(definitions)
    while (reader.remaining > 0) {
      const definition = reader.value()
      if (!Array.isArray(definition)) throw corrupt('a definition that is none')
      const [id, node] = definition as unknown[]
      if (typeof id !== 'number' || !Number.isInteger(id) || id <= FALLBACK_ID || id >= SHAPES_MAX)
        throw corrupt(`shape ${String(id)} is out of range`)
      this.#shapes[id] ??= new KnownShape(readDefinition(node, reader))
    }
  }

  #readTimestamps(sections: Sections, count: number, flags: number): Float64Array | undefined {
    if ((flags & (frame.FLAG_TIMESTAMPS_FLOAT64 | frame.FLAG_TIMESTAMPS_INT32)) === 0) return undefined
    if (this.#timestamps.length < count) this.#timestamps = new Float64Array(Math.max(count, this.#timestamps.length * 2))
    const timestamps = this.#timestamps
    if ((flags & frame.FLAG_TIMESTAMPS_FLOAT64) !== 0) timestamps.set(sections.float64(count))
    else {
      const { base } = sections
      const offsets = sections.int32(count)
      for (let i = 0; i < count; i++) timestamps[i] = base + offsets[i]!
    }
    return timestamps
  }

  #readHashes(sections: Sections, count: number): Int32Array {
    if (this.#hashes.length < count) this.#hashes = new Int32Array(Math.max(count, this.#hashes.length * 2))
    this.#hashes.set(sections.int32(count))
    return this.#hashes
  }

  #locateColumns(sections: Sections, runs: Int32Array, count: number): void {
    const used: KnownShape[] = []
    let rows = 0
    for (const shape of this.#shapes) if (shape !== undefined) shape.rows = shape.done = 0
    for (let i = 0; i < runs.length; i += 2) {
      const shape = this.#shapes[runs[i]!]
      const length = runs[i + 1]!
      if (shape === undefined || length <= 0) throw corrupt(`a run of ${length} records of shape ${runs[i]}`)
      if (shape.rows === 0) used.push(shape)
      shape.rows += length
      rows += length
    }
    if (rows !== count) throw corrupt(`runs of ${rows} records where there are ${count}`)
    for (const shape of used) shape.columns = shape.kinds.map((kind) => sections.column(kind, shape.rows))
  }

  #readRecords(runs: Int32Array, count: number, text: string): unknown[] {
    // oxlint-disable-next-line unicorn/no-new-array -- the length is wanted: the array is filled from 0 to the end
    const out = new Array<unknown>(count)
    let at = 0
    let to = 0
    for (let i = 0; i < runs.length; i += 2) {
      const shape = this.#shapes[runs[i]!]!
      const length = runs[i + 1]!
      at = shape.read(shape.columns, this.#values, text, at, shape.done, shape.done + length, out, to)
      shape.done += length
      to += length
    }
    if (at !== text.length) throw corrupt(`${at} units of text are used where there are ${text.length}`)
    if (this.#values.remaining !== 0) throw corrupt(`${this.#values.remaining} bytes of values are left over`)
    return out
  }
}

/** Cuts a frame into its sections, one after the other. */
class Sections {
  readonly words: Int32Array
  readonly base: number
  readonly #bytes: Uint8Array
  #at = frame.HEADER_BYTES

  constructor(bytes: Uint8Array) {
    if (bytes.length < frame.HEADER_BYTES) throw corrupt(`it has ${bytes.length} bytes`)
    this.#bytes = bytes
    this.words = new Int32Array(bytes.buffer, bytes.byteOffset, frame.HEADER_BYTES / 4)
    this.base = new Float64Array(bytes.buffer, bytes.byteOffset, frame.HEADER_BYTES / 8)[frame.TIMESTAMP_BASE]!
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  bytes(length: number): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#take(length), length)
  }

  int32(count: number): Int32Array {
    return new Int32Array(this.#bytes.buffer, this.#take(count * 4), count)
  }

  float64(count: number): Float64Array {
    return new Float64Array(this.#bytes.buffer, this.#take(count * 8), count)
  }

  column(kind: ColumnKind, rows: number): ColumnArray {
    switch (kind) {
      case 'int32':
        return this.int32(rows)
      case 'float64':
        return this.float64(rows)
      case 'bigint64':
        return new BigInt64Array(this.#bytes.buffer, this.#take(rows * 8), rows)
      case 'byte':
        return this.bytes(rows)
    }
  }

  text(units: number, wide: boolean): string {
    const length = units * (wide ? 2 : 1)
    const buffer = viewAsTextBuffer(this.#bytes.buffer, this.#take(length), length)
    if (length === 0) return ''
    return wide ? buffer.ucs2Slice(0, length) : buffer.latin1Slice(0, length)
  }

  #take(length: number): number {
    if (length < 0 || length > this.remaining) throw corrupt(`a section of ${length} bytes where ${this.remaining} are left`)
    const at = this.#bytes.byteOffset + this.#at
    this.#at += frame.aligned(length)
    return at
  }
}

function corrupt(problem: string, cause?: unknown): MillraceError {
  return engineError('FRAME_CORRUPT', { problem }, cause)
}

function isNamed(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === 'FRAME_CORRUPT'
}
