/**
 * A scan of a store whose long values are in files of their own. One by one they would wait for the disk each time, so the next of them are read together: when they are asked for (`readAhead`), or while
 * whoever never asks gives the thread back and comes back for more.
 *
 * 1. Values are read only of who has asked for one, or for many.
 * 2. Files stay until nothing of them is being read any more, also beyond the end of the scan.
 * 3. What cannot be read ahead is read again when it is its turn: who asks for it is told why.
 */
import type { OrderedScan } from '../ordered-store.ts'
import type { ValueLog } from './value-log.ts'
import { placeIn, type ValuePlace } from './value-record.ts'

/** How far ahead is looked, whatever comes first. */
interface Reach {
  readonly keys: number
  /** Of values, about. */
  readonly bytes: number
}

/** Where nobody waits: these reads come between those of others. */
const ASIDE: Reach = { keys: 128, bytes: 1024 * 1024 }
/** Where somebody waits for all of them. */
const WAITED_FOR: Reach = { keys: 4096, bytes: 8 * 1024 * 1024 }

interface Entry {
  readonly key: Uint8Array
  readonly place: ValuePlace | undefined
  /** Undefined: it is in its file. */
  value: Uint8Array | undefined
}

interface EntryApart extends Entry {
  readonly place: ValuePlace
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
  #underWay: Promise<void> | undefined
  #isPlanned = false
  /** Its owner asks for what comes next. */
  #isLed = false
  /** All there is has been looked at. */
  #isOver = false
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
    if (place !== undefined && !this.#isLed) this.#plan()
    return value ?? this.#log.valueNow(key, place!)
  }

  readAhead(): Promise<void> | undefined {
    this.#isLed = true
    if (this.#underWay === undefined && this.#ahead.length === 0 && !this.#isOver) this.#look(WAITED_FOR)
    return this.#underWay
  }

  close(): void {
    this.#isClosed = true
    this.#inner.close()
    if (this.#underWay === undefined) this.#unpin()
    else void this.#underWay.then(this.#unpin)
  }

  #advance(): Entry | undefined {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#isOver || !this.#inner.next()) {
      this.#isOver = true
      return undefined
    }
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
      if (!this.#isClosed && this.#ahead.length === 0 && this.#underWay === undefined) this.#look(ASIDE)
    })
  }

  #look({ keys, bytes: bytesMax }: Reach): void {
    const entries: Entry[] = []
    try {
      for (let bytes = 0; entries.length < keys && bytes < bytesMax;) {
        const entry = this.#advance()
        if (entry === undefined) break
        entries.push(entry)
        bytes += entry.place?.valueLength ?? entry.value!.length
      }
    } catch (error) {
      this.#failure = error
    }
    this.#ahead = entries.toReversed()
    this.#read(entries.filter(isApart))
  }

  #read(entries: readonly EntryApart[]): void {
    if (entries.length === 0) return
    const reads = this.#log.values(entries, (entry, value) => void (entry.value = value))
    this.#underWay = reads.then(() => void (this.#underWay = undefined))
    this.#reading(this.#underWay)
  }
}

function isApart(entry: Entry): entry is EntryApart {
  return entry.place !== undefined
}
