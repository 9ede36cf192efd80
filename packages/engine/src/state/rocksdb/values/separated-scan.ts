/**
 * A scan of a store whose long values are in files of their own. Whoever comes back for more after a while finds the next values read: one by one they would wait for the disk each time.
 *
 * 1. Values are read only of who has asked for one.
 * 2. Files stay until nothing of them is being read any more, also beyond the end of the scan.
 */
import type { OrderedScan } from '../ordered-store.ts'
import type { ValueLog } from './value-log.ts'
import { placeIn, type ValuePlace } from './value-record.ts'

/** Keys that are looked at ahead: their reads come between those of others. */
const AHEAD = 128
/** Bytes of values that are, about. */
const AHEAD_BYTES = 1024 * 1024

interface Entry {
  readonly key: Uint8Array
  readonly place: ValuePlace | undefined
  /** Undefined: it is in its file. */
  value: Uint8Array | undefined
}

const NOTHING: Entry = { key: new Uint8Array(0), place: undefined, value: new Uint8Array(0) }

export class SeparatedScan implements OrderedScan {
  readonly #inner: OrderedScan
  readonly #log: ValueLog
  readonly #unpin: () => void
  readonly #reading: (reads: Promise<unknown>) => void
  #current: Entry = NOTHING
  /** What comes next, the last first. */
  #ahead: Entry[] = []
  #underWay: Promise<unknown> | undefined
  #isPlanned = false
  #isClosed = false
  #failure: unknown

  /** `reading`: is told what has to come to its end before the store can be closed. */
  constructor(inner: OrderedScan, log: ValueLog, reading: (reads: Promise<unknown>) => void) {
    this.#inner = inner
    this.#log = log
    this.#reading = reading
    this.#unpin = log.pin()
  }

  next(): boolean {
    const next = this.#ahead.pop() ?? this.#advance()
    this.#current = next ?? NOTHING
    return next !== undefined
  }

  get key(): Uint8Array {
    return this.#current.key
  }

  get value(): Uint8Array {
    const { key, place, value } = this.#current
    if (place !== undefined) this.#plan()
    return value ?? this.#log.valueNow(key, place!)
  }

  close(): void {
    this.#isClosed = true
    this.#inner.close()
    if (this.#underWay === undefined) this.#unpin()
    else void this.#underWay.then(this.#unpin)
  }

  #advance(): Entry | undefined {
    if (this.#failure !== undefined) throw this.#failure
    if (!this.#inner.next()) return undefined
    const key = this.#inner.key.slice()
    const place = placeIn(this.#inner.value)
    if (place === undefined) return { key, place, value: this.#inner.value.slice() }
    if (!this.#log.has(key.length, place)) throw new TypeError('a value is said to be where no file is')
    return { key, place, value: undefined }
  }

  /** Who goes on at once gets there first; who gives the thread back in between does not. */
  #plan(): void {
    if (this.#isPlanned || this.#ahead.length > 0) return
    this.#isPlanned = true
    void Promise.resolve().then(() => {
      this.#isPlanned = false
      if (!this.#isClosed && this.#ahead.length === 0 && this.#underWay === undefined) this.#readAhead()
    })
  }

  #readAhead(): void {
    const entries: Entry[] = []
    try {
      for (let bytes = 0; entries.length < AHEAD && bytes < AHEAD_BYTES;) {
        const entry = this.#advance()
        if (entry === undefined) break
        entries.push(entry)
        bytes += entry.place?.valueLength ?? 0
      }
    } catch (error) {
      this.#failure = error
    }
    this.#ahead = entries.toReversed()
    const reads = entries.flatMap((entry) => (entry.place === undefined ? [] : [this.#read(entry, entry.place)]))
    const settled = Promise.allSettled(reads).then(() => void (this.#underWay = undefined))
    this.#underWay = settled
    this.#reading(settled)
  }

  async #read(entry: Entry, place: ValuePlace): Promise<void> {
    // What cannot be read is told to who asks for it.
    entry.value = await this.#log.value(entry.key, place)
  }
}
