/** Says that something is tried again and again: after a second of failures, and then ever more rarely. What succeeds before is not told. */
import { formatDuration, type Clock } from '@millrace/core'

/** Between the first failure and the first notice, then between notices; the last from then on. */
const PAUSES_MS = [1_000, 10_000, 30_000, 60_000] as const

export class SetbackNotices {
  readonly #clock: Clock
  readonly #tell: (duration: string, problem: string) => void
  #sinceMs: number | undefined
  #toldAtMs = 0
  #timesTold = 0

  constructor(clock: Clock, tell: (duration: string, problem: string) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  /** An attempt has failed, and there will be another. */
  failed(problem: string): void {
    const nowMs = this.#clock.monotonic()
    if (this.#sinceMs === undefined) {
      this.#sinceMs = nowMs
      this.#toldAtMs = nowMs
      this.#timesTold = 0
      return
    }
    if (nowMs - this.#toldAtMs < PAUSES_MS[Math.min(this.#timesTold, PAUSES_MS.length - 1)]!) return
    this.#toldAtMs = nowMs
    this.#timesTold++
    this.#tell(formatDuration(Math.round((nowMs - this.#sinceMs) / 1_000) * 1_000), problem)
  }

  /** One has succeeded. */
  over(): void {
    this.#sinceMs = undefined
  }
}
