import { nodeClock, type Cancel, type Clock } from '@millrace/core'
import { EventQueue, type Event } from './event-queue.ts'

/** How a `VirtualClock` begins; from it on only the test moves its time. */
export interface VirtualClockOptions {
  /** The wall clock at the start, milliseconds since 1970; 2024-01-01 by default. */
  readonly startMs?: number
}

/**
 * A clock that stands still until a test moves it.
 *
 * 1. Callbacks run only inside `step`, `advance`, `runUntilIdle` and `run`, one at a time, in order of their time and,
 *    at equal times, of their registration (`soon` is "now").
 * 2. After each callback everything that promises brought about has run before the next one starts.
 * 3. The monotonic clock never goes back; the wall clock does only by `jump`.
 * 4. An exception of a callback rejects the call that ran it.
 */
export class VirtualClock implements Clock {
  readonly #events = new EventQueue()
  #elapsedMs = 0
  #wallAtStartMs: number
  #order = 0
  #pending = 0

  constructor(options: VirtualClockOptions = {}) {
    this.#wallAtStartMs = options.startMs ?? Date.UTC(2024, 0, 1)
  }

  now(): number {
    return Math.floor(this.#wallAtStartMs + this.#elapsedMs)
  }

  monotonic(): number {
    return this.#elapsedMs
  }

  after(delayMs: number, callback: () => void): Cancel {
    if (!(delayMs >= 0) || delayMs === Infinity) throw new RangeError(`a delay is a number of milliseconds, not ${delayMs}`)
    const event: Event = { atMs: this.#elapsedMs + delayMs, order: this.#order++, callback }
    this.#events.push(event)
    this.#pending++
    return () => {
      if (event.callback === undefined) return
      event.callback = undefined
      this.#pending--
    }
  }

  soon(callback: () => void): Cancel {
    return this.after(0, callback)
  }

  /** Callbacks that are still to run. */
  get pending(): number {
    return this.#pending
  }

  /** Shifts the wall clock alone, forwards or back, as an administrator or NTP would. */
  jump(deltaMs: number): void {
    this.#wallAtStartMs += deltaMs
  }

  /** Runs the next callback, moving time to it; false when there is none. */
  async step(): Promise<boolean> {
    await settle()
    return await this.#stepUntil(Infinity)
  }

  /**
   * Moves time by `deltaMs` and runs all that falls due on the way, also what is registered meanwhile.
   * Answers false, and stops there, where there are more than `eventsMax` (no limit by default) at one moment: something re-arms itself for ever.
   */
  async advance(deltaMs: number, eventsMax: number = Infinity): Promise<boolean> {
    const target = this.#elapsedMs + deltaMs
    await settle()
    let momentMs = this.#elapsedMs
    for (let count = 0; await this.#stepUntil(target); count++) {
      if (this.#elapsedMs > momentMs) {
        momentMs = this.#elapsedMs
        count = 0
      }
      if (count >= eventsMax) return false
    }
    this.#elapsedMs = Math.max(this.#elapsedMs, target)
    return true
  }

  /** Runs until no callback is left. Throws after `eventsMax` (1,000,000 by default): something re-arms itself for ever. */
  async runUntilIdle(eventsMax = 1_000_000): Promise<void> {
    await settle()
    for (let count = 0; await this.#stepUntil(Infinity); count++) {
      if (count >= eventsMax) throw new Error(`the clock is not idle after ${eventsMax} events`)
    }
  }

  /** Moves time for as long as `work` needs, and gives its result. Throws when nothing is left that could settle it. */
  async run<T>(work: Promise<T>, eventsMax = 1_000_000): Promise<T> {
    const state = { settled: false }
    const watched = work.finally(() => (state.settled = true))
    watched.catch(() => {})
    await settle()
    for (let count = 0; !state.settled; count++) {
      if (count >= eventsMax) throw new Error(`the promise is not settled after ${eventsMax} events`)
      if (!(await this.#stepUntil(Infinity)) && !state.settled) throw new Error('the promise waits for something that never happens')
    }
    return await watched
  }

  async #stepUntil(targetMs: number): Promise<boolean> {
    for (;;) {
      const next = this.#events.peek()
      if (next === undefined || next.atMs > targetMs) return false
      this.#events.pop()
      const { callback } = next
      if (callback === undefined) continue
      next.callback = undefined
      this.#pending--
      this.#elapsedMs = Math.max(this.#elapsedMs, next.atMs)
      callback()
      await settle()
      return true
    }
  }
}

/** One real turn of the event loop, also where a test fakes timers: all microtasks, however deeply they nest, have run after it. */
function settle(): Promise<void> {
  return new Promise((resolve) => void nodeClock.soon(resolve))
}
