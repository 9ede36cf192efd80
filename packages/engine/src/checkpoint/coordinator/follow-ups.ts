import type { PendingCheckpoint } from './pending-checkpoint.ts'

/**
 * Savepoints that are complete and not announced, because sinks have staged output for them (part files, prepared transactions) that nothing else holds yet. A restart
 * from an older checkpoint would give that up, and the savepoint would be left with handles of nothing. So one checkpoint more is taken: once it is complete, what was
 * staged belongs to the job's own history and is committed, whatever happens.
 */
export class FollowUps {
  #waiting: PendingCheckpoint[] = []
  #due = false

  /** Whether a checkpoint is to be taken for their sake. */
  get due(): boolean {
    return this.#due
  }

  add(savepoint: PendingCheckpoint): void {
    this.#waiting.push(savepoint)
    this.#due = true
  }

  /** A checkpoint has begun, for whatever reason. If it fails they wait for the next that begins by itself. */
  begun(): void {
    this.#due = false
  }

  /** Takes out those that a completed checkpoint came after. */
  completed(checkpointId: number): readonly PendingCheckpoint[] {
    const done = this.#waiting.filter((savepoint) => savepoint.checkpointId < checkpointId)
    this.#waiting = this.#waiting.filter((savepoint) => savepoint.checkpointId >= checkpointId)
    return done
  }

  /** Takes out all: they will not be announced. */
  giveUp(): readonly PendingCheckpoint[] {
    this.#due = false
    return this.#waiting.splice(0)
  }
}
