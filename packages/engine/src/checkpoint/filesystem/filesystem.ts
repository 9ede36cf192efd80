import type { Disk } from '@millrace/core'
import { engineError } from '../../errors.ts'
import { makeDurableFolder, parentOf } from './durable-folders.ts'
import { findDamage, readNamed, restoreForeign, snapshotFolder } from '../foreign-checkpoint.ts'
import type { StateFileHandle } from '../handles.ts'
import type { LocalCopies } from '../local-copies.ts'
import { MetadataFiles } from './metadata-files.ts'
import { encodeMetadata } from '../metadata/metadata-format.ts'
import { storedPathsOf, type CheckpointMetadata } from '../metadata/metadata.ts'
import { chooseLatest } from '../restore-choice.ts'
import { FilesystemStateFiles, isStateFileName, SHARED_FOLDER } from './state-files.ts'
import { unlessNotFound, withStorageErrors } from '../storage-errors.ts'
import type {
  CheckpointStorage,
  DamagedCheckpoint,
  PersistedCheckpoint,
  ResolveOptions,
  RestoredCheckpoint,
  RestoreRequest,
  RestoreResolution,
  StateFileReader,
  StateFileWriter,
  StateWriterIdentity,
  StorageReport,
} from '../storage.ts'

export interface FilesystemCheckpointsOptions {
  readonly disk: Disk
  /** Folder of this job's checkpoints, absolute. No other job may use it. */
  readonly dir: string
  /** Rejects once another instance has taken over; asked before and after anything is completed, and before anything is removed. `JobLock.check`. */
  readonly fence?: () => Promise<void>
  /** What is whole here need not be read before a restore. */
  readonly copies?: LocalCopies
}

/**
 * Checkpoints in a folder of the file system: `chk-<id>/_metadata` and `shared/` with the state files.
 *
 * 1. A checkpoint without whole metadata is none: see `MetadataFiles`.
 * 2. `persist` resolves once the content, both names and all state files are durable; what it rejects is gone, or its files are kept until
 *    a newer one is complete.
 * 3. A state file is removed only if no metadata in the folder refers to it; while there are metadata that cannot be read, none is removed at start.
 * 4. Metadata go before the files they refer to, durably. What `open` finds without them, or given up, stays so: whoever did that may have died before it was durable.
 * 5. What `resolveRestore` answers is durable: its writer may have died between rename and sync, and what is built upon from now on must not
 *    vanish with the next crash. (`open` has synced the folders above.)
 * 6. One operation at a time: restores never see half of a `persist` or `retire`.
 * 7. Before a checkpoint is completed the lock is looked at, and again after, before anybody hears of it. Whoever takes over claims first, and removes what is
 *    not complete then: either it finds the checkpoint complete, or its former instance finds the claim.
 * 8. Of several checkpoints that are given up, or removed, the newest goes last: whenever a crash comes, the latest is what it was before, or what the job goes on from.
 * 9. Nothing is completed or removed in a folder that is not the one that `open` has seen.
 * 10. What could not be removed of a superfluous one is tried again after the next that is complete.
 * 11. What stands in the folder of state files and is none is left alone.
 * 12. Where all are removed, those that were given up are gone for good before any other goes: alone they would say that what the job went on from is lost.
 */
export class FilesystemCheckpoints implements CheckpointStorage {
  readonly #disk: Disk
  readonly #dir: string
  readonly #fence: () => Promise<void>
  readonly #files: FilesystemStateFiles
  readonly #metadata: MetadataFiles
  readonly #copies: LocalCopies | undefined
  /** Of each checkpoint that is complete, or may be, the state files that it refers to. */
  readonly #references: Map<number, ReadonlySet<string>> = new Map()
  /** Given up, but perhaps complete on disk; or superfluous, but not removed, or not with all its files. */
  readonly #unfinished = new Set<number>()
  #sharedInode: string | undefined
  #tail: Promise<unknown> = Promise.resolve()

  constructor(options: FilesystemCheckpointsOptions) {
    this.#disk = options.disk
    this.#dir = options.dir
    this.#fence = options.fence ?? (async () => {})
    this.#files = new FilesystemStateFiles(options.disk, options.dir)
    this.#metadata = new MetadataFiles(options.disk, options.dir)
    this.#copies = options.copies
  }

  createStateFile(writer: StateWriterIdentity, checkpointId: number, name: string): Promise<StateFileWriter> {
    return this.#files.createStateFile(writer, checkpointId, name)
  }

  openStateFile(file: StateFileHandle): Promise<StateFileReader> {
    return this.#files.openStateFile(file)
  }

  linkStateFile(file: StateFileHandle, path: string): Promise<boolean> {
    return this.#files.linkStateFile(file, path)
  }

  open(): Promise<StorageReport> {
    return this.#inTurn(() => this.#open())
  }

  persist(metadata: CheckpointMetadata): Promise<PersistedCheckpoint> {
    return this.#inTurn(() => this.#persist(metadata))
  }

