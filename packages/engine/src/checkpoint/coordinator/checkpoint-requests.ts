import type { AbortReason, CoordinatorCommand, SavepointRequest } from './coordinator-events.ts'
import { FollowUps } from './follow-ups.ts'
import type { PendingCheckpoint } from './pending-checkpoint.ts'

/** One that no checkpoint has begun for. */
export interface WaitingSavepoint extends SavepointRequest {
  /** Monotonic time. */
  readonly askedAtMs: number
}

type RequestDone = Extract<CoordinatorCommand, { kind: 'request-done' }>

/**
 * Checkpoints and savepoints that somebody has asked for, from the request to the answer. Requests for plain checkpoints share the next one; each savepoint is its own.
 */
export class CheckpointRequests {
  readonly #push: (command: RequestDone) => void
  readonly #followUps = new FollowUps()
  #plain: number[] = []
  #savepoints: WaitingSavepoint[] = []

  constructor(push: (command: RequestDone) => void) {
    this.#push = push
  }

  add(requestId: number): void {
    this.#plain.push(requestId)
  }

  addSavepoint(savepoint: WaitingSavepoint): void {
    this.#savepoints.push(savepoint)
  }

  get waitingSavepoints(): readonly WaitingSavepoint[] {
    return this.#savepoints
  }

  get savepointWaits(): boolean {
    return this.#savepoints.length > 0
  }

  /** Whether a checkpoint is to begin that is no savepoint, whatever the time. */
  get checkpointDue(): boolean {
    return this.#plain.length > 0 || this.#followUps.due
  }

  takeSavepoint(): SavepointRequest | undefined {
    return this.#savepoints.shift()
  }

  /** A checkpoint begins that is no savepoint: those that are answered with it. */
  takePlain(): readonly number[] {
    this.#followUps.begun()
    return this.#plain.splice(0)
  }

  completed(checkpoint: PendingCheckpoint): void {
    if (checkpoint.kind === 'savepoint' && checkpoint.hasStagedOutput) return this.#followUps.add(checkpoint)
    const followed = checkpoint.kind === 'savepoint' ? [] : this.#followUps.completed(checkpoint.checkpointId)
    for (const { requestIds, checkpointId } of [...followed, checkpoint]) {
      for (const requestId of requestIds) this.#push({ kind: 'request-done', requestId, outcome: { kind: 'completed', checkpointId } })
    }
  }

  givenUp({ requestIds, checkpointId }: PendingCheckpoint, reason: AbortReason): void {
    for (const requestId of requestIds) this.refuse(requestId, reason, checkpointId)
  }

  /** No other checkpoint will come that complete savepoints could be announced after. */
  giveUpFollowUps(reason: AbortReason): void {
    for (const savepoint of this.#followUps.giveUp()) this.givenUp(savepoint, reason)
  }

  giveUpSavepoints(which: (savepoint: WaitingSavepoint) => boolean, reason: AbortReason): void {
    const givenUp = this.#savepoints.filter((savepoint) => which(savepoint))
    this.#savepoints = this.#savepoints.filter((savepoint) => !givenUp.includes(savepoint))
    for (const { requestId } of givenUp) this.refuse(requestId, reason)
  }

  /** `others`: requests that are waited for elsewhere. */
  close(reason: AbortReason, others: readonly number[]): void {
    this.giveUpFollowUps(reason)
    const savepoints = this.#savepoints.splice(0).map(({ requestId }) => requestId)
    for (const requestId of [...others, ...this.#plain.splice(0), ...savepoints]) this.refuse(requestId, reason)
  }

  refuse(requestId: number, reason: AbortReason, checkpointId = 0): void {
    this.#push({ kind: 'request-done', requestId, outcome: { kind: 'aborted', checkpointId, reason } })
  }
}
