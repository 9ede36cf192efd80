/** Takes results: calls `taken` once it wants the next ones. */
export type Deliver<T> = (values: readonly T[], taken: () => void) => void

interface Batch<T> {
  readonly values: readonly T[]
  readonly taken: () => void
}

interface Waiting<T> {
  readonly resolve: (result: IteratorResult<T, void>) => void
  readonly reject: (error: unknown) => void
}

/**
 * Results between a job and a loop over them.
 *
 * 1. Values leave in the order in which they came; those delivered before `end` or `fail` still do.
 * 2. A batch is `taken` when the loop asks beyond its last value: the job is never further ahead than the batches its writers
 *    may have under way.
 * 3. There is one loop; when it is left, `onLeave` runs once and later batches are taken and dropped. It can be left before it has begun, and while it waits.
 */
export class ResultBuffer<T> implements AsyncIterable<T> {
  readonly #onLeave: () => void | Promise<void>
  readonly #batches: Batch<T>[] = []
  /** Of the first batch, values that the loop has had. */
  #had = 0
  #state: 'open' | 'ended' | 'left' = 'open'
  #failure: { readonly error: unknown } | undefined
  /** Asked for, and not there yet. */
  readonly #waiting: Waiting<T>[] = []
  #iterated = false
  #leaving: Promise<void> | undefined

  /** `onLeave` runs when the loop is left early (or ended): the place to cancel the job. Whoever leaves waits for the promise it answers. */
  constructor(onLeave: () => void | Promise<void> = () => {}) {
    this.#onLeave = onLeave
  }

  /** For `collectSink`, and for whatever carries results over from another thread. */
  readonly deliver: Deliver<T> = (values, taken) => {
    if (this.#state === 'left') return taken()
    this.#batches.push({ values, taken })
    this.#serve()
  }

  /** No more results will come: the job has finished. */
  end(): void {
    if (this.#state === 'open') this.#state = 'ended'
    this.#serve()
  }

  /** The job has failed: the loop throws `error` after the results that came before. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.end()
  }

  [Symbol.asyncIterator](): AsyncIterator<T, void, void> {
    if (this.#iterated) throw new TypeError('results can be iterated over once')
    this.#iterated = true
    return {
      next: () =>
        new Promise((resolve, reject) => {
          this.#waiting.push({ resolve, reject })
          this.#serve()
        }),
      return: async () => {
        await this.#leave()
        return { done: true, value: undefined }
      },
      throw: async (error: unknown) => {
        await this.#leave()
        throw error
      },
    }
  }

  #serve(): void {
    while (this.#waiting.length > 0) {
      const batch = this.#batches[0]
      if (batch === undefined) {
        if (this.#state === 'open') return
        this.#end()
      } else if (this.#had === batch.values.length) {
        this.#batches.shift()
        this.#had = 0
        batch.taken()
      } else this.#waiting.shift()!.resolve({ done: false, value: batch.values[this.#had++]! })
    }
  }

  /** The loop has had everything. A failure is thrown once, then it is over. */
  #end(): void {
    const { resolve, reject } = this.#waiting.shift()!
    const failure = this.#failure
    this.#failure = undefined
    const settle = (): void => (failure === undefined ? resolve({ done: true, value: undefined }) : reject(failure.error))
    void this.#leave().then(settle, settle)
  }

  #leave(): Promise<void> {
    if (this.#leaving !== undefined) return this.#leaving
    this.#state = 'left'
    for (const batch of this.#batches.splice(0)) batch.taken()
    this.#leaving = (async () => await this.#onLeave())()
    for (const { resolve } of this.#waiting.splice(0)) resolve({ done: true, value: undefined })
    return this.#leaving
  }
}
