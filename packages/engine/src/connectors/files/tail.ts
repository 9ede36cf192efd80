import type { Content } from './content.ts'
import type { Fingerprint } from './fingerprint.ts'
import { splitId, type FileSplit } from './split.ts'

/**
 * - `ready`: to be read, when its turn comes.
 * - `active`: being opened or read.
 * - `idle`: read to its end, which may grow.
 * - `done`: read to its end for good.
 */
export type TailPhase = 'ready' | 'active' | 'idle' | 'done'

/** One file of a reader: its split as it stands, and what the process knows about it besides. */
export class Tail {
  readonly path: string
  readonly sequence: number
  readonly inode: string
  readonly sizeBytes: number
  modifiedMs: number
  generation: number
  detached: boolean
  fingerprint: Fingerprint
  offset: number
  /** It was read to its end without `follow`, and has not been found again since. */
  ended: boolean
  /** The line before `offset` had no end when it was given. */
  unended: boolean

  phase: TailPhase = 'ready'
  content: Content | undefined
  /** Bytes of the file that have been looked at, the beginning of a line without an end included. */
  seenBytes = 0
  /** When the file had last been changed before they were looked at: one that is written anew may have the same length. */
  seenModifiedMs = 0
  /** When it was found to be no longer at its path. */
  rotatedMs: number | undefined
  /** Its time to be written to after rotation is over: what stands at its end is all. */
  isFinal = false
  /** It may have grown since the end that is being read now was seen. */
  isOutdated = false
  checkEveryMs = 0
  nextCheckMs = 0

  constructor(split: FileSplit) {
    this.path = split.path
    this.sequence = split.sequence
    this.inode = split.inode
    this.sizeBytes = split.sizeBytes
    this.modifiedMs = split.modifiedMs
    this.generation = split.generation
    this.detached = split.detached
    this.fingerprint = split.fingerprint
    this.offset = split.offset
    this.ended = split.ended === true
    this.unended = split.unended === true
  }

  split(offset: number = this.offset): FileSplit {
    const { path, sequence, inode, sizeBytes, modifiedMs, generation, detached, fingerprint } = this
    const split = { path, sequence, inode, sizeBytes, modifiedMs, generation, detached, fingerprint, offset }
    const ended = this.ended ? { ended: true } : {}
    return { id: splitId(split), ...split, ...ended, ...(this.unended && offset === this.offset ? { unended: true } : {}) }
  }

  /** Whether this one comes after the other under the same path. */
  follows(other: Tail): boolean {
    if (this.path !== other.path) return false
    return this.sequence !== other.sequence ? this.sequence > other.sequence : this.generation > other.generation
  }
}
