/**
 * A ring of bytes between two threads: one writes frames, the other reads them, neither ever blocks.
 *
 * Layout: three words, each on a cache line of its own, then the bytes. Counters run modulo 2^32 and are never reset; the distance between them is
 * what is filled. A fragment is a header of 8 bytes (a word with its length, and whether more of its frame follows), then its bytes, padded to a
 * multiple of 8: what is inside can be read in place as numbers of any size. It never wraps: a word of `SKIP` says that the next one is at the start.
 *
 * 1. Only the writer stores `written`, only the reader stores `read`; each after it is done with the bytes it stands for (the stores and loads are
 *    atomic, and so in order with the plain accesses around them).
 * 2. written - read never exceeds the capacity. Each side looks at the other's counter only when, by what it last saw, it cannot go on.
 * 3. A frame too large to go in one piece goes in several; the reader sees whole frames only.
 * 4. A writer that found no room says so (`WANTS`) and looks once more. The reader, when half of the ring is free, takes that back and calls `freed`:
 *    a writer that waits is woken once, one that does not want room never.
 * 5. The reader may hold the writer back (`HELD`), whatever room there is: a request to whoever fills the ring, nothing that the ring itself obeys.
 */
import { engineError } from '../errors.ts'

const WRITTEN = 0
const READ = 16
const WANTS = 32
const HELD = 40
const COUNTERS_BYTES = 192
const HEADER_BYTES = 8
const SKIP = -1
const MORE = 0x4000_0000
const TAG = 0x2000_0000

/** Shared memory for a ring. `capacityBytes` is rounded up to a power of two, at least 4 KiB. */
export function createRing(capacityBytes: number): SharedArrayBuffer {
  const capacity = 2 ** Math.max(12, Math.ceil(Math.log2(capacityBytes)))
  return new SharedArrayBuffer(COUNTERS_BYTES + capacity)
}

/** The two sides' view of the memory. */
class RingMemory {
  readonly counters: Int32Array
  readonly words: Int32Array
  readonly bytes: Uint8Array<SharedArrayBuffer>
  readonly capacity: number
  readonly mask: number

  constructor(memory: SharedArrayBuffer) {
    this.capacity = memory.byteLength - COUNTERS_BYTES
    this.mask = this.capacity - 1
    this.counters = new Int32Array(memory, 0, COUNTERS_BYTES / 4)
    this.words = new Int32Array(memory, COUNTERS_BYTES)
    this.bytes = new Uint8Array(memory, COUNTERS_BYTES)
  }
}

/** Bytes of the ring that a fragment of this length takes. */
function placeOf(length: number): number {
  return HEADER_BYTES + ((length + 7) & ~7)
}

export class RingWriter {
  /** The largest frame that goes in one piece. */
  readonly fragmentBytesMax: number
  readonly memory: SharedArrayBuffer
  readonly #ring: RingMemory
  #written: number
  /** The reader's counter as last seen. */
  #read: number
  /** Where the reserved fragment begins, and what is skipped before it. */
  #start = 0
  #skipped = 0

  constructor(memory: SharedArrayBuffer) {
    this.#ring = new RingMemory(memory)
    this.memory = memory
    this.fragmentBytesMax = this.#ring.capacity / 4 - HEADER_BYTES
    this.#written = Atomics.load(this.#ring.counters, WRITTEN)
    this.#read = Atomics.load(this.#ring.counters, READ)
  }

  /**
   * Writes a frame of at least one byte, or the part of it from byte `from` on, as far as there is room. Answers how many of its bytes are
   * written in all: `frame.length` when it is whole.
   */
  write(frame: Uint8Array, from: number): number {
    let at = from
    while (at < frame.length) {
      const length = Math.min(frame.length - at, this.fragmentBytesMax)
      const place = this.reserve(length)
      if (place < 0) break
      this.#ring.bytes.set(length === frame.length ? frame : frame.subarray(at, at + length), place - COUNTERS_BYTES)
      at += length
      this.#commit(at < frame.length ? length | MORE : length)
    }
    return at
  }

