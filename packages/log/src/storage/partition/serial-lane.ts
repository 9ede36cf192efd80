import type { Clock } from '@millrace/core'

type Entry<T> = { readonly kind: 'item'; readonly item: T } | { readonly kind: 'exclusive'; readonly work: () => Promise<void> }

/**
 * One queue for all that changes a log: items, which are handled many at a time, and exclusive work, in order of arrival.
 *
 * 1. One thing is under way at a time.
 * 2. Handling starts a turn of the event loop after the first item, so that it gets all that the turn brings.
 */
export class SerialLane<T> {
  readonly #clock: Clock
  readonly #handle: (items: readonly T[]) => Promise<number>
  #queue: Entry<T>[] = []
  #isRunning = false

  /** `handle` deals with the first of the items it is given and says how many: at least one. It does not throw. */
  constructor(clock: Clock, handle: (items: readonly T[]) => Promise<number>) {
    this.#clock = clock
    this.#handle = handle
  }

  push(item: T): void {
    this.#queue.push({ kind: 'item', item })
    this.#start()
  }

  exclusive<R>(work: () => Promise<R>): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ kind: 'exclusive', work: () => work().then(resolve, reject) })
      this.#start()
    })
  }

  #start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#clock.soon(() => void this.#drain())
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const [first] = this.#queue
      if (first!.kind === 'exclusive') {
        this.#queue.shift()
        await first!.work()
        continue
      }
      const end = this.#queue.findIndex((entry) => entry.kind === 'exclusive')
      const items = this.#queue.slice(0, end < 0 ? undefined : end).flatMap((entry) => (entry.kind === 'item' ? [entry.item] : []))
      this.#queue.splice(0, await this.#handle(items))
    }
    this.#isRunning = false
  }
}
