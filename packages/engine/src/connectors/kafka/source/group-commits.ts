/**
 * Commits offsets to a group when the checkpoint they belong to is complete, for tools that show lag. The truth is in the checkpoint: a commit that
 * fails is reported, and the next one says all of it again.
 *
 * 1. Only offsets of a complete checkpoint are committed, and never older ones after newer ones.
 * 2. One commit is under way at most; what comes meanwhile is the next, and of several only the last.
 */
import type { LogClient, OffsetToCommit } from '@millrace/log/client'
import { splitId } from './split.ts'

/** Checkpoints whose end is not known that are remembered at most. */
const PENDING_MAX = 256

export class GroupCommits {
  readonly #client: LogClient
  readonly #groupId: string
  readonly #failed: (message: string) => void
  readonly #pending = new Map<number, readonly OffsetToCommit[]>()
  /** Read to the end, and not committed yet. */
  readonly #finished = new Map<string, OffsetToCommit>()
  #next: readonly OffsetToCommit[] | undefined
  #running: Promise<void> | undefined

  constructor(client: LogClient, groupId: string, failed: (message: string) => void) {
    this.#client = client
    this.#groupId = groupId
    this.#failed = failed
  }

  /** The partition is not read any more; where it ended is part of the next snapshot. */
  finished(offset: OffsetToCommit): void {
    this.#finished.set(splitId(offset), offset)
  }

  snapshot(checkpointId: number, offsets: readonly OffsetToCommit[]): void {
    this.#pending.set(checkpointId, [...this.#finished.values(), ...offsets])
    if (this.#pending.size > PENDING_MAX) this.#pending.delete(this.#pending.keys().next().value!)
  }

  complete(checkpointId: number): void {
    const offsets = this.#pending.get(checkpointId)
    for (const id of this.#pending.keys()) if (id <= checkpointId) this.#pending.delete(id)
    if (offsets === undefined || offsets.length === 0) return
    this.#next = offsets
    this.#running ??= this.#run()
  }

  /** Waits for the commit that is under way. */
  async close(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    for (let offsets = this.#next; offsets !== undefined; offsets = this.#next) {
      this.#next = undefined
      try {
        await this.#client.admin.groups.commitOffsets(this.#groupId, offsets)
        for (const offset of offsets) if (this.#finished.get(splitId(offset)) === offset) this.#finished.delete(splitId(offset))
      } catch (error) {
        this.#failed(`the offsets of group ${this.#groupId} were not committed: ${(error as Error).message}`)
      }
    }
    this.#running = undefined
  }
}
