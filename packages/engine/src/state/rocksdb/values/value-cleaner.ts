/**
 * Takes what still counts out of files of which much does not, and lets go of them: a little with each value that is written.
 *
 * Where a third of all bytes is out of date, the file goes first of which the largest share is: so each byte written moves two others at the most. What never changes stays where it is.
 * Checkpoints make files that are small: of too many the smallest go first, so that they become fewer and larger.
 *
 * 1. A file is let go of only when each of its values has been looked up: the database leads to none of them.
 * 2. Nothing is written but while something is written anyway (`work`).
 */
import type { ValuePlace } from './value-record.ts'
import type { ValueLog } from './value-log.ts'
import type { ValueSegment } from './value-segment.ts'

/** Of all bytes those that may be out of date. */
const GARBAGE_SHARE = 1 / 3
/** Less than this share of a full file is not worth it. */
const SMALL_SHARE = 1 / 32
/** Files beyond twice as many as there would be if each were full. */
const SMALL_FILES_MAX = 16
/** Bytes looked at for each that is written. */
const EFFORT = 4
/** Bytes looked at in one call. */
const EFFORT_MAX = 64 * 1024
/** Less is read at once: where checkpoints come faster than values, there is a file for each of these. */
const READ_NOW_BYTES_MAX = 16 * 1024

export interface ValueCleanerParts {
  readonly log: ValueLog
  /** Where the database says that the value of a key is, if it is in a file. */
  readonly placeOf: (key: Uint8Array) => ValuePlace | undefined
  /** Makes the database say that it is somewhere else. */
  readonly moved: (key: Uint8Array, place: ValuePlace) => void
}

/** Values of the file that is being emptied. */
interface Chunk {
  readonly bytes: Buffer
  /** Where they begin in the file. */
  readonly offset: number
  at: number
}

export class ValueCleaner {
  readonly #parts: ValueCleanerParts
  #victim: ValueSegment | undefined
  #chunk: Chunk | undefined
  #reading: Promise<void> | undefined
  #failure: unknown
  #effort = 0

  constructor(parts: ValueCleanerParts) {
    this.#parts = parts
  }

  /** So many bytes have been written. @throws whatever a file could not be read for, or TypeError where it is not what was written */
  work(bytes: number): void {
    if (this.#failure !== undefined) throw this.#failure
    this.#effort = Math.min(this.#effort + EFFORT * bytes, EFFORT_MAX)
    while (this.#effort > 0) {
      this.#victim ??= this.#nextVictim()
      if (this.#victim === undefined) this.#effort = 0
      else if (!this.#step(this.#victim)) return
    }
  }

  /** Resolves when nothing is being read any more. */
  async idle(): Promise<void> {
    await this.#reading
  }

  #nextVictim(): ValueSegment | undefined {
    const { log } = this.#parts
    const { bytes, fullBytes, garbageBytes } = log
    if (garbageBytes > bytes * GARBAGE_SHARE && bytes > fullBytes * SMALL_SHARE) return mostOutdated(log.sealed)
    return log.segmentCount > SMALL_FILES_MAX + (2 * bytes) / fullBytes ? smallest(log.sealed) : undefined
  }

  /** Goes on with the next value. False where that has to be read first. */
  #step(victim: ValueSegment): boolean {
    const chunk = this.#chunk
    if (chunk === undefined) return this.#fetch(victim, 0)
    const record = victim.recordIn(chunk.bytes, chunk.at, chunk.offset)
    if (record === undefined) return this.#fetch(victim, chunk.offset + chunk.at)
    this.#effort -= record.length
    const offset = chunk.offset + chunk.at
    const { log, placeOf, moved } = this.#parts
    const place = placeOf(record.key)
    if (place?.segment === victim.number && place.offset === offset) moved(record.key, log.append(record.key, record.value))
    chunk.at += record.length
    return true
  }

  /** What follows in the file. Answers whether it is there now, or nothing follows. */
  #fetch(victim: ValueSegment, offset: number): boolean {
    this.#chunk = undefined
    const rest = victim.length - offset
    if (rest === 0) this.#finish(victim)
    else if (rest <= READ_NOW_BYTES_MAX) this.#chunk = { bytes: victim.recordsNow(offset), offset, at: 0 }
    else this.#reading ??= this.#read(victim, offset)
    return this.#reading === undefined
  }

  #finish(victim: ValueSegment): void {
    this.#parts.log.retire(victim)
    this.#victim = undefined
  }

  async #read(victim: ValueSegment, offset: number): Promise<void> {
    try {
      this.#chunk = { bytes: await victim.records(offset), offset, at: 0 }
    } catch (error) {
      this.#failure = error
    } finally {
      this.#reading = undefined
    }
  }
}

/** Undefined where there is none with anything out of date: what is, is in the file that is appended to. */
function mostOutdated(segments: readonly ValueSegment[]): ValueSegment | undefined {
  let [most, mostShare]: [ValueSegment | undefined, number] = [undefined, 0]
  for (const segment of segments) {
    const share = segment.garbageBytes / segment.length
    if (share > mostShare) [most, mostShare] = [segment, share]
  }
  return most
}

function smallest(segments: readonly ValueSegment[]): ValueSegment | undefined {
  return segments.reduce<ValueSegment | undefined>(
    (least, each) => (least !== undefined && least.length <= each.length ? least : each),
    undefined,
  )
}
