/** From the start on, and from the loss of a region on, no checkpoint begins until all of the job runs: how long whoever has asked for one waits for that. */
export class Standstill {
  #sinceMs: number | undefined = -Infinity

  begin(atMs: number): void {
    this.#sinceMs ??= atMs
  }

  end(): void {
    this.#sinceMs = undefined
  }

  /** When the first of the requests of these moments has waited for `waitMs`. Infinity: all runs, or there is none. */
  untilMs(askedAtMs: readonly number[], waitMs: number): number {
    return this.#sinceMs === undefined ? Infinity : Math.max(this.#sinceMs, Math.min(...askedAtMs)) + waitMs
  }
}
