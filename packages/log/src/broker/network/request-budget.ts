/**
 * The memory of requests, over all connections of a broker: `queued.max.request.bytes`.
 *
 * 1. A request is granted its bytes while fewer than the limit are taken: so one of any size gets through, and the overshoot is one request.
 * 2. Who has to wait is granted in the order of asking.
 */
export interface BudgetGrant {
  readonly bytes: number
  /** Gives the bytes back, or stops waiting for them. Calling it again does nothing. */
  release(): void
}

interface Waiting {
  readonly bytes: number
  readonly granted: () => void
}

export class RequestBudget {
  readonly #limitBytes: number
  #takenBytes = 0
  readonly #waiting = new Set<Waiting>()

  /** @param limitBytes Infinity for none */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get takenBytes(): number {
    return this.#takenBytes
  }

  get waitingCount(): number {
    return this.#waiting.size
  }

  /** Takes the bytes at once where it may, or later: `granted` is called then, and only then. */
  take(bytes: number, granted: () => void): { readonly isGranted: boolean; readonly grant: BudgetGrant } {
    const isGranted = this.#waiting.size === 0 && this.#takenBytes < this.#limitBytes
    const waiting: Waiting = { bytes, granted }
    if (isGranted) this.#takenBytes += bytes
    else this.#waiting.add(waiting)
    let isHeld = true
    const release = (): void => {
      if (!isHeld) return
      isHeld = false
      if (!this.#waiting.delete(waiting)) this.#takenBytes -= bytes
      this.#grantWaiting()
    }
    return { isGranted, grant: { bytes, release } }
  }

  #grantWaiting(): void {
    for (const waiting of this.#waiting) {
      if (this.#takenBytes >= this.#limitBytes) return
      this.#waiting.delete(waiting)
      this.#takenBytes += waiting.bytes
      waiting.granted()
    }
  }
}