  retire(checkpointId: number): Promise<void> {
    return this.#inTurn(async () => {
      await this.#fence()
      await this.#checkPresent()
      try {
        await this.#retire(checkpointId)
      } catch (error) {
        this.#unfinished.add(checkpointId)
        throw error
      }
    })
  }

  discard(paths: readonly string[]): Promise<void> {
    return this.#inTurn(async () => {
      await this.#checkPresent()
      await this.#removeUnreferenced(paths)
    })
  }

  resolveRestore(restore: RestoreRequest, options: ResolveOptions = {}): Promise<RestoreResolution> {
    return this.#inTurn(() => this.#resolve(restore, options))
  }

  goOnFrom(restored: RestoredCheckpoint | undefined): Promise<readonly number[]> {
    return this.#inTurn(async () => {
      const restoredId = restored?.own === true ? restored.metadata.checkpointId : 0
      const abandoned = (await this.#metadata.ids()).filter((id) => id > restoredId)
      if (abandoned.length > 0) await this.#fence()
      const givenUp: number[] = []
      for (const id of abandoned) if (await this.#metadata.giveUp(id)) givenUp.push(id)
      return givenUp
    })
  }

  removeAll(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#fence()
      await this.#checkPresent()
      await this.#metadata.removeGivenUp()
      for (const id of await this.#metadata.ids()) await this.#removeFolder(id)
      await this.#removeStateFiles(`${this.#dir}/${SHARED_FOLDER}`)
      await this.#disk.syncDirectory(this.#dir)
      this.#references.clear()
      this.#unfinished.clear()
    })
  }

  async #removeStateFiles(shared: string): Promise<void> {
    const names = await this.#disk.list(shared)
    if (names.every(isStateFileName)) return await this.#disk.removeTree(shared)
    for (const name of names.filter(isStateFileName)) await this.#disk.remove(`${shared}/${name}`).catch(unlessNotFound)
  }

  async #open(): Promise<StorageReport> {
    const shared = `${this.#dir}/${SHARED_FOLDER}`
    await makeDurableFolder(this.#disk, shared)
    await this.#checkWritable(shared)
    this.#sharedInode = (await this.#disk.stat(shared)).inode
    this.#references.clear()
    this.#unfinished.clear()
    const ids = await this.#metadata.ids()
    const damaged: DamagedCheckpoint[] = []
    const incomplete: number[] = []
    const givenUp: number[] = []
    let unknown = 0
    for (const checkpointId of ids) {
      const found = await this.#metadata.read(checkpointId)
      if ('metadata' in found && found.metadata !== undefined) this.#references.set(checkpointId, storedPathsOf(found.metadata))
      else if (found.kind === 'incomplete') incomplete.push(checkpointId)
      else unknown++
      if (found.kind === 'given-up') givenUp.push(checkpointId)
      if ('problem' in found)
        damaged.push({ checkpointId, path: this.#metadata.folder(checkpointId), problem: found.problem, cause: found.cause })
      else if (found.kind !== 'complete') await this.#disk.syncDirectory(this.#metadata.folder(checkpointId))
    }
    const fileNames = (await this.#disk.list(shared)).filter(isStateFileName)
    const removed = await this.#removeOrphans(incomplete, unknown > 0 ? [] : fileNames)
    const completed = ids.filter((id) => !incomplete.includes(id))
    const usedIds = [...ids, ...fileNames.map((name) => Number(/^\d+-(\d+)-/.exec(name)?.[1] ?? 0))]
    return { completed, givenUp, nextCheckpointId: usedIds.reduce((a, b) => Math.max(a, b), 0) + 1, orphansRemoved: removed, damaged }
  }

  /** Fails here, before the job runs, rather than at its first checkpoint. */
  async #checkWritable(folder: string): Promise<void> {
    const path = `${folder}/writable`
    const file = await this.#disk.open(path, 'write')
    await file.close()
    await this.#disk.remove(path)
  }

  async #removeOrphans(incomplete: readonly number[], fileNames: readonly string[]): Promise<string[]> {
    const folders = incomplete.map((id) => `chk-${id}`)
    for (const folder of folders) await this.#disk.removeTree(`${this.#dir}/${folder}`)
    const paths = fileNames.map((name) => `${SHARED_FOLDER}/${name}`).filter((path) => !this.#isReferenced(path))
    await this.#removeUnreferenced(paths)
    return [...folders, ...paths]
  }

  async #persist(metadata: CheckpointMetadata): Promise<PersistedCheckpoint> {
    const { checkpointId, attempt } = metadata
    const bytes = encodeMetadata(metadata)
    this.#references.set(checkpointId, storedPathsOf(metadata))
    let completing = false
    try {
      await this.#checkPresent()
      await this.#metadata.prepare(checkpointId, attempt, bytes)
      await this.#fence()
      completing = true
      await this.#metadata.complete(checkpointId, attempt)
    } catch (error) {
      await this.#takeBack(checkpointId, attempt, completing)
      throw error
    }
    try {
      await this.#fence()
    } catch (error) {
      // Another instance may be going on from it.
      this.#unfinished.add(checkpointId)
      throw error
    }
    await this.#removeUnfinished(checkpointId)
    return { path: this.#metadata.folder(checkpointId), metadataBytes: bytes.length }
  }

  /** Undoes a failed `persist`, as far as the disk lets it. The folder stays: another instance may be using it; the next start removes it. */
  async #takeBack(checkpointId: number, attempt: number, completing: boolean): Promise<void> {
    await this.#metadata.removePrepared(checkpointId, attempt).catch(() => {})
    if (completing) {
      try {
        await this.#fence()
        await this.#metadata.remove(checkpointId)
      } catch {
        // It may be complete on disk, now or after a crash, and another instance going on from it: its files stay until a newer one is complete.
        this.#unfinished.add(checkpointId)
        return
      }
    }
    this.#references.delete(checkpointId)
  }

  async #removeUnfinished(newerId: number): Promise<void> {
    for (const checkpointId of this.#unfinished) {
      if (checkpointId >= newerId) continue
      try {
        await this.#retire(checkpointId)
        this.#unfinished.delete(checkpointId)
      } catch {
        // Tried again after the next one.
      }
    }
  }

  async #retire(checkpointId: number): Promise<void> {
    await this.#removeFolder(checkpointId)
    // Known until all are gone: what fails here is tried again.
    await this.#removeUnreferenced(this.#references.get(checkpointId) ?? [], checkpointId)
    this.#references.delete(checkpointId)
  }

  async #removeFolder(checkpointId: number): Promise<void> {
    await this.#metadata.remove(checkpointId)
    await this.#disk.removeTree(this.#metadata.folder(checkpointId))
  }

  /** `retiredId`: of the checkpoint whose references count no more. */
  async #removeUnreferenced(paths: Iterable<string>, retiredId?: number): Promise<void> {
    for (const path of paths) {
      if (!this.#isReferenced(path, retiredId)) await this.#disk.remove(`${this.#dir}/${path}`).catch(unlessNotFound)
    }
  }

  #isReferenced(path: string, retiredId?: number): boolean {
    return this.#references.entries().some(([id, paths]) => id !== retiredId && paths.has(path))
  }

  async #resolve(restore: RestoreRequest, options: ResolveOptions): Promise<RestoreResolution> {
    if (restore === 'none') return { checkpoint: undefined, damaged: [] }
    if (restore !== 'latest') return { checkpoint: await this.#resolvePath(restore, options), damaged: [] }
    const candidates = {
      place: this.#dir,
      pathOf: (id: number) => this.#metadata.folder(id),
      read: (id: number) => this.#metadata.read(id),
      findDamage: (metadata: CheckpointMetadata) => findDamage(metadata, this.#files, options, this.#copies),
    }
    const resolution = await chooseLatest((await this.#metadata.ids()).toReversed(), candidates, options)
    if (resolution.checkpoint !== undefined)
      await this.#disk.syncDirectory(this.#metadata.folder(resolution.checkpoint.metadata.checkpointId))
    return resolution
  }

  async #resolvePath(path: string, options: ResolveOptions): Promise<RestoredCheckpoint> {
    await this.#refuseGivenUp(path)
    const named = await readNamed(this.#disk, path)
    if (!(await this.#isOwn(named.base))) return await restoreForeign(this.#disk, path, options)
    const damage = await findDamage(named.metadata, this.#files, options, this.#copies)
    if (damage !== undefined) throw engineError('CHECKPOINT_DAMAGED', { path, problem: damage.problem }, damage.cause)
    await this.#disk.syncDirectory(named.folder)
    return { metadata: named.metadata, path: this.#dir + named.folder.slice(named.base.length), own: true }
  }

  /** By whatever name: what is our own and taken for another's would be given up with all others. */
  async #isOwn(folder: string): Promise<boolean> {
    if (folder === this.#dir) return true
    const [there, here] = await Promise.all([folder, this.#dir].map((path) => this.#disk.stat(path).catch(() => undefined)))
    return there !== undefined && there.inode === here?.inode
  }

  async #refuseGivenUp(path: string): Promise<void> {
    const folder = snapshotFolder(path)
    const checkpointId = Number(/\/chk-([1-9]\d{0,14})$/.exec(folder)?.[1] ?? 0)
    if (parentOf(folder) === this.#dir && checkpointId > 0 && (await this.#metadata.isGivenUp(checkpointId)))
      throw engineError('CHECKPOINT_GIVEN_UP', { path })
  }

  /**
   * Notices a folder that was removed or unmounted and would be made anew, in another place; or that another has been mounted over. What that holds is of another history, and has
   * the same names where both count from 1.
   */
  async #checkPresent(): Promise<void> {
    if (this.#sharedInode === undefined) return
    const { inode } = await this.#disk.stat(`${this.#dir}/${SHARED_FOLDER}`)
    if (inode !== this.#sharedInode) throw engineError('CHECKPOINT_STORAGE_LOST', { path: this.#dir })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(() => withStorageErrors(this.#dir, work))
    this.#tail = turn.catch(() => {})
    return turn
  }
}
