/**
 * Values in files of their own, appended one after the other; which of them still count, only the database says. As in WiscKey (Lu et al., FAST 2016).
 *
 * 1. A file is appended to until it is sealed, and never changes again.
 * 2. What a place leads to is there for as long as the database says so, and for as long as somebody who has looked before is still at work (`pin`).
 */
import type { StoreFile } from '../ordered-store.ts'
import { valueFileName, type ValueFiles } from './value-files.ts'
import { recordLength, type ValuePlace } from './value-record.ts'
import { piecesOf, readPieces, type SoughtValue } from './value-pieces.ts'
import { ValueSegment } from './value-segment.ts'

/** Where there is so much that there would be more files than this, they are larger. */
const FILES_MEANT = 256

/** What is to be known of a log besides its files. */
export interface ValueLogFacts {
  /** The number of the next file: none that was given is given again. */
  readonly next: number
  /** By file, bytes of values that do not count any more, about. */
  readonly garbage: ReadonlyMap<number, number>
}

interface Retired {
  readonly segment: ValueSegment
  /** Who may still read it. */
  readonly pins: Set<object>
}

export class ValueLog {
  readonly #files: ValueFiles
  readonly #fullBytes: number
  /** In the order in which they were begun. */
  readonly #segments: Map<number, ValueSegment>
  #active: ValueSegment | undefined
  readonly #retired: Map<number, Retired> = new Map()
  readonly #pins: Set<object> = new Set()
  #removals: Promise<void> = Promise.resolve()
  #next: number
  #bytes: number
  #garbageBytes: number

  /** `fullBytes`: with so many a file is full. */
  constructor(files: ValueFiles, fullBytes: number, segments: readonly ValueSegment[] = [], next: number = 1) {
    this.#files = files
    this.#fullBytes = fullBytes
    this.#segments = new Map(segments.map((segment) => [segment.number, segment]))
    this.#next = next
    this.#garbageBytes = segments.reduce((sum, segment) => sum + segment.garbageBytes, 0)
    this.#bytes = segments.reduce((sum, { length }) => sum + length, 0)
  }

  /** Nothing has ever been appended. */
  get isUnused(): boolean {
    return this.#next === 1
  }

  get facts(): ValueLogFacts {
    const outdated = [...this.#segments.values()].filter(({ garbageBytes }) => garbageBytes > 0)
    return { next: this.#next, garbage: new Map(outdated.map(({ number, garbageBytes }) => [number, garbageBytes])) }
  }

  /** Of all files that count. */
  get bytes(): number {
    return this.#bytes
  }

  /** Of these, bytes of values that do not count any more, about. */
  get garbageBytes(): number {
    return this.#garbageBytes
  }

  /** So many bytes of the file do not count any more, about. */
  outdate({ segment }: ValuePlace, bytes: number): void {
    this.#garbageBytes += this.#segments.get(segment)?.outdate(bytes) ?? 0
  }

  /** With so many a file is full. */
  get fullBytes(): number {
    return Math.max(this.#fullBytes, this.#bytes / FILES_MEANT)
  }

  /** How many files count. */
  get segmentCount(): number {
    return this.#segments.size
  }

  /** Those that nothing is appended to, the oldest first. */
  get sealed(): readonly ValueSegment[] {
    return [...this.#segments.values()].filter((segment) => segment !== this.#active)
  }

  append(key: Uint8Array, value: Uint8Array): ValuePlace {
    this.#active ??= this.#begin()
    const segment = this.#active
    const place = { segment: segment.number, offset: segment.append(key, value), valueLength: value.length }
    this.#bytes += recordLength(key.length, value.length)
    if (segment.length >= this.fullBytes) this.seal()
    return place
  }

  /** Good until the next call. @throws TypeError where it is not what was written */
  valueNow(key: Uint8Array, place: ValuePlace): Uint8Array {
    return this.#segmentOf(place).valueNow(key, place)
  }

  /** In memory of its own. Rejects with a TypeError where it is not what was written. Somebody has a pin until then. */
  value(key: Uint8Array, place: ValuePlace): Promise<Uint8Array> {
    return this.#segmentOf(place).value(key, place)
  }

  /**
   * Many values out of their files at once, in memory that some of them share: each goes to `found` when it is there. What is still in memory, cannot be read, or is not what was written, is passed over:
   * `valueNow` has it, or says why not. Never rejects, where `has` is true of all. Somebody has a pin until it resolves.
   */
  async values<T extends SoughtValue>(sought: readonly T[], found: (sought: T, value: Uint8Array) => void): Promise<void> {
    const inFiles = sought.filter(({ place }) => !this.#segmentOf(place).hasInMemory(place))
    await readPieces(piecesOf(inFiles), (piece) => this.#segmentOf(piece).piece(piece, found))
  }

  /** Whether there is such a place at all. */
  has(keyLength: number, { segment, offset, valueLength }: ValuePlace): boolean {
    const length = (this.#segments.get(segment) ?? this.#retired.get(segment)?.segment)?.length
    return length !== undefined && offset + recordLength(keyLength, valueLength) <= length
  }

  /** What was there when it was called stays readable until the answer is called. */
  pin(): () => void {
    const pin = {}
    this.#pins.add(pin)
    return () => {
      this.#pins.delete(pin)
      for (const [number, { segment, pins }] of this.#retired) if (pins.delete(pin) && pins.size === 0) this.#remove(number, segment)
    }
  }

  /** What comes next begins a new file. */
  seal(): void {
    this.#active?.seal()
    this.#active = undefined
  }

  /** A sealed file of which nothing counts any more. */
  retire(segment: ValueSegment): void {
    this.#segments.delete(segment.number)
    this.#bytes -= segment.length
    this.#garbageBytes -= segment.garbageBytes
    if (this.#pins.size === 0) this.#remove(segment.number, segment)
    else this.#retired.set(segment.number, { segment, pins: new Set(this.#pins) })
  }

  /** Everything that was appended, as files that never change again. */
  keep(): readonly StoreFile[] {
    this.seal()
    return [...this.#segments.values()].map((segment) => {
      const { name, path, length } = segment.file
      return { name, length, shared: true, ...(path === undefined ? {} : { path }), read: () => segment.bytes() }
    })
  }

  /** Lets go of all files. */
  async close(): Promise<void> {
    await this.#removals
    await this.#files.removeAll()
  }

  #begin(): ValueSegment {
    const number = this.#next
    const segment = new ValueSegment(number, this.#files.create(valueFileName(number)))
    this.#next++
    this.#segments.set(number, segment)
    return segment
  }

  #segmentOf({ segment }: Pick<ValuePlace, 'segment'>): ValueSegment {
    const found = this.#segments.get(segment) ?? this.#retired.get(segment)?.segment
    if (found === undefined) throw new TypeError(`the file ${segment} of values is missing`)
    return found
  }

  #remove(number: number, { file }: ValueSegment): void {
    this.#retired.delete(number)
    // What cannot be removed goes with the folder.
    this.#removals = Promise.all([this.#removals, file.remove().catch(() => {})]).then(() => {})
  }
}
