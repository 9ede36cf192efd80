import type { SubtaskId } from '../handles.ts'
import { subtaskKey, type PendingCheckpoint } from './pending-checkpoint.ts'

/** Completed checkpoints that may wait for commits before the next periodic one does: one whose commits are under way, and one whose commits follow at once. */
export const COMMITS_BEHIND_MAX = 2

/**
 * The commits that follow completed checkpoints: sinks make visible what they have staged for them.
 *
 * 1. A checkpoint waits from its completion until each sink instance that had staged output in it has committed that, or that of a newer one: an instance commits in order.
 * 2. A subtask that does not run has no commits under way: before it runs again all is committed that the restored checkpoint holds.
 */
export class CommitsUnderWay {
  /** By checkpoint, ascending: the state ids of sinks, by the key of their subtask. */
  readonly #waiting: Map<number, Map<string, Set<string>>> = new Map()

  /** Completed checkpoints that wait. */
  get behind(): number {
    return this.#waiting.size
  }

  /** State ids of the sinks that the oldest of them waits for: those that are behind. */
  get slowest(): readonly string[] {
    const oldest = this.#waiting.values().next().value ?? new Map<string, Set<string>>()
    return [...new Set([...oldest.values()].flatMap((sinks) => [...sinks]))]
  }

  /** `runs`: whether a subtask hears of it. */
  begin(checkpoint: Pick<PendingCheckpoint, 'checkpointId' | 'acknowledged'>, runs: (subtask: SubtaskId) => boolean): void {
    const subtasks = new Map<string, Set<string>>()
    for (const [key, { subtask, snapshot }] of checkpoint.acknowledged) {
      const sinks = snapshot.operators.filter(({ sinkHandles = [] }) => sinkHandles.length > 0)
      if (sinks.length > 0 && runs(subtask)) subtasks.set(key, new Set(sinks.map(({ stateId }) => stateId)))
    }
    if (subtasks.size > 0) this.#waiting.set(checkpoint.checkpointId, subtasks)
  }

  committed(subtask: SubtaskId, stateId: string, checkpointId: number): void {
    const key = subtaskKey(subtask)
    this.#forget((subtasks, id) => {
      const sinks = id <= checkpointId ? subtasks.get(key) : undefined
      if (sinks?.delete(stateId) === true && sinks.size === 0) subtasks.delete(key)
    })
  }

  /** Subtasks that do not run any more, by their keys. */
  lost(keys: readonly string[]): void {
    this.#forget((subtasks) => {
      for (const key of keys) subtasks.delete(key)
    })
  }

  #forget(some: (subtasks: Map<string, Set<string>>, checkpointId: number) => void): void {
    for (const [checkpointId, subtasks] of this.#waiting) {
      some(subtasks, checkpointId)
      if (subtasks.size === 0) this.#waiting.delete(checkpointId)
    }
  }
}
