/**
 * A ring of bytes between two threads: one writes frames, the other reads them, neither ever blocks.
 *
 * Layout: two counters, each on a cache line of its own, then the bytes. Counters run modulo 2^32 and are never reset; the distance between them is what is filled.
 * A fragment is a word (its length, and whether more of its frame follows), then its bytes, padded to a whole word. It never wraps: a word of `SKIP` says that the
 * next one is at the start.
 *
 * 1. Only the writer stores `written`, only the reader stores `read`; each after it is done with the bytes it stands for.
 * 2. written - read never exceeds the capacity.
 * 3. A frame too large to go in one piece goes in several; the reader sees whole frames only.
 */

const COUNTERS_BYTES = 128
const WRITTEN = 0
const READ = 16
const SKIP = -1
const MORE = 0x4000_0000

/** Shared memory for a ring. `capacityBytes` is rounded up to a power of two, at least 4 KiB. */
export function createRing(capacityBytes: number): SharedArrayBuffer {
  const capacity = 2 ** Math.max(12, Math.ceil(Math.log2(capacityBytes)))
  return new SharedArrayBuffer(COUNTERS_BYTES + capacity)
}

/** The two sides' view of the memory. */
class RingMemory {
  readonly counters: Int32Array
  readonly words: Int32Array
  readonly bytes: Uint8Array
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

function padded(length: number): number {
  return (length + 3) & ~3
}

export class RingWriter {
  readonly #ring: RingMemory
  readonly #fragmentMax: number
  #written: number
  /** The reader's counter as last seen: looked at again only when the ring seems full. */
  #read: number

  constructor(memory: SharedArrayBuffer) {
    this.#ring = new RingMemory(memory)
    this.#fragmentMax = this.#ring.capacity / 4 - 4
    this.#written = Atomics.load(this.#ring.counters, WRITTEN)
    this.#read = Atomics.load(this.#ring.counters, READ)
  }

  /** Writes a frame of at least one byte, or the part of it from byte `from` on, as far as there is room. Answers how many of its bytes are written in all: `frame.length` when it is whole. */
  write(frame: Uint8Array, from: number): number {
    let at = from
    while (at < frame.length) {
      const length = Math.min(frame.length - at, this.#fragmentMax)
      if (!this.#fragment(frame, at, length)) break
      at += length
    }
    return at
  }

  /** Whether a frame that did not fit has a chance now. */
  get hasRoom(): boolean {
    this.#read = Atomics.load(this.#ring.counters, READ)
    return this.#ring.capacity - ((this.#written - this.#read) | 0) >= this.#ring.capacity / 2
  }

  #fragment(frame: Uint8Array, at: number, length: number): boolean {
    const { words, bytes, mask, capacity, counters } = this.#ring
    const needed = 4 + padded(length)
    const place = this.#written & mask
    const skipped = place + needed > capacity ? capacity - place : 0
    if (!this.#makeRoom(skipped + needed)) return false
    if (skipped > 0) words[place >> 2] = SKIP
    const start = (place + skipped) & mask
    words[start >> 2] = at + length < frame.length ? length | MORE : length
    bytes.set(length === frame.length ? frame : frame.subarray(at, at + length), start + 4)
    this.#written = (this.#written + skipped + needed) | 0
    Atomics.store(counters, WRITTEN, this.#written)
    return true
  }

  #makeRoom(needed: number): boolean {
    if (this.#ring.capacity - ((this.#written - this.#read) | 0) >= needed) return true
    this.#read = Atomics.load(this.#ring.counters, READ)
    return this.#ring.capacity - ((this.#written - this.#read) | 0) >= needed
  }
}

export class RingReader {
  readonly #ring: RingMemory
  #read: number
  #written: number
  /** Fragments of a frame whose end has not arrived. */
  #parts: Uint8Array[] = []
  #release = 0
  readonly #freed: () => void

  /** `freed` is called whenever bytes have gone back to the writer, also in the middle of a frame: it may be waiting for them. */
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

  /** The next whole frame, or undefined. Its bytes are the ring's own: valid until `release`, which must follow. */
  read(): Uint8Array | undefined {
    while (this.available) {
      const { words, bytes, mask, capacity } = this.#ring
      const place = this.#read & mask
      const word = words[place >> 2]!
      if (word === SKIP) {
        this.#advance(capacity - place)
        continue
      }
      const length = word & ~MORE
      const fragment = bytes.subarray(place + 4, place + 4 + length)
      const size = 4 + padded(length)
      if ((word & MORE) === 0 && this.#parts.length === 0) {
        this.#release = size
        return fragment
      }
      this.#parts.push(fragment.slice())
      this.#advance(size)
      if ((word & MORE) === 0) {
        const frame = Buffer.concat(this.#parts)
        this.#parts = []
        return frame
      }
    }
    return undefined
  }

  /** Gives the bytes of the frame last read back to the writer. */
  release(): void {
    if (this.#release === 0) return
    this.#advance(this.#release)
    this.#release = 0
  }

  #advance(size: number): void {
    this.#read = (this.#read + size) | 0
    Atomics.store(this.#ring.counters, READ, this.#read)
    this.#freed()
  }
}
