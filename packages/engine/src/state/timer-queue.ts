import type { Key } from '../api/state.ts'

/** One registered timer. Owned by the row of its key, and in one queue. */
export class Timer {
  readonly time: number
  readonly key: Key
  readonly hash: number
  /** Its place in the queue; the queue's own. */
  position = -1

  constructor(time: number, key: Key, hash: number) {
    this.time = time
    this.key = key
    this.hash = hash
  }
}

/** Timers by time, and for the same time by hash, so that the order does not depend on their history: a binary heap in which every timer knows its place. */
export class TimerQueue {
  readonly #heap: Timer[] = []

  get size(): number {
    return this.#heap.length
  }

  first(): Timer | undefined {
    return this.#heap[0]
  }

  add(timer: Timer): void {
    this.#heap.push(timer)
    this.#rise(timer, this.#heap.length - 1)
  }

  remove(timer: Timer): void {
    const last = this.#heap.pop()!
    if (last === timer) return
    const position = timer.position
    this.#sink(last, position)
    if (last.position === position) this.#rise(last, position)
  }

  clear(): void {
    this.#heap.length = 0
  }

  #rise(timer: Timer, from: number): void {
    const heap = this.#heap
    let at = from
    while (at > 0) {
      const parent = heap[(at - 1) >> 1]!
      if (!before(timer, parent)) break
      heap[at] = parent
      parent.position = at
      at = (at - 1) >> 1
    }
    heap[at] = timer
    timer.position = at
  }

  #sink(timer: Timer, from: number): void {
    const heap = this.#heap
    let at = from
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, timer)) break
      heap[at] = heap[child]!
      heap[at]!.position = at
      at = child
    }
    heap[at] = timer
    timer.position = at
  }
}

function before(a: Timer, b: Timer): boolean {
  return a.time < b.time || (a.time === b.time && a.hash < b.hash)
}
