import type { WaitingSavepoint } from './checkpoint-requests.ts'
import type { SavepointRequest } from './coordinator-events.ts'

export type EndingCause = 'stop' | 'input-finished'

/**
 * Why a run is to end, and what its last checkpoint is taken for.
 *
 * 1. The first cause counts. Only the failure of a stop with savepoint takes it back: then what else has been asked for, or has happened, counts.
 * 2. There is one savepoint at most that the last checkpoint is stored as.
 */
export class Ending {
  #cause: EndingCause | undefined
  #stopAsked = false
  #inputFinished = false
  #savepoint: WaitingSavepoint | undefined
  #begun = false
  #draining = false
  /** When the last checkpoint may be tried. */
  dueMs = 0

  get cause(): EndingCause | undefined {
    return this.#cause
  }

  /** The last checkpoint begins: what it is stored as. */
  begin(): SavepointRequest | undefined {
    this.#begun = true
    return this.#savepoint
  }

  /** The savepoint that no checkpoint has begun for. */
  get waiting(): readonly WaitingSavepoint[] {
    return this.#savepoint === undefined || this.#begun ? [] : [this.#savepoint]
  }

  /** Whether the user wanted it. */
  get stopped(): boolean {
    return this.#cause === 'stop' || this.#draining
  }

  /** Whether sources were told to end. */
  get draining(): boolean {
    return this.#draining
  }

  /** Whether another stop with savepoint would change anything that is under way. */
  get isTaken(): boolean {
    return this.#cause !== undefined || this.#savepoint !== undefined
  }

  stop(atMs: number): void {
    this.#stopAsked = true
    this.#cite('stop', atMs)
  }

  stopWithSavepoint(savepoint: WaitingSavepoint, atMs: number): void {
    this.#savepoint = savepoint
    this.#cite('stop', atMs)
  }

  /** The last checkpoint comes when the sources' end has passed through the job. */
  drain(savepoint: WaitingSavepoint): void {
    this.#savepoint = savepoint
    this.#draining = true
  }

  finishInput(atMs: number): void {
    this.#inputFinished = true
    this.#cite('input-finished', atMs)
  }

  /** The savepoint came to nothing: the job goes on, unless it would have ended without. */
  savepointFailed(atMs: number): void {
    this.#savepoint = undefined
    this.#begun = false
    this.#cause = undefined
    if (this.#stopAsked) this.#cite('stop', atMs)
    else if (this.#inputFinished) this.#cite('input-finished', atMs)
  }

  #cite(cause: EndingCause, atMs: number): void {
    if (this.#cause !== undefined) return
    this.#cause = cause
    this.dueMs = atMs
  }
}
