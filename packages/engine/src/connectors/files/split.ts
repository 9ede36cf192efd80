import type { Split } from '../source.ts'
import type { Fingerprint } from './fingerprint.ts'

/**
 * What is still to be read of one file.
 *
 * A file is known by its inode and the first bytes of its content, as names move (rotation) and inodes are used again. Files that stood
 * under one path one after the other are a lineage: one subtask reads them, in order.
 */
export interface FileSplit extends Split {
  /** Where the file was found; it may have been renamed since. */
  readonly path: string
  /** Order within the lineage (the path), and over all files of a source. */
  readonly sequence: number
  readonly inode: string
  readonly fingerprint: Fingerprint
  /** Bytes of the content (decompressed) that have been read: always the beginning of a line. */
  readonly offset: number
  /** Bytes of the file when it was found; only to share the work out. */
  readonly sizeBytes: number
  /** When the file (or this content of it) was last changed before it was found: copies of it that were made since are newer. */
  readonly modifiedMs: number
  /** Order among the contents that the same file had: it grows when the file is truncated and read from its start again. */
  readonly generation: number
  /** It is a copy that nobody writes to: when it is read to its end, that is all. */
  readonly detached: boolean
  /** The last line that was given had no end when it was: a line end at `offset` is that line's. */
  readonly unended?: boolean
}

export function splitId({ path, sequence, generation, detached }: Omit<FileSplit, 'id'>): string {
  return `${path}#${sequence}.${generation}${detached ? 'd' : ''}`
}

/** What the enumerator keeps in a checkpoint. */
export interface FileEnumeratorState {
  readonly registry: FileRegistryState
  readonly unassigned: readonly FileSplit[]
  /** Files that were read to their ends without `follow`; whoever follows them reads on there. */
  readonly ended?: readonly FileSplit[]
}

export interface FileRegistryState {
  readonly nextSequence: number
  readonly known: readonly KnownFile[]
  readonly heads: readonly KnownHead[]
}

/** A file that has been given to a reader. */
export interface KnownFile {
  /** Empty if it is gone. */
  readonly inode: string
  readonly path: string
  readonly modifiedMs: number
  readonly sizeBytes: number
  readonly fingerprint: Fingerprint
  /** `FileStat.bornMs` */
  readonly bornMs?: number
  /** Where it was last, if no longer at `path`: its reader lets go of it, and its inode may be used again. */
  readonly name?: string
  /** How often in a row it was looked for and not there. */
  readonly absences?: number
}

/** How a file once began that stood under a path: a copy of it under a rotated name is no new input. */
export interface KnownHead {
  readonly path: string
  readonly fingerprint: Fingerprint
}
