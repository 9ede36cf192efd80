import { behind } from './stored-below.ts'
import { timerIn, timerRange, type StoredTimer } from './timer-keys.ts'
import type { OrderedStore } from './ordered-store.ts'
import type { TimerKind } from '../state-types.ts'

export interface TimerPageLimits {
  /** Timers that are read at once. */
  readonly readAtOnce: number
  /** Keys that are looked at for that, at one call. */
  readonly lookedAtOnce: number
  /** Timers in memory; of more the later half goes. */
  readonly timersMax: number
}

export const timerPageLimits: TimerPageLimits = { readAtOnce: 256, lookedAtOnce: 1024, timersMax: 1024 }

/**
 * The first timers of a kind of rows that are not in memory: what there is of them in the store, up to a horizon.
 *
 * 1. Up to the horizon all of them are here, behind it none.
 * 2. The horizon goes on with what is asked for; it comes back where too many are here.
 */
export class TimerPage {
  readonly #end: Uint8Array
  readonly #first: Uint8Array
  readonly #limits: TimerPageLimits
  #timers: StoredTimer[] = []
  /** Where the store is read on; undefined: everything is here. */
  #from: Uint8Array | undefined
  #horizonTime = -Infinity
  #horizonHash = -Infinity

  constructor(kind: TimerKind, limits: TimerPageLimits = timerPageLimits) {
    this.#limits = limits
    const { from, end } = timerRange(kind)
    this.#first = from
    this.#end = end
  }

  /** The earliest one that is here. */
  get first(): StoredTimer | undefined {
    return this.#timers[0]
  }

  /** When the earliest one is due, or before that; undefined: there is none. */
  get next(): number | undefined {
    return this.#timers[0]?.time ?? (this.#from === undefined ? undefined : this.#horizonTime)
  }

  /** Whether the earliest one of all is here, if it is not behind this place. */
  reaches(time: number, hash: number): boolean {
    if (this.#timers.length > 0 || this.#from === undefined) return true
    return this.#horizonTime > time || (this.#horizonTime === time && this.#horizonHash > hash)
  }

  /** The store has others now. */
  restart(): void {
    this.#timers = []
    this.#from = this.#first
    this.#horizonTime = -Infinity
    this.#horizonHash = -Infinity
  }

  /** There are none any more. */
  clear(): void {
    this.#timers = []
    this.#from = undefined
  }

  /** Reads on. `isHere`: the row is in memory, and its timers with it. */
  read(store: OrderedStore | undefined, isHere: (timer: StoredTimer) => boolean): void {
    if (store === undefined) return this.clear()
    const scan = store.scan(this.#from ?? this.#first, this.#end)
    const { readAtOnce, lookedAtOnce } = this.#limits
    let last: StoredTimer | undefined
    let isEnd = false
    for (let looked = 0; looked < lookedAtOnce && this.#timers.length < readAtOnce; looked++) {
      isEnd = !scan.next()
      if (isEnd) break
      last = timerIn(new Uint8Array(scan.key))
      if (!isHere(last)) this.#timers.push(last)
    }
    scan.close()
    if (isEnd) this.#from = undefined
    else if (last !== undefined) this.#endAt(last)
  }

  /** The timer's row is not in memory any more. `encode` gives its key in the store. */
  add(time: number, encode: () => Uint8Array): void {
    if (this.#from !== undefined && time > this.#horizonTime) return
    const bytes = new Uint8Array(encode())
    if (this.#from !== undefined && Buffer.compare(bytes, this.#from) >= 0) return
    const at = this.#placeOf(bytes)
    if (this.#holds(at, bytes)) return
    this.#timers.splice(at, 0, timerIn(bytes))
    if (this.#timers.length <= this.#limits.timersMax) return
    this.#timers.length = Math.ceil(this.#limits.timersMax / 2)
    this.#endAt(this.#timers.at(-1)!)
  }

  /** The timer's row is in memory, or there is no such timer. */
  remove(time: number, encode: () => Uint8Array): void {
    const last = this.#timers.at(-1)
    if (last === undefined || time > last.time) return
    const bytes = encode()
    const at = this.#placeOf(bytes)
    if (this.#holds(at, bytes)) this.#timers.splice(at, 1)
  }

  #endAt(last: StoredTimer): void {
    this.#from = behind(last.bytes)
    this.#horizonTime = last.time
    this.#horizonHash = last.hash
  }

  #holds(at: number, bytes: Uint8Array): boolean {
    return at < this.#timers.length && Buffer.compare(this.#timers[at]!.bytes, bytes) === 0
  }

  /** The place of the first one that is not before. */
  #placeOf(bytes: Uint8Array): number {
    let low = 0
    for (let high = this.#timers.length; low < high;) {
      const middle = (low + high) >>> 1
      if (Buffer.compare(this.#timers[middle]!.bytes, bytes) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
