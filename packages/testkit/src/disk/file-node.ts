import type { SeededRandom } from '../random/seeded-random.ts'

/** The unit in which a medium writes: a write is torn between sectors, never inside one. */
export const SECTOR_BYTES = 512

/** A change to a file's content that is not yet durable. */
export type FileChange =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly length: number }

/** What became of unsynced changes in a crash. */
export interface LossCounts {
  kept: number
  torn: number
  lost: number
}

/** Growing bytes with a length; what lies between the end and a later write reads as zeros. */
class Content {
  #bytes = new Uint8Array(0)
  length = 0

  view(): Uint8Array {
    return this.#bytes.subarray(0, this.length)
  }

  apply(change: FileChange): void {
    if (change.kind === 'truncate') this.resize(change.length)
    else this.write(change.bytes, change.position)
  }

  write(bytes: Uint8Array, position: number): void {
    if (position + bytes.length > this.length) this.resize(position + bytes.length)
    this.#bytes.set(bytes, position)
  }

  resize(length: number): void {
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.#bytes.length, 256))
      grown.set(this.view())
      this.#bytes = grown
    }
    if (length < this.length) this.#bytes.fill(0, length, this.length)
    this.length = length
  }

  copyFrom(other: Content): void {
    this.#bytes = other.view().slice()
    this.length = other.length
  }
}

/**
 * One file, whatever its names.
 *
 * 1. `current` is what the running process reads; `durable` is what a loss of power surely leaves.
 * 2. `current` equals `durable` with all of `unsynced` applied in order, unless a sync failed: then the process reads
 *    what it wrote from memory, and no later sync makes that part durable.
 */
export class FileNode {
  readonly kind = 'file' as const
  readonly inode: number
  modifiedMs: number
  readonly #current = new Content()
  readonly #durable = new Content()
  #unsynced: FileChange[] = []
  /** Changes ever made durable, or given up by a failed sync. */
  #settledCount = 0

  constructor(inode: number, modifiedMs: number) {
    this.inode = inode
    this.modifiedMs = modifiedMs
  }

  get length(): number {
    return this.#current.length
  }

  /** Changes ever made: what a sync that begins now will cover. */
  get changeCount(): number {
    return this.#settledCount + this.#unsynced.length
  }

  bytes(): Uint8Array {
    return this.#current.view()
  }

  change(change: FileChange): void {
    this.#current.apply(change)
    this.#unsynced.push(change)
  }

  /** Makes the first `changeCount` changes durable: those that were complete when the sync began. */
  sync(changeCount: number): void {
    const due = this.#unsynced.splice(0, Math.max(0, changeCount - this.#settledCount))
    this.#settledCount += due.length
    for (const change of due) this.#durable.apply(change)
  }

  /** A sync that failed: the system takes its pages for clean, although any part of them may not have been written. */
  failSync(random: SeededRandom): void {
    this.#settle(random, 0.5, { kept: 0, torn: 0, lost: 0 })
  }

  /** Loss of power: each unsynced change survives wholly, in part, or not at all. */
  loseUnsynced(random: SeededRandom, survival: number, counts: LossCounts): void {
    this.#settle(random, survival, counts)
    this.#current.copyFrom(this.#durable)
  }

  /** Damages a byte on the medium, under the system's feet. */
  flip(position: number, mask: number): void {
    for (const content of [this.#current, this.#durable]) {
      if (position < content.length) content.view()[position]! ^= mask
    }
  }

  #settle(random: SeededRandom, survival: number, counts: LossCounts): void {
    for (const change of this.#unsynced) {
      if (change.kind === 'write') this.#settleWrite(change.bytes, change.position, random, survival, counts)
      else if (random.chance(survival)) {
        counts.kept++
        this.#durable.apply(change)
      } else counts.lost++
    }
    this.#settledCount += this.#unsynced.length
    this.#unsynced = []
  }

  #settleWrite(bytes: Uint8Array, position: number, random: SeededRandom, survival: number, counts: LossCounts): void {
    const whole = random.chance(0.5)
    const wholeSurvives = random.chance(survival)
    let keptSectors = 0
    let sectors = 0
    for (let from = 0; from < bytes.length; sectors++) {
      const to = Math.min(bytes.length, from + SECTOR_BYTES - ((position + from) % SECTOR_BYTES))
      if (whole ? wholeSurvives : random.chance(survival)) {
        this.#durable.write(bytes.subarray(from, to), position + from)
        keptSectors++
      }
      from = to
    }
    // The length is metadata and may arrive without the bytes: they read as zeros then.
    const end = position + bytes.length
    if (keptSectors < sectors && end > this.#durable.length && random.chance(survival / 2)) this.#durable.resize(end)
    if (keptSectors === sectors) counts.kept++
    else if (keptSectors === 0) counts.lost++
    else counts.torn++
  }
}
