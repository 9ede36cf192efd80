/**
 * Whose a restored snapshot is that lies outside the job's own folder (`checkpointing.claimMode`).
 *
 * `no-claim`: the user's. The job only reads it, and from its first own checkpoint on, which is full, it does not need it any more.
 * `claim`: the job's from then on: removed once as many newer checkpoints are complete as are retained, or with all others when the job is cancelled.
 *
 * 1. What is claimed is noted durably before anything builds on it, so that whoever goes on after a crash knows.
 * 2. It is part of the job's history: as long as no checkpoint is complete that was taken after it was restored, it is the latest.
 * 3. It is removed only when newer checkpoints that go back to it are complete; whoever restores something else gives it back.
 */
import { engineError } from '../errors.ts'
import type { StateFileHandle } from './handles.ts'
import type { CheckpointMetadata } from './metadata.ts'
import type {
  CheckpointStorage,
  PersistedCheckpoint,
  ResolveOptions,
  RestoreRequest,
  RestoreResolution,
  StateFileReader,
  StateFileStorage,
  StateFileWriter,
  StateWriterIdentity,
  StorageReport,
} from './storage.ts'

export type ClaimMode = 'no-claim' | 'claim' | 'legacy'

/** A claimed snapshot. */
export interface Claim {
  /** Its folder or URL. */
  readonly path: string
  /** Checkpoints from this id on go back to it. */
  readonly fromCheckpointId: number
}

/** Where a job notes what it has claimed: one place, beside its checkpoints. */
export interface ClaimNote {
  read(): Promise<Claim | undefined>
  write(claim: Claim): Promise<void>
  remove(): Promise<void>
}

export interface ClaimingCheckpointsParts {
  readonly own: CheckpointStorage
  readonly mode: ClaimMode
  readonly numRetained: () => number
  readonly note: ClaimNote
  /** Removes a snapshot that is not in the job's own folder. */
  readonly dispose: (path: string) => Promise<void>
}

export class ClaimingCheckpoints implements CheckpointStorage {
  readonly #parts: ClaimingCheckpointsParts
  #claim: Claim | undefined
  #nextCheckpointId = 1
  /** Complete, and taken after what is claimed was restored. */
  readonly #newer = new Set<number>()

  constructor(parts: ClaimingCheckpointsParts) {
    this.#parts = parts
  }

  createStateFile(writer: StateWriterIdentity, checkpointId: number, name: string): Promise<StateFileWriter> {
    return this.#parts.own.createStateFile(writer, checkpointId, name)
  }

  openStateFile(file: StateFileHandle): Promise<StateFileReader> {
    return this.#parts.own.openStateFile(file)
  }

  inFolder(folder: string, inlineBytesMax?: number): StateFileStorage {
    const { own } = this.#parts
    if (own.inFolder === undefined) throw new Error(`${folder} cannot be reached from this storage`)
    return own.inFolder(folder, inlineBytesMax)
  }

  async open(): Promise<StorageReport> {
    if (this.#parts.mode === 'legacy') throw engineError('CLAIM_MODE_LEGACY')
    const report = await this.#parts.own.open()
    this.#claim = await this.#parts.note.read()
    this.#nextCheckpointId = report.nextCheckpointId
    this.#newer.clear()
    for (const id of report.completed) this.#completed(id)
    await this.#disposeIfSubsumed().catch(() => {}) // tried again after the next checkpoint
    return report
  }

  async persist(metadata: CheckpointMetadata): Promise<PersistedCheckpoint> {
    const persisted = await this.#parts.own.persist(metadata)
    this.#completed(metadata.checkpointId)
    await this.#disposeIfSubsumed().catch(() => {}) // tried again after the next one
    return persisted
  }

  discard(paths: readonly string[]): Promise<void> {
    return this.#parts.own.discard(paths)
  }

  retire(checkpointId: number): Promise<void> {
    return this.#parts.own.retire(checkpointId)
  }

  giveUp(checkpointId: number): Promise<void> {
    return this.#parts.own.giveUp(checkpointId)
  }

  async removeAll(): Promise<void> {
    await this.#parts.own.removeAll()
    if (this.#claim !== undefined) await this.#dispose(this.#claim)
  }

  async resolveRestore(restore: RestoreRequest, options: ResolveOptions = {}): Promise<RestoreResolution> {
    const claim = this.#claim
    if (restore === 'latest' && claim !== undefined && this.#newer.size === 0)
      return await this.#parts.own.resolveRestore(claim.path, options)
    const resolution = await this.#parts.own.resolveRestore(restore, options)
    if (restore !== 'latest') await this.#claimed(resolution)
    return resolution
  }

  /** Notes what the job owns from now on; what it has owned and does not go back to is the user's again. */
  async #claimed({ checkpoint }: RestoreResolution): Promise<void> {
    const isForeign = checkpoint?.own === false && checkpoint.path !== undefined
    if (isForeign && this.#parts.mode === 'claim') {
      if (this.#claim?.path === checkpoint.path) return
      const claim = { path: checkpoint.path, fromCheckpointId: this.#nextCheckpointId }
      await this.#parts.note.write(claim)
      this.#claim = claim
      this.#newer.clear()
    } else if (this.#claim !== undefined) {
      await this.#parts.note.remove()
      this.#claim = undefined
    }
  }

  #completed(checkpointId: number): void {
    if (this.#claim !== undefined && checkpointId >= this.#claim.fromCheckpointId) this.#newer.add(checkpointId)
  }

  async #disposeIfSubsumed(): Promise<void> {
    if (this.#claim !== undefined && this.#newer.size >= this.#parts.numRetained()) await this.#dispose(this.#claim)
  }

  async #dispose(claim: Claim): Promise<void> {
    await this.#parts.dispose(claim.path)
    await this.#parts.note.remove()
    if (this.#claim === claim) this.#claim = undefined
  }
}
