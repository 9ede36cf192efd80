/**
 * Whose turn it is to hold the event loop: a request of a few bytes may have batches that become thousands of times as large, and nobody is heard while they are looked through.
 *
 * 1. Who has found the time between two looks at the network used up waits, in the order of asking.
 * 2. After each look one of those who wait goes on: who has much to do waits as often as others do.
 */
import { LinkedList, type Clock } from '@millrace/core'

/** Time between two looks at the network after which nothing more is begun. */
const TURN_MS_MAX = 50
/** What takes less is added up, as most requests do, without a look of its own. */
const COUNTED_MS_MIN = 1

export class LoopTurns {
  readonly #clock: Clock
  readonly #waiting = new LinkedList<() => void>()
  #spentMs = 0
  #isLookDue = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves when the caller may go on; undefined where that is now. */
  next(): Promise<void> | undefined {
    if (this.#spentMs < TURN_MS_MAX) return undefined
    const { promise, resolve } = Promise.withResolvers<void>()
    const link = this.#waiting.add(() => {
      this.#waiting.remove(link)
      resolve()
    })
    return promise
  }

  /** Does work that may take long. */
  spend<T>(work: () => T): T {
    const sinceMs = this.#clock.monotonic()
    const result = work()
    this.#spentMs += this.#clock.monotonic() - sinceMs
    this.#lookSoon()
    return result
  }

  #lookSoon(): void {
    if (this.#isLookDue || (this.#spentMs < COUNTED_MS_MIN && this.#waiting.size === 0)) return
    this.#isLookDue = true
    this.#clock.soon(() => {
      this.#isLookDue = false
      this.#spentMs = 0
      this.#waiting.first?.()
      this.#lookSoon()
    })
  }
}
