/**
 * Where the history of a job begins: the snapshot outside its own folder that it was last told to start from, or nothing. Until it has a newer checkpoint, that is its latest;
 * what the folder holds of an older history never is again.
 *
 * Whose such a snapshot is says `checkpointing.claimMode`. `no-claim`: the user's. The job only reads it, and from its first own checkpoint on, which is full, it does not need it any more.
 * `claim`: the job's from then on: removed once as many newer checkpoints are complete as are retained, or with all others when the job is cancelled.
 *
 * 1. The origin is noted durably before anything builds on it, so that whoever goes on after a crash knows; and not before it is certain that the job can start from it.
 * 2. As long as no checkpoint is complete that was taken after it was restored, it is the latest. It is not again because those are damaged, or were given up: to go back to it unasked
 *    would be a loss that nobody notices. It is noted until as many are complete as are retained, without those.
 * 3. What is claimed is removed only when newer checkpoints that go back to it are complete; whoever restores something else gives it back.
 * 4. A checkpoint of another job is claimed, and removed, with that job's lock held: while that job runs neither is done. It is claimed if it is still there then. Once claimed, a former instance of that job that wakes up finds that
 *    it was taken over; if the job is started anew all the same, the checkpoint is its own again.
 * 5. No checkpoint that goes back to the origin has a smaller id than its note says: `open` answers none, whatever the folder still has to tell ids from.
 * 6. A job that has something to go on from, here or at its origin, says so in its state folder (`history-note.ts`): never before that is durable, and no longer once it is to begin without
 *    state. So a place that was emptied, or is not mounted, is not taken for that of a new job.
 * 7. Who goes back behind all that are newer than the origin notes it anew before any of them is given up, or goes: from that one rename on it is the latest. What is left of them when a crash
 *    comes, whole or damaged, would otherwise still say that it is not.
 */
import { MillraceError } from '@millrace/core'
import { engineError } from '../errors.ts'
import type { StateFileHandle } from './handles.ts'
import type { HistoryNote } from './history-note.ts'
import type { JobLock } from './lock/job-lock.ts'
import { claimOfRunningJob, isLockHeld } from './lock/lock-errors.ts'
import type { CheckpointMetadata } from './metadata/metadata.ts'
import type {
  CheckpointStorage,
  GoOnOptions,
  PersistedCheckpoint,
  ResolveOptions,
  RestoredCheckpoint,
  RestoreRequest,
  RestoreResolution,
  StateFileReader,
  StateFileStorage,
  StateFileWriter,
  StateWriterIdentity,
  StorageReport,
} from './storage.ts'

export type ClaimMode = 'no-claim' | 'claim' | 'legacy'

/** Where the history of a job begins. */
export interface Origin {
  /** A folder or URL; undefined: it has begun without state. */
  readonly path: string | undefined
  /** Checkpoints from this id on go back to it, and no others. */
  readonly fromCheckpointId: number
  /** Whether the job removes it. */
  readonly claimed: boolean
}

/** Where a job notes its origin: one place, beside its checkpoints. */
export interface OriginNote {
  read(): Promise<Origin | undefined>
  write(origin: Origin): Promise<void>
  remove(): Promise<void>
}

export interface RootedCheckpointsParts {
  readonly own: CheckpointStorage
  readonly mode: ClaimMode
  /** At first: see `followRetention`. */
  readonly numRetained: number
  readonly note: OriginNote
  /** Undefined: what is kept here is found again by nobody. */
  readonly history?: HistoryNote | undefined
  /** Removes a snapshot that is not in the job's own folder. */
  readonly dispose: (path: string) => Promise<void>
  /** The lock of the job in whose folder a checkpoint is; undefined: it is a savepoint, or nobody keeps a lock there. */
  readonly lockBeside: (path: string) => Promise<JobLock | undefined>
  /** Rejects once another instance has taken over; asked before an origin is noted. `JobLock.check`. */
  readonly fence?: () => Promise<void>
}

