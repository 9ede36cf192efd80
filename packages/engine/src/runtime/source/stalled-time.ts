/**
 * Finds the input for which event time stands still, of several that are looked at about once a second.
 *
 * 1. It is the one furthest behind, when it has said nothing new for `STALLED_MS` while another has gone ahead of it, and on.
 * 2. It is told once, and again only after it had said something.
 */
export interface TimedInput<T> {
  readonly input: T
  readonly watermark: number
}

export interface StalledInput<T> extends TimedInput<T> {
  /** Of the input that is furthest ahead. */
  readonly ahead: number
}

/** Shorter ones are common: inputs with pauses of their own. */
export const STALLED_MS = 60_000

export class StalledTime<T> {
  #behind: TimedInput<T> | undefined
  #sinceMs = 0
  /** How far ahead another one was then. */
  #aheadBefore = 0
  #told = false

  /** `inputs`: those that event time waits for. */
  look(nowMs: number, inputs: readonly TimedInput<T>[]): StalledInput<T> | undefined {
    const least = inputs.reduce<TimedInput<T> | undefined>(
      (found, each) => (found === undefined || each.watermark < found.watermark ? each : found),
      undefined,
    )
    const ahead = inputs.reduce((most, { watermark }) => Math.max(most, watermark), -Infinity)
    if (least === undefined || ahead === least.watermark) {
      this.#behind = undefined
      return undefined
    }
    if (this.#behind?.input !== least.input || this.#behind.watermark !== least.watermark) {
      this.#behind = least
      this.#sinceMs = nowMs
      this.#aheadBefore = ahead
      this.#told = false
    }
    if (this.#told || nowMs - this.#sinceMs < STALLED_MS || ahead === this.#aheadBefore) return undefined
    this.#told = true
    return { ...least, ahead }
  }
}
