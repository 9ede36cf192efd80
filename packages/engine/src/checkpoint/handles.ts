import type { Split } from '../connectors/source.ts'
import type { StoredList } from '../state/operator/operator-state.ts'
import type { StoredOptions } from '../state/state-types.ts'

/** Which subtask of which task of the execution plan. */
export interface SubtaskId {
  /** `PlannedTask.id`. */
  readonly task: number
  readonly subtask: number
}

/** A file that a subtask wrote for a checkpoint and that is durable: what is needed to find it again and to see that it is whole. */
export interface StateFileHandle {
  /** Relative to the folder of the job's checkpoints, with `/`: `shared/3-17-2-0-state`. Absolute for a checkpoint restored from another job's folder. */
  readonly path: string
  readonly length: number
  /** CRC-32 of all its bytes, unsigned. None of a file that was taken over as it was (`StateFileWriter.adopt`): what has written it sees damage when it reads. */
  readonly crc32?: number
  /** The bytes themselves, from storage in memory: they travel with the handle. */
  readonly inline?: Uint8Array<ArrayBuffer>
  /** The bytes travel until the checkpoint is complete: whoever completes it merges them into one object with those of others. */
  readonly toMerge?: true
  /** Where the bytes are, if they have no file of their own. `path`: as that of a handle. */
  readonly within?: { readonly path: string; readonly offset: number }
}

/** The handle of a file whose bytes have been merged into another: the storage knows where they are by its path. */
export function withoutMergedBytes<F extends StateFileHandle>(file: F): F {
  if (file.toMerge === undefined) return file
  const { inline: _, toMerge: __, ...rest } = file
  return rest as F
}

/** The same file where the paths are relative to something else. */
export function movedFile<F extends StateFileHandle>(file: F, move: (path: string) => string): F {
  const { path, within } = file
  return { ...file, path: move(path), ...(within === undefined ? {} : { within: { ...within, path: move(within.path) } }) }
}

/** A run of bytes of a state file that holds rows of one key group. */
export interface KeyGroupSegment {
  readonly keyGroup: number
  /** `full`: everything of the group, whatever lies before is not needed. `delta`: changes and tombstones over what lies before. */
  readonly kind: 'full' | 'delta'
  readonly offset: number
  readonly length: number
  /** CRC-32 of the segment's bytes, unsigned. */
  readonly crc32: number
  readonly rows: number
}

/** A state file with its index by key group, segments in the order of their offsets. */
export interface KeyedStateFile extends StateFileHandle {
  readonly segments: readonly KeyGroupSegment[]
}

/** Inputs of one key group that async invocations had not finished at the barrier. */
export interface AsyncInputs {
  readonly keyGroup: number
  readonly bytes: Uint8Array
}

/** A run of bytes of a state file. */
export interface FileRun {
  readonly offset: number
  readonly length: number
  /** CRC-32 of the bytes, unsigned. */
  readonly crc32: number
}

/** One part of a raw state: what a restore hands to one subtask, in pieces. */
export interface RawPart {
  readonly state: string
  /** -1: not keyed. */
  readonly keyGroup: number
  readonly runs: readonly FileRun[]
}

/** A state file with raw state. */
export interface RawStateFile extends StateFileHandle {
  readonly parts: readonly RawPart[]
}

/** Records for one input of an operator that were in flight. */
export interface InFlightPart {
  readonly input: 0 | 1
  /** They came by key, with their hashes: dealt out by them. */
  readonly keyed: boolean
  readonly records: number
  readonly runs: readonly FileRun[]
}

/** A state file with what was in flight to an operator instance. */
export interface InFlightFile extends StateFileHandle {
  readonly parts: readonly InFlightPart[]
}

/** A file of a database. */
export interface DatabaseFile extends StateFileHandle {
  /** What the database calls it. */
  readonly name: string
}

/** Rows of keyed state that are not in memory, as the files of a database. */
export interface StoredDatabase {
  readonly format: 'rocksdb'
  /** Of the subtask. */
  readonly keyGroups: { readonly first: number; readonly end: number }
  readonly rows: number
  /** The columns of its rows: a segment without records. */
  readonly header: Uint8Array
  /** What the header does not say of the rows; absent in checkpoints of older releases, and where it says all. */
  readonly options?: StoredOptions
  /** Files that never change, and that other checkpoints may refer to as well. */
  readonly shared: readonly DatabaseFile[]
  /** The others, one behind the other. */
  readonly own: StateFileHandle & { readonly parts: readonly (FileRun & { readonly name: string })[] }
}

/** What one subtask of one operator contributes to a checkpoint. Plain data, goes through a structured clone. */
export interface SubtaskOperatorState {
  readonly stateId: string
  /** The files that together hold the keyed state, oldest needed first; a later file wins over an earlier one. */
  readonly keyed: readonly KeyedStateFile[]
  /** What `keyed` is changes over; none where all rows are in `keyed`. */
  readonly database?: StoredDatabase
  /** Broadcast state, the same in every subtask, in the state backend's encoding. */
  readonly broadcast?: Uint8Array
  /** Elements of the lists of this subtask. */
  readonly lists?: readonly StoredList[]
  readonly raw?: RawStateFile
  /** Of sources: `SourceReader.snapshot`. */
  readonly splits?: readonly Split[]
  /** Of sinks: `SinkWriter.prepare`. */
  readonly sinkHandles?: readonly unknown[]
  readonly asyncInputs?: readonly AsyncInputs[]
  /** Of unaligned checkpoints: records that the snapshot has overtaken. */
  readonly inFlight?: InFlightFile
  /** All input had ended and `finish` had run: after a restore it does not run again. */
  readonly finished?: true
}

/** All that one subtask contributes to a checkpoint: its acknowledgement. Every file in it is durable, name and content. */
export interface SubtaskSnapshot {
  readonly operators: readonly SubtaskOperatorState[]
  /** The files among them that were written for this very checkpoint: if it is not completed, they are removed. */
  readonly newFiles: readonly StateFileHandle[]
  readonly timings: SnapshotTimings
}

/** How long a subtask's part of a checkpoint took. */
export interface SnapshotTimings {
  /** From the coordinator's trigger to the first barrier here. */
  readonly startDelayMs: number
  /** From the first barrier to the last. 0 with one channel or none. */
  readonly alignmentMs: number
  /** Bytes of records received and processed meanwhile, before the snapshot; 0 where records pass by reference. */
  readonly alignmentBytes: number
  /** Whether the snapshot was taken before all barriers had come. */
  readonly unaligned: boolean
  /** Bytes of records stored that were in flight. */
  readonly inFlightBytes: number
  /** What the job stood still for. */
  readonly syncMs: number
  /** From there to durable. */
  readonly asyncMs: number
  /** Bytes written for this checkpoint. */
  readonly writtenBytes: number
  /** Bytes of all files that a restore reads. */
  readonly stateBytes: number
}
