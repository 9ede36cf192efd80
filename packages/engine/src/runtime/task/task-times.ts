import type { StepOutcome } from './task-types.ts'

/** How a subtask spends its time: what it does between two looks counts as what the first of them found. */
export class TaskTimes {
  #busyMs = 0
  #backPressuredMs = 0
  #idleMs = 0
  #since = 0
  #found: StepOutcome = 'idle'

  constructor(nowMs: number) {
    this.#since = nowMs
  }

  /** A step is about to begin. */
  begin(nowMs: number): void {
    const elapsed = nowMs - this.#since
    if (this.#found === 'back-pressured') this.#backPressuredMs += elapsed
    else this.#idleMs += elapsed
    this.#since = nowMs
  }

  /** It is over, and found this. */
  end(nowMs: number, found: StepOutcome): void {
    this.#busyMs += nowMs - this.#since
    this.#since = nowMs
    this.#found = found
  }

  /** Shares of the time since the last call; they add up to 1. */
  take(nowMs: number): { readonly busyRatio: number; readonly backPressuredRatio: number; readonly idleRatio: number } {
    this.begin(nowMs)
    const total = this.#busyMs + this.#backPressuredMs + this.#idleMs
    const ratios =
      total === 0
        ? { busyRatio: 0, backPressuredRatio: 0, idleRatio: 1 }
        : { busyRatio: this.#busyMs / total, backPressuredRatio: this.#backPressuredMs / total, idleRatio: this.#idleMs / total }
    this.#busyMs = 0
    this.#backPressuredMs = 0
    this.#idleMs = 0
    return ratios
  }
}
