import type { CheckpointOptions } from './options.ts'

/** When the next periodic checkpoint may start, as far as time is concerned. */
export class PeriodicSchedule {
  readonly #options: Pick<CheckpointOptions, 'intervalMs' | 'minPauseMs'>
  #dueMs = 0
  #pausedUntilMs = 0

  constructor(options: Pick<CheckpointOptions, 'intervalMs' | 'minPauseMs'>) {
    this.#options = options
  }

  /** Infinity: there are none. */
  get nextMs(): number {
    return this.#options.intervalMs === undefined ? Infinity : Math.max(this.#dueMs, this.#pausedUntilMs)
  }

  /** The interval counts from here: a start of the job, or of a periodic checkpoint. */
  begun(atMs: number): void {
    this.#dueMs = atMs + (this.#options.intervalMs ?? 0)
  }

  /** A checkpoint of any kind has come to its end. */
  ended(atMs: number): void {
    this.#pausedUntilMs = atMs + this.#options.minPauseMs
  }
}
