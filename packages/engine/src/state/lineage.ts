// Which completed checkpoint the next one may be a delta over, and which key groups it writes in full.
//
// 1. The base is always a completed checkpoint, the newest one: one that is not complete yet, or never will be, is built upon by none.
// 2. A group's chain (the snapshots that hold segments of it, back to its last full one) never gets longer than CHAIN_LENGTH_MAX:
//    each checkpoint writes a share of the groups in full, those with the longest chains.
// 3. The share grows with what changes: the deltas of a chain have about three times as many rows as its group, at most. What a restore reads is bounded so, and a
//    checkpoint of few changes writes few rows besides them.
import type { KeyGroupRange } from '../keys/key-group.ts'

export const CHAIN_LENGTH_MAX = 32
/** Of the key groups, what a checkpoint writes in full where nothing changes. */
const FULL_SHARE_MIN = 1 / 32
/** What it writes in full besides, of what the checkpoint before had of changes. */
const FULL_SHARE_OF_CHANGES = 1 / 2

export interface SnapshotPlan {
  readonly checkpointId: number
  readonly baseCheckpointId: number | undefined
  /** Last epoch that the snapshot covers. */
  readonly boundary: number
  /** Deltas hold what was touched in later epochs than this one; -1: everything. */
  readonly since: number
  readonly isFull: (group: number) => boolean
}

interface Attempt {
  readonly boundary: number
  readonly lengths: Uint8Array
  readonly changedShare: number
}

export class CheckpointLineage {
  readonly #keyGroups: KeyGroupRange
  #base: { readonly checkpointId: number; readonly epoch: number } | undefined = undefined
  /** Chain length by group (less the first), as of the base. */
  #lengths: Uint8Array
  /** Of the base: rows of groups that it has not in full, of all rows. */
  #changedShare = 0
  readonly #attempts: Map<number, Attempt> = new Map()

  constructor(keyGroups: KeyGroupRange) {
    this.#keyGroups = keyGroups
    this.#lengths = new Uint8Array(keyGroups.end - keyGroups.first)
  }

  /** `epoch`: the last one that the restored state counts as. */
  resume(checkpointId: number, epoch: number, chains: ReadonlyMap<number, number>): void {
    this.#base = { checkpointId, epoch }
    this.#lengths = Uint8Array.from(this.#lengths, (_, at) => Math.min(255, chains.get(this.#keyGroups.first + at) ?? 0))
  }

  plan(checkpointId: number, boundary: number, full: 'all' | 'share'): SnapshotPlan {
    const base = this.#base
    if (full === 'all' || base === undefined) {
      return { checkpointId, baseCheckpointId: undefined, boundary, since: -1, isFull: () => true }
    }
    const chosen = this.#longestChains()
    const first = this.#keyGroups.first
    return {
      checkpointId,
      baseCheckpointId: base.checkpointId,
      boundary,
      since: base.epoch,
      isFull: (group) => chosen[group - first] === 1,
    }
  }

  /** The snapshot is written; `groups` are those that it has segments of, `changedShare` the rows of those that are not in full, of all rows. */
  written(plan: SnapshotPlan, groups: ReadonlySet<number>, changedShare: number): void {
    const first = this.#keyGroups.first
    const lengths = this.#lengths.map((length, at) => {
      const has = groups.has(first + at) ? 1 : 0
      return plan.isFull(first + at) ? has : length + has
    })
    this.#attempts.set(plan.checkpointId, { boundary: plan.boundary, lengths, changedShare })
  }

  completed(checkpointId: number): void {
    const attempt = this.#attempts.get(checkpointId)
    if (attempt === undefined) return
    this.#base = { checkpointId, epoch: attempt.boundary }
    this.#lengths = attempt.lengths
    this.#changedShare = attempt.changedShare
    for (const [id, { boundary }] of this.#attempts) if (boundary <= attempt.boundary) this.#attempts.delete(id)
  }

  aborted(checkpointId: number): void {
    this.#attempts.delete(checkpointId)
  }

  /** 1 for each group to write in full: a share of those with chains at all, the longest first, and every one that can get no longer. */
  #longestChains(): Uint8Array {
    const lengths = this.#lengths
    const chosen = new Uint8Array(lengths.length)
    let room = Math.ceil(lengths.length * (FULL_SHARE_MIN + FULL_SHARE_OF_CHANGES * this.#changedShare))
    const longest = lengths.reduce((most, length) => Math.max(most, length), 0)
    for (let length = longest; length > 1; length--) {
      for (let at = 0; at < lengths.length; at++) {
        if (lengths[at] !== length || (room <= 0 && length < CHAIN_LENGTH_MAX)) continue
        chosen[at] = 1
        room--
      }
    }
    return chosen
  }
}
