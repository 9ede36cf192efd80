/**
 * The sending end of the columnar codec: takes records, learns their shapes, answers frames (frame.ts).
 *
 * 1. Records, time stamps and hashes leave in the order they came in, each exactly once, in the frame that `finish` answers next.
 * 2. A record that was refused (an error was thrown) has left nothing.
 * 3. At most `SHAPES_MAX` shapes are ever defined. Any further kind of record travels in the value format: slower, never wrong.
 * 4. A shape's definition is in the first frame that uses it.
 */
import { viewAsTextBuffer, isLatin1 } from '../text-buffer.ts'
import { OuterReference } from '../value-refusal.ts'
import { ValueWriter } from '../value-writer.ts'
import * as frame from './frame.ts'
import { isInt32 } from './learn.ts'
import type { RecordSink } from './generate-append.ts'
import { ShapeSet, type LiveShape } from './shape-set.ts'
import { definitionOf } from './shape.ts'

export interface ColumnEncoderOptions {
  /** Whether hashes travel. */
  readonly keyed: boolean
  /** Every frame defines the shapes it uses, and can be read without the ones before it. */
  readonly selfContained?: boolean
  /** Refuse what the value format refuses in strict use: for development, slow. */
  readonly strict?: boolean
}

const FIRST_ROWS = 64
/** Of a time stamp and a hash. */
const RECORD_BYTES = 8
const NONE = new Uint8Array(0)

export class ColumnEncoder {
  readonly #keyed: boolean
  readonly #selfContained: boolean
  readonly #strict: ValueWriter | undefined
  readonly #shapes: ShapeSet = new ShapeSet()
  readonly #sink: RecordSink = { text: '', values: new ValueWriter(), outer: [] }
  #count = 0
  #timestamps = new Float64Array(FIRST_ROWS)
  #stamped = false
  #hashes = new Int32Array(FIRST_ROWS)
  #current: LiveShape
  /** Pairs of shape id and length; the last run is not in it yet. */
  #runs = new Int32Array(FIRST_ROWS)
  #runCount = 0
  #runLength = 0
  /** Shapes of this frame, in the order of their first runs. */
  readonly #used: LiveShape[] = []
  #defined = 0
  #columnBytes = 0
  #memory = new ArrayBuffer(0)
  /** Of the sealed frame. */
  #definitionBytes: Uint8Array = NONE
  #wide = false
  #base: number | undefined
  #size = 0

  constructor(options: ColumnEncoderOptions) {
    this.#keyed = options.keyed
    this.#selfContained = options.selfContained ?? false
    this.#strict = options.strict === true ? new ValueWriter({ strict: true }) : undefined
    this.#current = this.#shapes.fallback
  }

  /** Records that wait for `finish`. */
  get count(): number {
    return this.#count
  }

  /** About the bytes of the next frame. */
  get sizeBytes(): number {
    return this.#columnBytes + this.#sink.text.length + this.#sink.values.position
  }

