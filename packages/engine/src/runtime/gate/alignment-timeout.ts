/**
 * How long the snapshot of an unaligned checkpoint waits for barriers before it overtakes what is in front of them.
 *
 * 1. One checkpoint is waited for at a time: a newer one takes the place of an older one, never the other way round.
 * 2. That its time is over is answered once.
 */
import type { Cancel, Clock } from '@millrace/core'

/** A checkpoint that waits no longer for barriers. */
export interface Overdue {
  readonly checkpointId: number
  readonly triggeredMs: number
}

export class AlignmentTimeout {
  readonly #timeoutMs: number
  readonly #clock: Clock
  readonly #wake: () => void
  #waiting: (Overdue & { over: boolean; readonly cancel: Cancel }) | undefined

  /** `timeoutMs`: from the trigger; 0: no barrier is waited for. `wake`: told when `take` has something new. */
  constructor(timeoutMs: number, clock: Clock, wake: () => void) {
    this.#timeoutMs = timeoutMs
    this.#clock = clock
    this.#wake = wake
  }

  /** The checkpoint that is waited for. */
  get checkpointId(): number | undefined {
    return this.#waiting?.checkpointId
  }

  /** Answers whether there is nothing to wait for. `triggeredMs` on the wall clock. */
  begin(checkpointId: number, triggeredMs: number): boolean {
    if (checkpointId <= (this.#waiting?.checkpointId ?? 0)) return false
    if (this.#timeoutMs === 0) return true
    this.cancel()
    const leftMs = Math.min(this.#timeoutMs, Math.max(0, triggeredMs + this.#timeoutMs - this.#clock.now()))
    const cancel = this.#clock.after(leftMs, () => {
      waiting.over = true
      this.#wake()
    })
    const waiting = { checkpointId, triggeredMs, over: false, cancel }
    this.#waiting = waiting
    return false
  }

  /** The checkpoint whose time is over. */
  take(): Overdue | undefined {
    const waiting = this.#waiting
    if (waiting?.over !== true) return undefined
    this.#waiting = undefined
    return waiting
  }

  cancel(): void {
    this.#waiting?.cancel()
    this.#waiting = undefined
  }
}
