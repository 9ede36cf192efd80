// Timers by time, and for the same time by hash, so that the order does not depend on their history.
//
// 1. A heap with four children a node. What it compares lies in arrays of numbers: to move a timer its object is not looked at, which would be one more
//    place in memory for each level.
// 2. A removed timer stays where it is until it comes to the top or the heap is swept; no more than half of the heap is removed ones.
import type { Key } from '../../api/state.ts'

/** One registered timer. Owned by the row of its key, and in one queue. */
export class Timer {
  readonly time: number
  readonly key: Key
  readonly hash: number
  /** The queue's own. */
  isQueued = false
  /** Whether a store below has it in its order too. */
  isStored = false

  constructor(time: number, key: Key, hash: number) {
    this.time = time
    this.key = key
    this.hash = hash
  }
}

const CAPACITY_FIRST = 16
/** Fewer removed ones are not worth a sweep. */
const REMOVED_MIN = 64

export class TimerQueue {
  #timers: Timer[] = []
  #times: Float64Array = new Float64Array(CAPACITY_FIRST)
  #hashes: Int32Array = new Int32Array(CAPACITY_FIRST)
  #removed = 0

  get size(): number {
    return this.#timers.length - this.#removed
  }

  /** Places taken, also by removed ones. */
  get places(): number {
    return this.#timers.length
  }

  first(): Timer | undefined {
    while (this.#removed > 0 && !this.#timers[0]!.isQueued) {
      this.#removed--
      this.#dropFirst()
    }
    return this.#timers[0]
  }

  add(timer: Timer): void {
    const at = this.#timers.length
    if (at === this.#times.length) this.#grow()
    timer.isQueued = true
    this.#timers.push(timer)
    this.#rise(timer, at)
  }

  /** The timer is in the queue. */
  remove(timer: Timer): void {
    timer.isQueued = false
    if (this.#timers[0] === timer) return this.#dropFirst()
    this.#removed++
    if (this.#removed > REMOVED_MIN && this.#removed > this.#timers.length / 2) this.#sweep()
  }

  clear(): void {
    this.#timers.length = 0
    this.#removed = 0
  }

  #dropFirst(): void {
    const last = this.#timers.pop()!
    if (this.#timers.length > 0) this.#sink(last, 0)
  }

  #sweep(): void {
    const kept = this.#timers.filter((timer) => timer.isQueued)
    this.#timers = kept
    this.#removed = 0
    for (let at = 0; at < kept.length; at++) this.#put(kept[at]!, at)
    for (let at = (kept.length - 2) >> 2; at >= 0; at--) this.#sink(kept[at]!, at)
  }

  #rise(timer: Timer, from: number): void {
    const { time, hash } = timer
    const times = this.#times
    const hashes = this.#hashes
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 2
      if (time > times[parent]! || (time === times[parent]! && hash >= hashes[parent]!)) break
      this.#move(parent, at)
      at = parent
    }
    this.#put(timer, at)
  }

  #sink(timer: Timer, from: number): void {
    const { time, hash } = timer
    const times = this.#times
    const hashes = this.#hashes
    const length = this.#timers.length
    let at = from
    for (let child = 4 * at + 1; child < length; child = 4 * at + 1) {
      let least = child
      const end = child + 4 < length ? child + 4 : length
      for (let other = child + 1; other < end; other++) {
        const ahead = times[other]! - times[least]!
        if (ahead < 0 || (ahead === 0 && hashes[other]! < hashes[least]!)) least = other
      }
      if (time < times[least]! || (time === times[least]! && hash <= hashes[least]!)) break
      this.#move(least, at)
      at = least
    }
    this.#put(timer, at)
  }

  #move(from: number, to: number): void {
    this.#timers[to] = this.#timers[from]!
    this.#times[to] = this.#times[from]!
    this.#hashes[to] = this.#hashes[from]!
  }

  #put(timer: Timer, at: number): void {
    this.#timers[at] = timer
    this.#times[at] = timer.time
    this.#hashes[at] = timer.hash
  }

  #grow(): void {
    const times = new Float64Array(2 * this.#times.length)
    times.set(this.#times)
    this.#times = times
    const hashes = new Int32Array(times.length)
    hashes.set(this.#hashes)
    this.#hashes = hashes
  }
}
