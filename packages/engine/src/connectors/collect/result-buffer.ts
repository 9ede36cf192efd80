/** Takes results: calls `taken` once it wants the next ones. */
export type Deliver<T> = (values: readonly T[], taken: () => void) => void

interface Batch<T> {
  readonly values: readonly T[]
  readonly taken: () => void
}

/**
 * Results between a job and a loop over them.
 *
 * 1. Values leave in the order in which they came; those delivered before `end` or `fail` still do.
 * 2. A batch is `taken` when the loop asks beyond its last value: the job is never further ahead than the batches its writers
 *    may have under way.
 * 3. There is one loop; when it is left, `onLeave` runs once and later batches are taken and dropped.
 */
export class ResultBuffer<T> implements AsyncIterable<T> {
  readonly #onLeave: () => void
  #batches: Batch<T>[] = []
  #state: 'open' | 'ended' | 'left' = 'open'
  #failure: { readonly error: unknown } | undefined
  #notify: (() => void) | undefined
  #iterated = false

  /** `onLeave` runs when the loop is left early (or ended): the place to cancel the job. */
  constructor(onLeave: () => void = () => {}) {
    this.#onLeave = onLeave
  }

  /** For `collectSink`, and for whatever carries results over from another thread. */
  readonly deliver: Deliver<T> = (values, taken) => {
    if (this.#state === 'left') return taken()
    this.#batches.push({ values, taken })
    this.#wakeLoop()
  }

  /** No more results will come: the job has finished. */
  end(): void {
    if (this.#state === 'open') this.#state = 'ended'
    this.#wakeLoop()
  }

  /** The job has failed: the loop throws `error` after the results that came before. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.end()
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T, void, void> {
    if (this.#iterated) throw new TypeError('results can be iterated over once')
    this.#iterated = true
    try {
      for (;;) {
        const batch = await this.#next()
        if (batch === undefined) break
        try {
          yield* batch.values
        } finally {
          batch.taken()
        }
      }
      if (this.#failure !== undefined) throw this.#failure.error
    } finally {
      this.#leave()
    }
  }

  async #next(): Promise<Batch<T> | undefined> {
    while (this.#batches.length === 0) {
      if (this.#state !== 'open') return undefined
      await new Promise<void>((resolve) => (this.#notify = resolve))
    }
    return this.#batches.shift()
  }

  #wakeLoop(): void {
    this.#notify?.()
    this.#notify = undefined
  }

  #leave(): void {
    this.#state = 'left'
    for (const batch of this.#batches.splice(0)) batch.taken()
    this.#onLeave()
  }
}
