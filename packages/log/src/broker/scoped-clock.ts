import { LinkedList, type Cancel, type Clock } from '@millrace/core'

/** A clock whose pending callbacks can all be called off at once: nothing of a closed broker keeps the process alive. */
export class ScopedClock implements Clock {
  readonly #clock: Clock
  readonly #pending = new LinkedList<Cancel>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.now()
  }

  monotonic(): number {
    return this.#clock.monotonic()
  }

  soon(callback: () => void): Cancel {
    return this.#clock.soon(callback)
  }

  after(delayMs: number, callback: () => void): Cancel {
    const stop = this.#clock.after(delayMs, () => {
      this.#pending.remove(link)
      callback()
    })
    const link = this.#pending.add(() => {
      this.#pending.remove(link)
      stop()
    })
    return link.value
  }

  cancelAll(): void {
    for (const cancel of this.#pending) cancel()
  }
}
