// Which completed checkpoint the next one may be a delta over, and which key groups it writes in full.
//
// 1. The base is always a completed checkpoint, the newest one: one that is not complete yet, or never will be, is built upon by none.
// 2. A group's chain (the snapshots that hold segments of it, back to its last full one) never gets longer than CHAIN_LENGTH_MAX:
//    each checkpoint writes a share of the groups in full, those with the longest chains.
// 3. What a restore reads is bounded too: a group whose chain has twice as many rows as the group is written in full when its turn comes, and there are the more turns the more
//    changes. A chain gets to have about three times as many rows so, at most. A group that only gets new rows has none in its chain for nothing, and is not written again for them.
import type { KeyGroupRange } from '../../keys/key-group.ts'
import type { SegmentEntry } from '../state-types.ts'

export const CHAIN_LENGTH_MAX = 32
/** Of the key groups, what a checkpoint writes in full because of the length of their chains. */
const FULL_SHARE_OF_LONGEST = 1 / 32
/** What it writes in full of those with too many rows, as a share of what the checkpoint before had of changes. */
const FULL_SHARE_OF_CHANGES = 1 / 2
/** Rows of a chain, as a multiple of its group's, from which the group's turn may come. */
const CHAIN_ROWS_MAX = 2

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
  readonly chains: readonly Chain[]
  readonly changedShare: number
}

/** Of a key group: how many snapshots its chain is of, and the rows that these have. */
export interface Chain {
  readonly length: number
  readonly rows: number
}

const noChain: Chain = { length: 0, rows: 0 }

export class CheckpointLineage {
  readonly #keyGroups: KeyGroupRange
  #base: { readonly checkpointId: number; readonly epoch: number } | undefined = undefined
  /** By group (less the first), as of the base. */
  #chains: readonly Chain[]
  /** Of the base: rows of groups that it has not in full, of all rows. */
  #changedShare = 0
  readonly #attempts: Map<number, Attempt> = new Map()

  constructor(keyGroups: KeyGroupRange) {
    this.#keyGroups = keyGroups
    this.#chains = Array.from({ length: keyGroups.end - keyGroups.first }, () => noChain)
  }

  /** `epoch`: the last one that the restored state counts as. */
  resume(checkpointId: number, epoch: number, chains: ReadonlyMap<number, Chain>): void {
    this.#base = { checkpointId, epoch }
    this.#chains = this.#chains.map((_, at) => chains.get(this.#keyGroups.first + at) ?? noChain)
  }

  /** `rows`: how many each group has. */
  plan(checkpointId: number, boundary: number, full: 'all' | 'share', rows: ReadonlyMap<number, number>): SnapshotPlan {
    const base = this.#base
    if (full === 'all' || base === undefined) {
      return { checkpointId, baseCheckpointId: undefined, boundary, since: -1, isFull: () => true }
    }
    const first = this.#keyGroups.first
    const chosen = this.#longestChains()
    this.#addStalest(chosen, rows)
    return {
      checkpointId,
      baseCheckpointId: base.checkpointId,
      boundary,
      since: base.epoch,
      isFull: (group) => chosen[group - first] === 1,
    }
  }

  /** The snapshot is written; `rows` is how many rows there are. */
  written(plan: SnapshotPlan, segments: readonly SegmentEntry[], rows: number): void {
    const first = this.#keyGroups.first
    const added = this.#chains.map(() => noChain)
    let changed = 0
    for (const { keyGroup, rows: more } of segments) {
      added[keyGroup - first] = { length: 1, rows: added[keyGroup - first]!.rows + more }
      if (!plan.isFull(keyGroup)) changed += more
    }
    const chains = added.map((chain, at) => {
      const before = plan.isFull(first + at) ? noChain : this.#chains[at]!
      return { length: before.length + chain.length, rows: before.rows + chain.rows }
    })
    this.#attempts.set(plan.checkpointId, { boundary: plan.boundary, chains, changedShare: changed / Math.max(1, changed, rows) })
  }

  completed(checkpointId: number): void {
    const attempt = this.#attempts.get(checkpointId)
    if (attempt === undefined) return
    this.#base = { checkpointId, epoch: attempt.boundary }
    this.#chains = attempt.chains
    this.#changedShare = attempt.changedShare
    for (const [id, { boundary }] of this.#attempts) if (boundary <= attempt.boundary) this.#attempts.delete(id)
  }

  aborted(checkpointId: number): void {
    this.#attempts.delete(checkpointId)
  }

  /** 1 for each group to write in full because of its chain's length: a share of those with chains at all, the longest first, and every one that can get no longer. */
  #longestChains(): Uint8Array {
    const lengths = Uint8Array.from(this.#chains, ({ length }) => Math.min(255, length))
    const chosen = new Uint8Array(lengths.length)
    let room = Math.ceil(lengths.length * FULL_SHARE_OF_LONGEST)
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

  /** The same for groups whose chains have too many rows. */
  #addStalest(chosen: Uint8Array, rowsOfGroups: ReadonlyMap<number, number>): void {
    const room = Math.ceil(chosen.length * FULL_SHARE_OF_CHANGES * this.#changedShare)
    const stale: { readonly at: number; readonly ratio: number }[] = []
    for (const [at, { length, rows }] of this.#chains.entries()) {
      const ratio = rows / Math.max(1, rowsOfGroups.get(this.#keyGroups.first + at) ?? 0)
      if (chosen[at] === 0 && length > 1 && ratio >= CHAIN_ROWS_MAX) stale.push({ at, ratio })
    }
    stale.sort((a, b) => b.ratio - a.ratio)
    for (const { at } of stale.slice(0, room)) chosen[at] = 1
  }
}
