import type { CheckpointKind } from './coordinator-events.ts'
import type { PendingCheckpoint } from './pending-checkpoint.ts'

/** The checkpoints of an attempt that are under way, ascending by id. */
export class PendingCheckpoints {
  #all: PendingCheckpoint[] = []

  get count(): number {
    return this.#all.length
  }

  all(): readonly PendingCheckpoint[] {
    return this.#all
  }

  add(checkpoint: PendingCheckpoint): void {
    this.#all.push(checkpoint)
  }

  remove(checkpoint: PendingCheckpoint): void {
    this.#all = this.#all.filter((other) => other !== checkpoint)
  }

  find(checkpointId: number): PendingCheckpoint | undefined {
    return this.#all.find((checkpoint) => checkpoint.checkpointId === checkpointId)
  }

  has(kind: CheckpointKind): boolean {
    return this.#all.some((checkpoint) => checkpoint.kind === kind)
  }

  olderThan(checkpointId: number): readonly PendingCheckpoint[] {
    return this.#all.filter((other) => other.checkpointId < checkpointId)
  }

  /** One at a time, in their order. */
  nextToPersist(): PendingCheckpoint | undefined {
    if (this.#all.some(({ phase }) => phase === 'persisting')) return undefined
    return this.#all.find(({ phase }) => phase === 'acknowledged')
  }

  expired(atMs: number, timeoutMs: number): readonly PendingCheckpoint[] {
    return this.#collecting().filter(({ triggeredAtMs }) => atMs >= triggeredAtMs + timeoutMs)
  }

  /** When the first of them expires; Infinity if none will. */
  nextExpiryMs(timeoutMs: number): number {
    return Math.min(...this.#collecting().map(({ triggeredAtMs }) => triggeredAtMs + timeoutMs))
  }

  /** Completed checkpoints from this one on may be built upon; Infinity: none. */
  neededId(): number {
    return Math.min(...this.#all.map(({ baseId }) => baseId))
  }

  #collecting(): readonly PendingCheckpoint[] {
    return this.#all.filter(({ phase }) => phase === 'collecting')
  }
}
