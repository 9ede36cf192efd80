import type { CheckpointOptions } from '../options.ts'

/** When the next periodic checkpoint may start, as far as time is concerned. */
export class PeriodicSchedule {
  #options: Pick<CheckpointOptions, 'intervalMs' | 'minPauseMs'>
  /** Of the last start of the job or of a periodic checkpoint. */
  #begunMs = 0
  /** When the last one has ended. */
  #endedMs = -Infinity

  constructor(options: Pick<CheckpointOptions, 'intervalMs' | 'minPauseMs'>) {
    this.#options = options
  }

  /** The next one counts by these, from what has begun and ended. */
  change(options: Pick<CheckpointOptions, 'intervalMs' | 'minPauseMs'>): void {
    this.#options = options
  }

  /** Infinity: there are none. */
  get nextMs(): number {
    return this.#options.intervalMs === undefined
      ? Infinity
      : Math.max(this.#begunMs + this.#options.intervalMs, this.#endedMs + this.#options.minPauseMs)
  }

  /** The interval counts from here: a start of the job, or of a periodic checkpoint. */
  begun(atMs: number): void {
    this.#begunMs = atMs
  }

  /** A checkpoint of any kind has come to its end. */
  ended(atMs: number): void {
    this.#endedMs = atMs
  }
}
