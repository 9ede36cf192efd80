import type { StateFileHandle } from './handles.ts'
import type { CheckpointMetadata } from './metadata/metadata.ts'

/** Who writes: makes file names unique over subtasks, checkpoints and attempts. */
export interface StateWriterIdentity {
  readonly attempt: number
  readonly task: number
  readonly subtask: number
}

/**
 * Where subtasks keep their state files. One for each thread; every instance on the same place sees the same files.
 */
export interface StateFileStorage {
  /**
   * Begins a file for a checkpoint. `name`: unique within (attempt, task, subtask, checkpoint), of letters, digits and `-`.
   * @throws CHECKPOINT_STORAGE_FULL, CHECKPOINT_STORAGE_NOT_WRITABLE, CHECKPOINT_STORAGE_LOST, CHECKPOINT_STORAGE_FAILED (all of `write` and `finish` too)
   */
  createStateFile(writer: StateWriterIdentity, checkpointId: number, name: string): Promise<StateFileWriter>
  /** Opens a file of a checkpoint. @throws CHECKPOINT_DAMAGED if it is missing or has another length. */
  openStateFile(file: StateFileHandle): Promise<StateFileReader>
  /**
   * Gives the file another name on this machine's disk, for whoever only reads it. False where that cannot be: then it is read. Not every storage has it.
   * @throws CHECKPOINT_DAMAGED if it is missing or has another length
   */
  linkStateFile?(file: StateFileHandle, path: string): Promise<boolean>
  /** State files of a savepoint in a folder, or at a URL. Up to `inlineBytesMax` a file may travel with its handle, where the place is a store of objects. */
  inFolder?(folder: string, inlineBytesMax?: number): StateFileStorage
}

/** A state file under construction. It becomes part of a checkpoint only by its handle. */
export interface StateFileWriter {
  /** Appends; the bytes must not change until the promise resolves. One call at a time. @throws CHECKPOINT_STATE_TOO_LARGE (memory) */
  write(bytes: Uint8Array): Promise<void>
  /**
   * Takes over a file of this machine's disk that nobody writes any more, instead of a copy of its bytes; before anything is written, and nothing may be
   * afterwards. False where that cannot be: then it is written as ever. Not every storage has it. The handle has no checksum then: the file is not read.
   */
  adopt?(path: string): Promise<boolean>
  /** Bytes appended so far: the offset of what comes next. */
  readonly length: number
  /** Makes the file durable, content and name. */
  finish(): Promise<StateFileHandle>
  /** Closes and removes it; also after a failed `write` or `finish`; never rejects. */
  abort(): Promise<void>
}

export interface StateFileReader {
  /** Exactly these bytes, checked; without a checksum, as they are there now. @throws CHECKPOINT_DAMAGED */
  read(offset: number, length: number, crc32: number | undefined): Promise<Uint8Array<ArrayBuffer>>
  close(): Promise<void>
}

/** Where the coordinator keeps completed checkpoints of one job. */
export interface CheckpointStorage extends StateFileStorage {
  /**
   * Before anything else of an attempt, with the lock held and nothing of a former attempt left running: makes the folders, reads what is there, removes what a crash left behind
   * (files and folders that no complete checkpoint uses, of any former attempt).
   * @throws CHECKPOINT_STORAGE_*
   */
  open(): Promise<StorageReport>
  /** Makes a checkpoint complete: durable and visible at once, or not at all. `path` is what `--restore` takes. @throws CHECKPOINT_STORAGE_*, CHECKPOINT_MESSAGE_TOO_LARGE */
  persist(metadata: CheckpointMetadata): Promise<PersistedCheckpoint>
  /** Removes files of a checkpoint that was given up, except those that a completed one refers to. Missing ones are fine. */
  discard(paths: readonly string[]): Promise<void>
  /** Removes a completed checkpoint, then the files that no other one refers to. Fine if it is not there. */
  retire(checkpointId: number): Promise<void>
  /**
   * Chooses and reads the checkpoint to start from. Damaged ones are passed over and reported.
   * With a path, that one or an error.
   * @throws CHECKPOINT_NOT_FOUND, CHECKPOINT_GIVEN_UP, CHECKPOINT_DAMAGED, CHECKPOINT_ALL_DAMAGED; JOB_START_GIVEN_UP from `stopped` on, while files are looked at
   */
  resolveRestore(restore: RestoreRequest, options?: ResolveOptions): Promise<RestoreResolution>
  /**
   * The job goes on from what `resolveRestore` has answered; once all of it could be read, and before anything runs. Checkpoints that are newer are given up, and all of the job's own where it goes on from elsewhere
   * or from nothing: they were damaged, or the user has gone back behind them, and sinks now undo what they had staged for them. From now on `latest` never answers one of them, nor
   * is it found by its path, whatever can be read of it later. They are kept until they are retired. Answers their ids, without those that were given up before.
   * @throws CLAIM_OF_RUNNING_JOB, JOB_LOCK_UNDECIDED, JOB_LOCK_GIVEN_UP, CHECKPOINT_NOT_FOUND, CHECKPOINT_DAMAGED where it is to be claimed; CHECKPOINT_STORAGE_*
   */
  goOnFrom(restored: RestoredCheckpoint | undefined, options?: GoOnOptions): Promise<readonly number[]>
  /** How many checkpoints are kept, to be asked whenever it matters: a user may change it meanwhile. For whom only it says when a snapshot that is claimed goes. */
  followRetention?(numRetained: () => number): void
  /** Removes everything of the job: after a cancellation without retention. */
  removeAll(): Promise<void>
}

