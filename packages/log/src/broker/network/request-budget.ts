/**
 * The memory of requests, over all connections of a broker: `queued.max.request.bytes`.
 *
 * 1. A request is granted its bytes while fewer than the limit are taken: so one of any size gets through, and the overshoot is one request.
 * 2. Who has to wait is granted in the order of asking.
 * 3. While somebody waits, a request that has stopped arriving keeps no more than what is there of it, and asks for the rest when it goes on: what
 *    is only claimed keeps nobody out for longer than `STALLED_AFTER_MS`. Where all that is taken is kept so, the next is granted its bytes beyond the limit, and so on one at a time.
 */
import { LinkedList, type Clock, type Link } from '@millrace/core'

export interface BudgetGrant {
  /** Of the whole request. */
  readonly bytes: number
  /** Whether it has been cut down to what has arrived. */
  readonly isCut: boolean
  /** Asks for the rest of one that was cut. Gives whether it is granted at once; `granted` of the first asking is called otherwise, later. */
  regain(): boolean
  /** Gives the bytes back, or stops waiting for them. Calling it again does nothing. */
  release(): void
}

/** What is known of a request that is arriving. */
export interface Arrival {
  readonly arrivedBytes: number
  /** When something of it came last, on `clock.monotonic`. */
  readonly heardAtMs: number
}

export interface BudgetClaim {
  readonly bytes: number
  /** Called where it is not granted at once, when it is. */
  readonly granted: () => void
  /** Undefined once all of it is there. */
  readonly arrival: () => Arrival | undefined
}

/** After so long without a byte a request has stopped arriving. */
const STALLED_AFTER_MS = 1000

export class RequestBudget {
  readonly #limitBytes: number
  readonly #clock: Clock
  #takenBytes = 0
  readonly #waiting = new LinkedList<Grant>()
  /** Granted, and not cut. */
  readonly #active = new LinkedList<Grant>()
  #isToLook = false

  /** @param limitBytes Infinity for none */
  constructor(limitBytes: number, clock: Clock) {
    this.#limitBytes = limitBytes
    this.#clock = clock
  }

  get takenBytes(): number {
    return this.#takenBytes
  }

  get waitingCount(): number {
    return this.#waiting.size
  }

  /** Takes the bytes at once where it may, or later: `granted` is called then, and only then. */
  take(claim: BudgetClaim): { readonly isGranted: boolean; readonly grant: BudgetGrant } {
    const grant = new Grant(claim, {
      ask: () => this.#ask(grant),
      release: () => {
        this.#takeOut(grant)
        this.#takenBytes -= grant.heldBytes
        this.#grantWaiting()
      },
    })
    return { isGranted: this.#ask(grant), grant }
  }

  #ask(grant: Grant): boolean {
    if (this.#waiting.size === 0 && this.#hasRoom) {
      this.#give(grant)
      return true
    }
    grant.link = this.#waiting.add(grant)
    this.#lookLater()
    return false
  }

  get #hasRoom(): boolean {
    return this.#takenBytes < this.#limitBytes || this.#active.size === 0
  }

  #give(grant: Grant): void {
    this.#takenBytes += grant.bytes - grant.heldBytes
    grant.heldBytes = grant.bytes
    grant.link = this.#active.add(grant)
  }

  #grantWaiting(): void {
    for (const waiting of this.#waiting) {
      if (!this.#hasRoom) return
      this.#takeOut(waiting)
      this.#give(waiting)
      waiting.claim.granted()
    }
  }

  #lookLater(): void {
    if (this.#isToLook) return
    this.#isToLook = true
    this.#clock.after(STALLED_AFTER_MS, () => {
      this.#isToLook = false
      const sinceMs = this.#clock.monotonic() - STALLED_AFTER_MS
      for (const grant of this.#active) {
        const arrival = grant.claim.arrival()
        if (arrival !== undefined && arrival.heardAtMs <= sinceMs) this.#cut(grant, arrival.arrivedBytes)
      }
      this.#grantWaiting()
      if (this.#waiting.size > 0) this.#lookLater()
    })
  }

  /** Out of the list that it is in. */
  #takeOut({ link }: Grant): void {
    if (link !== undefined && !this.#waiting.remove(link)) this.#active.remove(link)
  }

  #cut(grant: Grant, arrivedBytes: number): void {
    this.#takeOut(grant)
    this.#takenBytes -= grant.heldBytes - arrivedBytes
    grant.heldBytes = arrivedBytes
    grant.isCut = true
  }
}

interface GrantActions {
  readonly ask: () => boolean
  readonly release: () => void
}

class Grant implements BudgetGrant {
  readonly claim: BudgetClaim
  readonly #actions: GrantActions
  /** In the list of those that wait, or of the active ones. */
  link: Link<Grant> | undefined
  heldBytes = 0
  isCut = false
  #isReleased = false

  constructor(claim: BudgetClaim, actions: GrantActions) {
    this.claim = claim
    this.#actions = actions
  }

  get bytes(): number {
    return this.claim.bytes
  }

  regain(): boolean {
    this.isCut = false
    return this.#actions.ask()
  }

  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#actions.release()
  }
}
