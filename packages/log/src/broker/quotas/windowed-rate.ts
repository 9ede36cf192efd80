/**
 * A rate over the last windows, as Kafka measures it: until the windows are filled the time of all but one of them counts, so that a short
 * burst is no violation.
 */
export interface WindowOptions {
  readonly windows: number
  readonly windowMs: number
}

export class WindowedRate {
  readonly #options: WindowOptions
  readonly #sums: Float64Array
  /** Number of the newest window, counted from time 0; NaN before the first record. */
  #newest = Number.NaN
  #oldest = Number.NaN

  constructor(options: WindowOptions) {
    this.#options = options
    this.#sums = new Float64Array(options.windows)
  }

  record(value: number, nowMs: number): void {
    const { windows, windowMs } = this.#options
    const window = Math.floor(nowMs / windowMs)
    if (Number.isNaN(this.#newest) || window - this.#newest >= windows) {
      this.#sums.fill(0)
      this.#oldest = window
      this.#newest = window
    }
    for (; this.#newest < window; this.#newest++) this.#sums[(this.#newest + 1) % windows] = 0
    this.#oldest = Math.max(this.#oldest, this.#newest - windows + 1)
    this.#sums[window % windows]! += value
  }

  /** A second. */
  rate(nowMs: number): number {
    if (this.isIdle(nowMs)) return 0
    const { windows, windowMs } = this.#options
    const oldest = Math.max(this.#oldest, Math.floor(nowMs / windowMs) - windows + 1)
    let sum = 0
    for (let window = oldest; window <= this.#newest; window++) sum += this.#sums[window % windows]!
    const elapsedMs = nowMs - oldest * windowMs
    return (sum / Math.max(elapsedMs, (windows - 1) * windowMs, windowMs)) * 1000
  }

  /** How long nothing more must come, so that the rate falls to the limit. */
  throttleMs(limit: number, nowMs: number): number {
    const rate = this.rate(nowMs)
    if (rate <= limit) return 0
    const spanMs = Math.max(1, this.#options.windows - 1) * this.#options.windowMs
    return limit > 0 ? Math.ceil((rate / limit - 1) * spanMs) : spanMs
  }

  /** Nothing was recorded in any of the windows. */
  isIdle(nowMs: number): boolean {
    const { windows, windowMs } = this.#options
    return Number.isNaN(this.#newest) || Math.floor(nowMs / windowMs) - this.#newest >= windows
  }
}