  /**
   * Room for a frame of up to `fragmentBytesMax` bytes that the caller writes in place: where it begins in `memory`, a multiple of 8. -1: there is
   * no room. `commit` must follow.
   */
  reserve(length: number): number {
    const { mask, capacity } = this.#ring
    const needed = placeOf(length)
    const place = this.#written & mask
    const skipped = place + needed > capacity ? capacity - place : 0
    if (!this.#makeRoom(skipped + needed)) return -1
    this.#skipped = skipped
    this.#start = (place + skipped) & mask
    return COUNTERS_BYTES + this.#start + HEADER_BYTES
  }

  /** Hands the frame that was written in place, of as many bytes as were reserved, to the reader. */
  commit(length: number): void {
    this.#commit(length)
  }

  /** Whether a frame that did not fit has a chance now. */
  get hasRoom(): boolean {
    this.#read = Atomics.load(this.#ring.counters, READ)
    return this.#free >= this.#ring.capacity / 2
  }

  /** Whether the reader holds the writer back. */
  get held(): boolean {
    return Atomics.load(this.#ring.counters, HELD) !== 0
  }

  get #free(): number {
    return this.#ring.capacity - ((this.#written - this.#read) | 0)
  }

  #commit(word: number): void {
    const { words, mask, counters } = this.#ring
    if (this.#skipped > 0) words[(this.#written & mask) >> 2] = SKIP
    words[this.#start >> 2] = word
    this.#written = (this.#written + this.#skipped + placeOf(word & ~MORE)) | 0
    Atomics.store(counters, WRITTEN, this.#written)
  }

  #makeRoom(needed: number): boolean {
    if (this.#free >= needed) return true
    const { counters } = this.#ring
    this.#read = Atomics.load(counters, READ)
    if (this.#free >= needed) return true
    Atomics.store(counters, WANTS, 1)
    this.#read = Atomics.load(counters, READ)
    return this.#free >= needed
  }
}

export class RingReader {
  readonly #ring: RingMemory
  #read: number
  /** The writer's counter as last seen. */
  #written: number
  /** Fragments of a frame whose end has not arrived. */
  #parts: Uint8Array[] = []
  #partBytes = 0
  #release = 0
  /** Of the frame last read. */
  tagged = false
  readonly #freed: () => void

  /** `freed` is called when a writer that found no room has half of the ring again, also in the middle of a frame. */
  constructor(memory: SharedArrayBuffer, freed: () => void) {
    this.#ring = new RingMemory(memory)
    this.#freed = freed
    this.#read = Atomics.load(this.#ring.counters, READ)
    this.#written = this.#read
  }

  /** Whether something has been written that is not yet read. */
  get available(): boolean {
    if (this.#written !== this.#read) return true
    this.#written = Atomics.load(this.#ring.counters, WRITTEN)
    return this.#written !== this.#read
  }

  /**
   * The next whole frame, or undefined. Its bytes, which begin at a multiple of 8, are the ring's own: valid until `release`, which must follow.
   * @throws FRAME_CORRUPT
   */
  read(): Uint8Array | undefined {
    while (this.available) {
      const { words, bytes, mask, capacity } = this.#ring
      const place = this.#read & mask
      const word = words[place >> 2]!
      if (word === SKIP) {
        this.#advance(capacity - place)
        continue
      }
      const length = word & ~(MORE | TAG)
      this.tagged = (word & TAG) !== 0
      if (length <= 0 || place + placeOf(length) > capacity)
        throw engineError('FRAME_CORRUPT', { problem: `a fragment of ${length} bytes` })
      const fragment = bytes.subarray(place + HEADER_BYTES, place + HEADER_BYTES + length)
      const whole = (word & MORE) === 0
      if (whole && this.#parts.length === 0) {
        this.#release = placeOf(length)
        return fragment
      }
      this.#parts.push(fragment.slice())
      this.#partBytes += length
      this.#advance(placeOf(length))
      if (whole) return this.#join()
    }
    return undefined
  }

  /** Gives the bytes of the frame last read back to the writer. */
  release(): void {
    if (this.#release === 0) return
    this.#advance(this.#release)
    this.#release = 0
  }

  /** Holds the writer back, or no longer. */
  hold(on: boolean): void {
    Atomics.store(this.#ring.counters, HELD, on ? 1 : 0)
  }

  #join(): Uint8Array {
    const frame = new Uint8Array(this.#partBytes)
    let at = 0
    for (const part of this.#parts) {
      frame.set(part, at)
      at += part.length
    }
    this.#parts = []
    this.#partBytes = 0
    return frame
  }

  #advance(size: number): void {
    const { counters, capacity } = this.#ring
    this.#read = (this.#read + size) | 0
    Atomics.store(counters, READ, this.#read)
    if (Atomics.load(counters, WANTS) === 0) return
    // First taken back, then judged: a wish that comes in between finds the ring full, so that the judgement restores it.
    Atomics.store(counters, WANTS, 0)
    const filled = (Atomics.load(counters, WRITTEN) - this.#read) | 0
    if (filled > capacity / 2) Atomics.store(counters, WANTS, 1)
    else this.#freed()
  }
}