  /** @throws VALUE_UNSUPPORTED, VALUE_TOO_DEEP, VALUE_TOO_LARGE */
  append(value: unknown, timestamp: number, hash: number): void {
    if (this.#strict !== undefined) this.#check(value, this.#strict)
    let shape = this.#current
    if (shape.rows === shape.capacity) shape.grow()
    if (shape.hasAny || !shape.append(value, shape.rows, this.#sink)) {
      shape = this.#appendElsewhere(value)
      if (shape !== this.#current) this.#beginRun(shape)
    }
    if (shape.rows === 0) this.#used.push(shape)
    shape.rows++
    this.#runLength++
    this.#columnBytes += shape.rowBytes + RECORD_BYTES
    const row = this.#count
    if (row === this.#timestamps.length) this.#growRows()
    this.#timestamps[row] = timestamp
    if (timestamp !== frame.NO_TIMESTAMP) this.#stamped = true
    this.#hashes[row] = hash
    this.#count = row + 1
  }

  #check(value: unknown, strict: ValueWriter): void {
    strict.reset()
    strict.value(value, 'record')
  }

  /** Other shapes that are known, a new one, or at last the fallback. */
  #appendElsewhere(value: unknown): LiveShape {
    const current = this.#current
    if (current.hasAny && current !== this.#shapes.fallback && this.#tryAppend(current, value)) return current
    const live = this.#shapes.live
    for (let i = 0; i < live.length; i++) {
      const shape = live[i]!
      if (shape !== current && this.#tryAppend(shape, value)) {
        this.#shapes.prefer(i)
        return shape
      }
    }
    const learnt = this.#shapes.learn(value)
    if (learnt !== undefined && this.#tryAppend(learnt, value)) return learnt
    this.#sink.values.value(value, 'record')
    return this.#shapes.fallback
  }

  #tryAppend(shape: LiveShape, value: unknown): boolean {
    if (shape.rows === shape.capacity) shape.grow()
    if (!shape.hasAny) return shape.append(value, shape.rows, this.#sink)
    const values = this.#sink.values
    const start = values.position
    let taken = false
    try {
      taken = shape.append(value, shape.rows, this.#sink)
    } catch (error) {
      if (!(error instanceof OuterReference)) throw error
    } finally {
      if (!taken) values.rewind(start)
    }
    return taken
  }

  #beginRun(shape: LiveShape): void {
    this.#endRun()
    this.#current = shape
  }

  #endRun(): void {
    if (this.#runLength === 0) return
    if (this.#runCount * 2 === this.#runs.length) {
      const grown = new Int32Array(this.#runs.length * 2)
      grown.set(this.#runs)
      this.#runs = grown
    }
    this.#runs[this.#runCount * 2] = this.#current.id
    this.#runs[this.#runCount * 2 + 1] = this.#runLength
    this.#runCount++
    this.#runLength = 0
  }

  #growRows(): void {
    const timestamps = new Float64Array(this.#count * 2)
    timestamps.set(this.#timestamps)
    this.#timestamps = timestamps
    const hashes = new Int32Array(this.#count * 2)
    hashes.set(this.#hashes)
    this.#hashes = hashes
  }

  /** The frame of all records since the last, in memory that the next `finish` uses again. */
  finish(): Uint8Array {
    const size = this.seal()
    if (this.#memory.byteLength < size) this.#memory = new ArrayBuffer(Math.max(size, this.#memory.byteLength * 2))
    this.writeTo(this.#memory, 0)
    return new Uint8Array(this.#memory, 0, size)
  }

  /** Drops the records since the last frame. */
  discard(): void {
    this.#runLength = 0
    this.#startOver()
  }

  /** The bytes of the frame of all records since the last. No record may be added before `writeTo`. */
  seal(): number {
    this.#endRun()
    this.#definitionBytes = this.#definitions()
    this.#wide = !isLatin1(this.#sink.text)
    this.#base = this.#stamped ? this.#timestampBase() : undefined
    this.#size = this.#frameBytes()
    return this.#size
  }

  /** Writes the sealed frame at `at`, a multiple of 8. */
  writeTo(memory: ArrayBufferLike, at: number): void {
    const text = this.#sink.text
    const words = new Int32Array(memory, at, frame.HEADER_BYTES / 4)
    words[frame.KIND] = frame.FRAME_RECORDS
    words[frame.TOTAL_BYTES] = this.#size
    words[frame.COUNT] = this.#count
    words[frame.FLAGS] =
      (this.#stamped ? (this.#base === undefined ? frame.FLAG_TIMESTAMPS_FLOAT64 : frame.FLAG_TIMESTAMPS_INT32) : 0) |
      (this.#keyed ? frame.FLAG_HASHES : 0) |
      (this.#wide ? frame.FLAG_WIDE_TEXT : 0)
    words[frame.DEFINITION_BYTES] = this.#definitionBytes.length
    words[frame.RUNS] = this.#runCount
    words[frame.VALUE_BYTES] = this.#sink.values.position
    words[frame.TEXT_UNITS] = text.length
    new Float64Array(memory, at + frame.TIMESTAMP_BASE * 8, 1)[0] = this.#base ?? 0
    this.#writeSections(memory, at + frame.HEADER_BYTES)
    this.#startOver()
  }

  #definitions(): Uint8Array {
    const shapes = this.#shapes.all
    if (this.#selfContained) return this.#writeDefinitions(this.#used.filter((shape) => shape.id !== this.#shapes.fallback.id))
    if (this.#defined === shapes.length) return NONE
    const bytes = this.#writeDefinitions(shapes.slice(this.#defined))
    this.#defined = shapes.length
    return bytes
  }

  #writeDefinitions(shapes: readonly LiveShape[]): Uint8Array {
    const writer = new ValueWriter()
    for (const shape of shapes) writer.value([shape.id, definitionOf(shape.node)])
    return writer.take()
  }

  /** The first time stamp, if all others are whole milliseconds within 2^31 of it. */
  #timestampBase(): number | undefined {
    const base = this.#timestamps[0]!
    for (let i = 0; i < this.#count; i++) if (!isInt32(this.#timestamps[i]! - base)) return undefined
    // A sum never gives -0 back.
    return Number.isSafeInteger(base) && !Object.is(base, -0) ? base : undefined
  }

  #frameBytes(): number {
    let size = frame.HEADER_BYTES + frame.aligned(this.#definitionBytes.length) + this.#runCount * 8
    if (this.#stamped) size += frame.aligned(this.#count * (this.#base === undefined ? 8 : 4))
    if (this.#keyed) size += frame.aligned(this.#count * 4)
    for (const shape of this.#used) for (const column of shape.columns) size += frame.aligned(column.BYTES_PER_ELEMENT * shape.rows)
    return size + frame.aligned(this.#sink.values.position) + frame.aligned(this.#sink.text.length * (this.#wide ? 2 : 1))
  }

  #writeSections(memory: ArrayBufferLike, start: number): void {
    const bytes = new Uint8Array(memory)
    let at = put(bytes, start, this.#definitionBytes, this.#definitionBytes.length)
    at = put(bytes, at, this.#runs, this.#runCount * 8)
    if (this.#stamped) at = this.#writeTimestamps(memory, bytes, at)
    if (this.#keyed) at = put(bytes, at, this.#hashes, this.#count * 4)
    for (const shape of this.#used) {
      for (const column of shape.columns) at = put(bytes, at, column, column.BYTES_PER_ELEMENT * shape.rows)
    }
    at = put(bytes, at, this.#sink.values.view(), this.#sink.values.position)
    const text = this.#sink.text
    if (text.length === 0) return
    const buffer = viewAsTextBuffer(memory, at, text.length * (this.#wide ? 2 : 1))
    if (this.#wide) buffer.ucs2Write(text, 0)
    else buffer.latin1Write(text, 0)
  }

  #writeTimestamps(memory: ArrayBufferLike, bytes: Uint8Array, at: number): number {
    const base = this.#base
    if (base === undefined) return put(bytes, at, this.#timestamps, this.#count * 8)
    const offsets = new Int32Array(memory, at, this.#count)
    const timestamps = this.#timestamps
    for (let i = 0; i < offsets.length; i++) offsets[i] = timestamps[i]! - base
    return frame.aligned(at + this.#count * 4)
  }

  #startOver(): void {
    for (const shape of this.#used) shape.rows = 0
    this.#used.length = 0
    this.#sink.text = ''
    this.#sink.values.reset()
    this.#sink.outer.length = 0
    this.#runCount = 0
    this.#count = 0
    this.#columnBytes = 0
    this.#stamped = false
  }
}

/** Writes a section; answers where the next one begins. */
function put(bytes: Uint8Array, at: number, section: ArrayBufferView, length: number): number {
  if (length > 0) bytes.set(new Uint8Array(section.buffer, section.byteOffset, length), at)
  return frame.aligned(at + length)
}
