import type { Cancel, Clock, MillraceError } from '@millrace/core'
import { isJobFenced } from './lock-errors.ts'
import { LEASE_MS, renewalMs } from './lock-lease.ts'

export interface LockRenewalParts {
  readonly clock: Clock
  /** Looks for a higher claim, and stores what no renewal before has stored. @throws JOB_FENCED if there is one; whatever else may pass until the next time */
  readonly renew: () => Promise<void>
}

/**
 * Renews a claim for as long as it is held.
 *
 * 1. One renewal at a time, begun at equal intervals as long as the storage keeps up.
 * 2. One that fails is made up for by the next: what has become of the claim meanwhile that one will see.
 * 3. When the claim has been taken over it is said once, and nothing is renewed any more.
 */
export class LockRenewal {
  readonly #parts: LockRenewalParts
  #cancel: Cancel | undefined
  #underWay: Promise<void> = Promise.resolve()
  #running = false
  #fenced: ((error: MillraceError) => void) | undefined

  constructor(parts: LockRenewalParts) {
    this.#parts = parts
  }

  /** Whom to tell. */
  onFenced(tell: (error: MillraceError) => void): void {
    this.#fenced = tell
  }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#setTimer(renewalMs(LEASE_MS))
  }

  /** Resolves when nothing of it is under way. */
  async stop(): Promise<void> {
    this.#running = false
    this.#cancel?.()
    await this.#underWay
  }

  #setTimer(delayMs: number): void {
    this.#cancel = this.#parts.clock.after(delayMs, () => {
      this.#underWay = this.#renew()
    })
  }

  async #renew(): Promise<void> {
    const { clock, renew } = this.#parts
    const begunMs = clock.monotonic()
    try {
      await renew()
    } catch (error) {
      if (isJobFenced(error) && this.#running) {
        this.#running = false
        this.#fenced?.(error)
      }
    }
    if (this.#running) this.#setTimer(Math.max(0, renewalMs(LEASE_MS) - (clock.monotonic() - begunMs)))
  }
}
