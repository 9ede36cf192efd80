/**
 * What the inputs of a task have heard about checkpoints, from the master or in barriers, whichever came first.
 *
 * 1. No id that is told falls.
 * 2. Where the snapshot of a savepoint goes is answered once, and then forgotten with all that is older: nothing older will be taken any more.
 */
import type { SavepointTarget } from '../../checkpoint/coordinator/coordinator-events.ts'

/** What a trigger and a barrier both say. */
export interface CheckpointNews {
  readonly checkpointId: number
  readonly completedId: number
  readonly unaligned?: boolean
  readonly savepoint?: SavepointTarget
}

export class KnownCheckpoints {
  /** The newest that is complete. */
  completedId = 0
  /** The newest that need not be aligned. */
  unalignedId = 0
  /** Where the snapshots of savepoints go that are not taken yet. */
  readonly #savepoints: Map<number, SavepointTarget> = new Map()

  hear({ checkpointId, completedId, unaligned, savepoint }: CheckpointNews): void {
    this.completedId = Math.max(this.completedId, completedId)
    if (unaligned === true) this.unalignedId = Math.max(this.unalignedId, checkpointId)
    if (savepoint !== undefined) this.#savepoints.set(checkpointId, savepoint)
  }

  /** Where the snapshot of a checkpoint goes that is taken now, or given up. */
  takeSavepoint(checkpointId: number): SavepointTarget | undefined {
    if (this.#savepoints.size === 0) return undefined
    const target = this.#savepoints.get(checkpointId)
    for (const id of this.#savepoints.keys()) if (id <= checkpointId) this.#savepoints.delete(id)
    return target
  }
}