export class RootedCheckpoints implements CheckpointStorage {
  readonly #parts: RootedCheckpointsParts
  #numRetained: () => number
  #origin: Origin | undefined
  #nextCheckpointId = 1
  /** Own checkpoints that are complete and go back to the origin; without one, all. Those that are lost say no less that there were newer ones. */
  readonly #newer = new Set<number>()
  /** Own ones that are damaged, as far as is known, or were given up. */
  readonly #lost = new Set<number>()
  /** Whether what was resolved last is the origin that is noted. */
  #resumes = false
  /** Whether it is known that the state folder says where there is something to go on from. */
  #isHistoryNoted = false

  constructor(parts: RootedCheckpointsParts) {
    this.#parts = parts
    this.#numRetained = () => parts.numRetained
  }

  followRetention(numRetained: () => number): void {
    this.#numRetained = numRetained
  }

  createStateFile(writer: StateWriterIdentity, checkpointId: number, name: string): Promise<StateFileWriter> {
    return this.#parts.own.createStateFile(writer, checkpointId, name)
  }

  openStateFile(file: StateFileHandle): Promise<StateFileReader> {
    return this.#parts.own.openStateFile(file)
  }

  async linkStateFile(file: StateFileHandle, path: string): Promise<boolean> {
    return (await this.#parts.own.linkStateFile?.(file, path)) === true
  }

  inFolder(folder: string, inlineBytesMax?: number): StateFileStorage {
    const { own } = this.#parts
    if (own.inFolder === undefined) throw new Error(`${folder} cannot be reached from this storage`)
    return own.inFolder(folder, inlineBytesMax)
  }

  async open(): Promise<StorageReport> {
    if (this.#parts.mode === 'legacy') throw engineError('CLAIM_MODE_LEGACY')
    const report = await this.#parts.own.open()
    this.#origin = await this.#parts.note.read()
    // The largest id may have been known by a file that no checkpoint used, and that is removed by now.
    this.#nextCheckpointId = Math.max(report.nextCheckpointId, this.#origin?.fromCheckpointId ?? 1)
    this.#newer.clear()
    this.#lost.clear()
    for (const id of report.completed) this.#completed(id)
    for (const id of [...report.givenUp, ...report.damaged.map(({ checkpointId }) => checkpointId)]) this.#lost.add(id)
    return { ...report, nextCheckpointId: this.#nextCheckpointId }
  }

  async persist(metadata: CheckpointMetadata): Promise<PersistedCheckpoint> {
    const persisted = await this.#parts.own.persist(metadata)
    this.#completed(metadata.checkpointId)
    await this.#noteHistory()
    await this.#letGoIfSubsumed().catch(() => {}) // tried again after the next one
    return persisted
  }

  discard(paths: readonly string[]): Promise<void> {
    return this.#parts.own.discard(paths)
  }

  async retire(checkpointId: number): Promise<void> {
    await this.#parts.own.retire(checkpointId)
    this.#newer.delete(checkpointId)
  }

  async removeAll(): Promise<void> {
    await this.#forgetHistory()
    await this.#parts.own.removeAll()
    await this.#letGo()
  }

  async resolveRestore(restore: RestoreRequest, options: ResolveOptions = {}): Promise<RestoreResolution> {
    const origin = this.#origin
    const { before = Infinity } = options
    const hasNewer = [...this.#newer].some((id) => id < before)
    this.#resumes = restore === 'latest' && origin !== undefined && !hasNewer
    const found = await this.#parts.own.resolveRestore(this.#resumes ? (origin?.path ?? 'none') : restore, options)
    if (found.checkpoint !== undefined || restore !== 'latest' || this.#resumes) return found
    const missingFrom = await this.#parts.history?.read()
    return missingFrom === undefined ? found : { ...found, missingFrom }
  }

  async goOnFrom(restored: RestoredCheckpoint | undefined, options: GoOnOptions = {}): Promise<readonly number[]> {
    const isOwn = restored?.own === true
    if (!isOwn && !this.#resumes) await this.#begin(restored?.path, options)
    if (!isOwn && this.#resumes) await this.#goBackToOrigin()
    const givenUp = await this.#parts.own.goOnFrom(restored)
    for (const id of givenUp) this.#lost.add(id)
    await (restored === undefined ? this.#forgetHistory() : this.#noteHistory())
    if (isOwn && !this.#newer.has(restored.metadata.checkpointId)) await this.#forget()
    // It may not have gone when it was time. Before now it was not known which can be read.
    await this.#letGoIfSubsumed().catch(() => {}) // tried again after the next checkpoint
    return givenUp
  }

  /** The history begins anew. What the job has owned and does not go back to is the user's again. */
  async #begin(path: string | undefined, options: GoOnOptions): Promise<void> {
    if (path === undefined && this.#origin === undefined && this.#newer.size === 0) return
    const claimed = path !== undefined && this.#parts.mode === 'claim'
    const origin = { path, fromCheckpointId: this.#nextCheckpointId, claimed }
    const lock = claimed ? await this.#take(path, options) : undefined
    try {
      // Its own job may have let it go before the lock was had. What was read of it is not enough: the checkpoints to come are over its files.
      if (claimed) await this.#parts.own.resolveRestore(path, { verify: 'length', ...options })
      await this.#note(origin)
    } finally {
      await lock?.release()
    }
  }

  /** Behind what is newer than it, if anything is. */
  async #goBackToOrigin(): Promise<void> {
    if (this.#origin !== undefined && this.#newer.size > 0) await this.#note({ ...this.#origin, fromCheckpointId: this.#nextCheckpointId })
  }

  /** From now on it is the latest. */
  async #note(origin: Origin): Promise<void> {
    await this.#parts.fence?.()
    await this.#parts.note.write(origin)
    this.#origin = origin
    this.#newer.clear()
  }

  /** Takes the lock of the job whose checkpoint is to be claimed. */
  async #take(path: string, { waiting, stopped }: GoOnOptions): Promise<JobLock | undefined> {
    const lock = await this.#parts.lockBeside(path)
    try {
      await lock?.nextAttempt(waiting, stopped)
    } catch (error) {
      throw error instanceof MillraceError && error.code === 'JOB_LOCKED' ? claimOfRunningJob(path, error) : error
    }
    return lock
  }

  #completed(checkpointId: number): void {
    if (checkpointId >= (this.#origin?.fromCheckpointId ?? 0)) this.#newer.add(checkpointId)
  }

  /** A state folder that cannot be written now costs no checkpoint: tried again after the next one. */
  async #noteHistory(): Promise<void> {
    if (this.#isHistoryNoted) return
    try {
      await this.#parts.history?.write()
      this.#isHistoryNoted = true
    } catch {
      // As said.
    }
  }

  async #forgetHistory(): Promise<void> {
    await this.#parts.fence?.()
    this.#isHistoryNoted = false
    await this.#parts.history?.remove()
  }

  async #letGoIfSubsumed(): Promise<void> {
    if (this.#newer.difference(this.#lost).size >= this.#numRetained()) await this.#letGo()
  }

  async #letGo(): Promise<void> {
    const origin = this.#origin
    if (origin?.claimed === true && origin.path !== undefined) await this.#dispose(origin.path)
    await this.#forget()
  }

  /** Without looking on: a checkpoint would not be complete meanwhile. What another instance has, or may have, is left to it. */
  async #dispose(path: string): Promise<void> {
    const lock = await this.#parts.lockBeside(path)
    try {
      await lock?.nextAttempt(undefined, AbortSignal.abort())
    } catch (error) {
      if (isLockHeld(error)) return
      throw error
    }
    try {
      await this.#parts.dispose(path)
    } finally {
      await lock?.release()
    }
  }

  async #forget(): Promise<void> {
    if (this.#origin === undefined) return
    await this.#parts.note.remove()
    this.#origin = undefined
  }
}
