import type { Cancel } from '@millrace/core'
import type { SinkWriter, WriterContext } from '../sink.ts'
import { Patience } from './patience.ts'
import type { Staging } from './staging.ts'
import type { RowStore } from './store.ts'

export interface AtLeastOnceOptions<T> {
  readonly store: RowStore
  readonly staging: Staging<T>
  readonly batchRows: number
  readonly batchIntervalMs: number
  readonly retryForMs: number
}

/** Batches that may wait before it presses back. */
const WAITING_BATCHES = 4
const WAITING_BYTES = 16 * 1_024 * 1_024

/**
 * Writes the rows of one subtask as they come, in batches.
 *
 * 1. One batch is under way at a time: a later row of a key is never overtaken by an earlier one.
 * 2. A checkpoint is prepared only when all rows before it are in the table; a row that fails fails the task.
 */
export class AtLeastOnceWriter<T> implements SinkWriter<T> {
  readonly #context: WriterContext
  readonly #options: AtLeastOnceOptions<T>
  readonly #patience: Patience
  #sending: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  #cancelTimer: Cancel | undefined
  #isPressing = false
  #isClosed = false

  constructor(context: WriterContext, options: AtLeastOnceOptions<T>) {
    this.#context = context
    this.#options = options
    this.#patience = new Patience(context.clock, options.retryForMs, (notice) => context.report?.(notice))
  }

  async open(): Promise<void> {
    await this.#patience.with(() => this.#options.store.check())
  }

  write(value: T): void {
    const { staging, batchRows, batchIntervalMs } = this.#options
    staging.add(value)
    if (staging.rows >= batchRows) this.flush()
    else this.#cancelTimer ??= this.#context.clock.after(batchIntervalMs, () => this.flush())
  }

  ready(): boolean {
    const { staging, batchRows } = this.#options
    this.#isPressing = staging.rows >= batchRows * WAITING_BATCHES || staging.sizeBytes >= WAITING_BYTES
    return !this.#isPressing
  }

  flush(): void {
    if (this.#sending !== undefined || this.#isClosed || this.#failure !== undefined) return
    if (this.#options.staging.rows === 0) return
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#sending = this.#send()
  }

  async prepare(): Promise<readonly unknown[]> {
    await this.#sending
    this.#check()
    // Takes all that is staged, unless the batch before has done so at its end.
    this.flush()
    await this.#sending
    this.#check()
    return []
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelTimer?.()
    this.#patience.end()
    await this.#options.store.close()
  }

  async #send(): Promise<void> {
    const { store, staging, batchRows } = this.#options
    const rows = staging.take()
    // The next batch comes together while this one is under way.
    if (this.#isPressing && this.ready()) this.#context.wake()
    try {
      await this.#patience.with(() => store.transaction((transaction) => transaction.write(rows)))
    } catch (error) {
      this.#failed(error)
    }
    this.#sending = undefined
    if (this.#isClosed) return
    if (staging.rows >= batchRows) this.flush()
    else if (staging.rows > 0) this.#cancelTimer ??= this.#context.clock.after(this.#options.batchIntervalMs, () => this.flush())
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #failed(error: unknown): void {
    if (this.#isClosed || this.#failure !== undefined) return
    this.#failure = { error }
    this.#context.fail(error)
  }
}
