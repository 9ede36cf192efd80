import { atOnce } from '@millrace/core'
import { engineError } from '../../errors.ts'
import { snapshotFolder } from '../foreign-checkpoint.ts'
import type { StateFileHandle } from '../handles.ts'
import type { LocalCopies } from '../local-copies.ts'
import type { CheckpointMetadata } from '../metadata/metadata.ts'
import { chooseLatest, type FoundMetadata } from '../restore-choice.ts'
import { SHARED_FOLDER } from '../filesystem/state-files.ts'
import type {
  CheckpointStorage,
  Damage,
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
import { findObjectDamage } from './foreign-object.ts'
import { KnownCheckpoints } from './known-checkpoints.ts'
import { MergedFiles } from './merged-files.ts'
import { encodeMetadataObject } from './metadata-object.ts'
import { givenUpName, idOf, idsOf, isMetadata, metadataName, writtenFor } from './object-names.ts'
import { REQUESTS_AT_ONCE } from './object-store.ts'
import { ObjectStateFiles, type ObjectFileLimits, type ObjectPlace } from './object-state-files.ts'
import { withObjectStorageErrors } from './store-errors.ts'
import { StoredMetadata } from './stored-metadata.ts'

export interface ObjectCheckpointsOptions {
  readonly place: ObjectPlace
  /** Of state files that are written here. */
  readonly limits?: ObjectFileLimits
  /** Of an object into which files are merged; default `MERGED_OBJECT_BYTES_MAX`. */
  readonly mergedObjectBytesMax?: number
  /** Rejects once another instance has taken over; asked before and after anything is completed. `JobLock.check`. */
  readonly fence?: () => Promise<void>
  /** What is whole here need not be read before a restore. */
  readonly copies?: LocalCopies
}

/** The sizes of all objects of a job, by their names in its place. */
type Sizes = ReadonlyMap<string, number>

/**
 * Checkpoints in a store of objects: `chk-<id>/_metadata`, which holds small state files too, and `shared/` with the large ones, and middle ones merged.
 *
 * 1. A checkpoint is complete when its `_metadata` is there, written last: see `StoredMetadata`. While that is uncertain its files are kept, until a
 *    newer one is complete.
 * 2. The lock is looked at before a checkpoint is written and again after, before anybody hears of it. An instance that takes over claims first
 *    and lists then: either it finds the checkpoint, or the former instance finds the claim and does not call the checkpoint complete.
 *    In the same way orphans are listed before the lock is looked at, and removed after: files of a successor are never among them.
 * 3. What a former instance completes too late all the same is no newer than the checkpoints of those after it: attempts count before ids.
 * 4. A state file, or an object with several, is removed only if no metadata refers to it; while there are metadata that cannot be read, none is removed at start.
 * 5. Metadata go before the files they refer to.
 * 6. A checkpoint that was given up is marked: it may be readable at the next start, but what belonged to it is gone. Of several the newest is marked last.
 * 7. One operation at a time: restores never see half of a `persist` or `retire`.
 * 8. What could not be removed of a superfluous one is tried again after the next that is complete. What is below `shared/` and is no state file is left alone.
 * 9. Where all are removed, those that were given up go first, for alone they would say that what the job went on from is lost; then the oldest first.
 */
export class ObjectCheckpoints implements CheckpointStorage {
  readonly #place: ObjectPlace
  readonly #fence: () => Promise<void>
  readonly #files: ObjectStateFiles
  readonly #merged: MergedFiles
  readonly #copies: LocalCopies | undefined
  readonly #metadata: StoredMetadata
  readonly #known = new KnownCheckpoints()
  /** By this start or an earlier one. */
  readonly #givenUp = new Set<number>()
  #tail: Promise<unknown> = Promise.resolve()

  constructor(options: ObjectCheckpointsOptions) {
    this.#place = options.place
    this.#fence = options.fence ?? (async () => {})
    this.#files = new ObjectStateFiles(options.place, options.limits)
    this.#metadata = new StoredMetadata(options.place)
    this.#copies = options.copies
    this.#merged = new MergedFiles(this.#files, (path) => this.#known.locate(path, this.#givenUp), options.mergedObjectBytesMax)
  }

  createStateFile(writer: StateWriterIdentity, checkpointId: number, name: string): Promise<StateFileWriter> {
    return this.#files.createStateFile(writer, checkpointId, name)
  }

  openStateFile(file: StateFileHandle): Promise<StateFileReader> {
    return this.#files.openStateFile(file)
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
      try {
        await this.#retire(checkpointId)
      } catch (error) {
        this.#metadata.doubt(checkpointId)
        throw error
      }
    })
  }

  discard(paths: readonly string[]): Promise<void> {
    return this.#inTurn(() => this.#removeUnreferenced(paths))
  }

  resolveRestore(restore: RestoreRequest, options: ResolveOptions = {}): Promise<RestoreResolution> {
    return this.#inTurn(() => this.#resolve(restore, options))
  }

  goOnFrom(restored: RestoredCheckpoint | undefined): Promise<readonly number[]> {
    return this.#inTurn(async () => {
      const sizes = await this.#sizes()
      const isCandidate = (id: number): boolean => !sizes.has(givenUpName(id))
      const newestFirst = this.#known.newestFirst(idsOf(sizes.keys()).filter(isCandidate))
      const at = restored?.own === true ? newestFirst.indexOf(restored.metadata.checkpointId) : -1
      const abandoned = newestFirst.slice(0, at < 0 ? newestFirst.length : at).toReversed()
      if (abandoned.length > 0) await this.#fence()
      for (const id of abandoned) {
        await this.#place.store.putIfAbsent(this.#place.prefix + givenUpName(id), new Uint8Array(0))
        this.#givenUp.add(id)
      }
      return abandoned
    })
  }

  removeAll(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#fence()
      const sizes = await this.#sizes()
      const names = [...sizes.keys()].filter((name) => writtenFor(name) > 0)
      // Metadata first: what is left after a crash in between is no checkpoint without its files. One by one: of several that are asked for at once any may be gone before others.
      for (const id of this.#removalOrder(sizes)) await this.#delete([metadataName(id)])
      await this.#delete(names.filter((name) => !isMetadata(name)))
      await this.#place.store.abortUploads(this.#place.prefix)
      this.#forgetAll()
    })
  }

  #removalOrder(sizes: Sizes): readonly number[] {
    const oldestFirst = this.#known.newestFirst(idsOf(sizes.keys())).toReversed()
    const isGivenUp = (id: number): boolean => sizes.has(givenUpName(id))
    return [...oldestFirst.filter(isGivenUp), ...oldestFirst.filter((id) => !isGivenUp(id))]
  }

  async #open(): Promise<StorageReport> {
    this.#forgetAll()
    const names = [...(await this.#sizes()).keys()]
    const ids = idsOf(names)
    for (const id of ids) if (names.includes(givenUpName(id))) this.#givenUp.add(id)
    const damaged: DamagedCheckpoint[] = []
    const incomplete = new Set<number>()
    const found = await atOnce(REQUESTS_AT_ONCE, ids, (id) => this.#metadata.read(id))
    for (const [index, checkpointId] of ids.entries()) {
      const each = found[index]!
      if (each.kind === 'complete') this.#known.add(each.metadata)
      else if (each.kind === 'incomplete') incomplete.add(checkpointId)
      else if ('problem' in each) damaged.push({ checkpointId, path: this.#url(checkpointId), problem: each.problem, cause: each.cause })
    }
    const orphans = names.filter((name) => {
      if (name.startsWith(`${SHARED_FOLDER}/`)) return writtenFor(name) > 0 && damaged.length === 0 && !this.#known.isReferenced(name)
      const id = idOf(name)
      const isKept = isMetadata(name) || name === givenUpName(id)
      return id > 0 && (!isKept || incomplete.has(id))
    })
    // An instance that has been taken over, and does not know it yet, must not take its successor's files for orphans.
    await this.#fence()
    await this.#delete(orphans)
    const uploads = await this.#place.store.abortUploads(this.#place.prefix)
    const completed = ids.filter((id) => !incomplete.has(id))
    return {
      completed,
      givenUp: completed.filter((id) => this.#givenUp.has(id)),
      nextCheckpointId: names.reduce((newest, name) => Math.max(newest, writtenFor(name)), 0) + 1,
      orphansRemoved: [...orphans, ...uploads.map((key) => key.slice(this.#place.prefix.length))],
      damaged,
    }
  }

  #forgetAll(): void {
    this.#known.clear()
    this.#metadata.forgetAll()
    this.#givenUp.clear()
  }

  async #persist(metadata: CheckpointMetadata): Promise<PersistedCheckpoint> {
    const { checkpointId } = metadata
    const merged = await this.#merged.merge(metadata)
    let bytes: Uint8Array<ArrayBuffer>
    try {
      bytes = encodeMetadataObject(merged.metadata)
      await this.#fence()
      this.#known.add(merged.metadata)
      await this.#metadata.write(checkpointId, bytes)
    } catch (error) {
      if (!this.#metadata.isUncertain(checkpointId)) {
        this.#known.remove(checkpointId)
        await merged.abort()
      }
      throw error
    }
    try {
      await this.#fence()
    } catch (error) {
      this.#metadata.doubt(checkpointId)
      throw error
    }
    await this.#removeUnfinished(checkpointId)
    return { path: this.#url(checkpointId), metadataBytes: bytes.length }
  }

  async #removeUnfinished(newerId: number): Promise<void> {
    try {
      for (const checkpointId of this.#metadata.unfinishedBefore(newerId)) {
        await this.#retire(checkpointId)
        this.#metadata.forget(checkpointId)
      }
    } catch {
      // Tried again after the next one.
    }
  }

  async #retire(checkpointId: number): Promise<void> {
    await this.#metadata.remove(checkpointId)
    if (this.#givenUp.has(checkpointId)) await this.#delete([givenUpName(checkpointId)])
    this.#givenUp.delete(checkpointId)
    // Known until all are gone: what fails here is tried again.
    await this.#delete(this.#known.ownPaths(checkpointId))
    this.#known.remove(checkpointId)
  }

  /** Paths of files that travelled with their handles have no object: removing them as well is one call for all. */
  async #removeUnreferenced(paths: readonly string[]): Promise<void> {
    await this.#delete(paths.filter((path) => !this.#known.isReferenced(path)))
  }

  async #delete(names: readonly string[]): Promise<void> {
    if (names.length > 0) await this.#place.store.delete(names.map((name) => this.#place.prefix + name))
    this.#merged.removed(names)
  }

  async #resolve(restore: RestoreRequest, options: ResolveOptions): Promise<RestoreResolution> {
    if (restore === 'none') return { checkpoint: undefined, damaged: [] }
    const sizes = await this.#sizes()
    if (restore !== 'latest') return { checkpoint: await this.#resolvePath(restore, sizes, options), damaged: [] }
    const candidates = {
      place: this.#place.url,
      pathOf: (id: number) => this.#url(id),
      read: (id: number) => this.#readUnlessGivenUp(id, sizes),
      findDamage: (metadata: CheckpointMetadata) => this.#findDamage(metadata, sizes, options),
    }
    return await chooseLatest(this.#known.newestFirst(idsOf(sizes.keys())), candidates, options)
  }

  async #resolvePath(path: string, sizes: Sizes, options: ResolveOptions): Promise<RestoredCheckpoint> {
    const folder = snapshotFolder(path)
    const checkpointId = folder.startsWith(`${this.#place.url}/`) ? idOf(`${folder.slice(this.#place.url.length + 1)}/`) : 0
    const found = checkpointId === 0 ? { kind: 'incomplete' as const } : await this.#readUnlessGivenUp(checkpointId, sizes)
    if (found.kind === 'incomplete') throw engineError('CHECKPOINT_NOT_FOUND', { path, instead: '' })
    if (found.kind === 'given-up') throw engineError('CHECKPOINT_GIVEN_UP', { path })
    if (found.kind === 'unknown-format') throw found.cause
    const damage = found.kind === 'damaged' ? found : await this.#findDamage(found.metadata, sizes, options)
    if (damage !== undefined || found.kind === 'damaged')
      throw engineError('CHECKPOINT_DAMAGED', { path, problem: damage?.problem }, damage?.cause)
    return { metadata: found.metadata, path: this.#url(checkpointId), own: true }
  }

  async #readUnlessGivenUp(checkpointId: number, sizes: Sizes): Promise<FoundMetadata> {
    return sizes.has(givenUpName(checkpointId)) ? { kind: 'given-up', metadata: undefined } : await this.#metadata.read(checkpointId)
  }

  #findDamage(metadata: CheckpointMetadata, sizes: Sizes, { verify, stopped }: ResolveOptions): Promise<Damage | undefined> {
    return findObjectDamage(metadata, this.#files, sizes, { verify, stopped, copies: this.#copies })
  }

  async #sizes(): Promise<Sizes> {
    const objects = await this.#place.store.list(this.#place.prefix)
    const sizes = new Map(objects.map(({ key, sizeBytes }) => [key.slice(this.#place.prefix.length), sizeBytes]))
    for (const [name, sizeBytes] of sizes) this.#merged.found(name, sizeBytes)
    return sizes
  }

  #url(checkpointId: number): string {
    return `${this.#place.url}/chk-${checkpointId}`
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(() => withObjectStorageErrors(this.#place.url, work))
    this.#tail = turn.catch(() => {})
    return turn
  }
}