/** As of `JobLock.nextAttempt`, about the job whose checkpoint is claimed. */
export interface GoOnOptions {
  readonly waiting?: (message: string) => void
  readonly stopped?: AbortSignal
}

/** `latest`: the newest that can be read, none is fine. Anything else: the path of a checkpoint's folder. */
export type RestoreRequest = 'latest' | 'none' | (string & {})

/** How the state files of a checkpoint are looked at. */
export interface VerifyOptions {
  /** `full` (default): every byte of every file that has a checksum is read and checked first. `length`: state is checked as it is read, with `StateFileReader.read`. */
  readonly verify?: 'full' | 'length' | undefined
  /** The job is to end: no more is read. */
  readonly stopped?: AbortSignal | undefined
}

export interface ResolveOptions extends VerifyOptions {
  /** By id, those whose state turned out to be damaged while it was read: as if a checksum had said so. */
  readonly damaged?: ReadonlyMap<number, Damage>
  /** As if those from this id on were removed: what there is to go back to. */
  readonly before?: number
}

export interface PersistedCheckpoint {
  readonly path: string | undefined
  readonly metadataBytes: number
}

export interface StorageReport {
  /** Ids of completed checkpoints that are there, ascending (damaged ones too). */
  readonly completed: readonly number[]
  /** Those of them that were given up: kept until newer ones take their place, and never restored. */
  readonly givenUp: readonly number[]
  /** Larger than any id ever used in this place as far as can be seen. */
  readonly nextCheckpointId: number
  /** Paths of what was removed, relative to the job's folder. */
  readonly orphansRemoved: readonly string[]
  /** Checkpoints whose metadata cannot be read; while there are any, no state file is removed at start. */
  readonly damaged: readonly DamagedCheckpoint[]
}

/** What is wrong with a checkpoint. */
export interface Damage {
  /** With the file that it is about. */
  readonly problem: string
  /** What reading it has thrown. */
  readonly cause: unknown
}

export interface DamagedCheckpoint extends Damage {
  readonly checkpointId: number
  readonly path: string
}

export interface RestoreResolution {
  readonly checkpoint: RestoredCheckpoint | undefined
  /** Newer ones that were passed over: tell the user, loudly. */
  readonly damaged: readonly DamagedCheckpoint[]
  /** Where copies are kept on this machine. */
  readonly localCopies?: LocalCopyCounts
  /** There is none for `latest`, though the job had some: where it had them last. */
  readonly missingFrom?: string
}

/** State files that were looked at before a restore. */
export interface LocalCopyCounts {
  /** Found whole on this machine. */
  readonly read: number
  /** Missing or damaged here, and read from the storage. */
  readonly missed: number
}

export interface RestoredCheckpoint {
  readonly metadata: CheckpointMetadata
  readonly path: string | undefined
  /** False for one in another folder (its files have absolute paths then): later checkpoints must not build on it, so the first one is full. */
  readonly own: boolean
}
