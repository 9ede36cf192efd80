import { MillraceError } from '@millrace/core'
import { engineError } from '../../errors.ts'
import type { StateFileHandle } from '../handles.ts'
import type { LocalCopies } from '../local-copies.ts'
import { stateFilesOf, storedPathsOf, type CheckpointMetadata } from '../metadata.ts'
import { SHARED_FOLDER } from '../state-files.ts'
import type {
  CheckpointStorage,
  DamagedCheckpoint,
  PersistedCheckpoint,
  ResolveOptions,
  RestoreRequest,
  RestoreResolution,
  StateFileReader,
  StateFileWriter,
  StateWriterIdentity,
  StorageReport,
} from '../storage.ts'
import { findObjectDamage } from './foreign-object.ts'
import { inGroups } from './in-groups.ts'
import { decodeMetadataObject, encodeMetadataObject } from './metadata-object.ts'
import { isObjectMissing } from './object-store.ts'
import { MergedFiles, type Location } from './merged-files.ts'
import { ObjectStateFiles, type ObjectFileLimits, type ObjectPlace } from './object-state-files.ts'
import { isObjectDamage, withObjectStorageErrors } from './store-errors.ts'

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

const METADATA = '_metadata'

/** The object beside metadata that says that a start has passed them over. */
const GIVEN_UP = 'given-up'

/** What is put in place of metadata whose writing has failed: it can't come to be there later. */
const SEAL = new Uint8Array(0)

type ReadMetadata =
  | { readonly kind: 'complete'; readonly metadata: CheckpointMetadata }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'damaged'; readonly damaged: DamagedCheckpoint }
  /** Of a newer release: good, but not for this one. */
  | { readonly kind: 'unknown-format'; readonly damaged: DamagedCheckpoint; readonly error: MillraceError }

interface KnownCheckpoint {
  readonly attempt: number
  /** Of objects with its state files. */
  readonly paths: ReadonlySet<string>
  /** Where its merged files are, by their paths. */
  readonly merged: ReadonlyMap<string, Location>
}

/**
 * Checkpoints in a store of objects: `chk-<id>/_metadata`, which holds small state files too, and `shared/` with the large ones, and middle ones merged.
 *
 * 1. A checkpoint is complete when its `_metadata` is there, written last, whole, and only if there is none.
 * 2. A write whose outcome is not known is settled by writing an empty object in its place, if there is none: either that is there now, and
 *    the checkpoint never will be, or the checkpoint is. Where the store does not even answer that, its files are kept until a newer one is complete.
 * 3. The lock is looked at before a checkpoint is written and again after, before anybody hears of it. An instance that takes over claims first
 *    and lists then: either it finds the checkpoint, or the former instance finds the claim and does not call the checkpoint complete.
 *    In the same way orphans are listed before the lock is looked at, and removed after: files of a successor are never among them.
 * 4. What a former instance completes too late all the same is no newer than the checkpoints of those after it: attempts count before ids.
 * 5. A state file, or an object with several, is removed only if no metadata refers to it; while there are metadata that cannot be read, none is removed at start.
 * 6. Metadata go before the files they refer to.
 * 7. A checkpoint that was passed over is marked: it may be readable at the next start, but what belonged to it is gone.
 * 8. One operation at a time: restores never see half of a `persist` or `retire`.
 */
export class ObjectCheckpoints implements CheckpointStorage {
  readonly #place: ObjectPlace
  readonly #fence: () => Promise<void>
  readonly #files: ObjectStateFiles
  readonly #merged: MergedFiles
  readonly #copies: LocalCopies | undefined
  /** Each checkpoint that is complete, or may be. */
  readonly #known: Map<number, KnownCheckpoint> = new Map()
  /** Given up, but perhaps complete in the store. */
  readonly #uncertain = new Set<number>()
  /** Given up for good, by an empty object that can go once a newer checkpoint is complete. */
  readonly #sealed = new Set<number>()
  /** Passed over by this start or an earlier one. */
  readonly #givenUp = new Set<number>()
  #tail: Promise<unknown> = Promise.resolve()

  constructor(options: ObjectCheckpointsOptions) {
    this.#place = options.place
    this.#fence = options.fence ?? (async () => {})
    this.#files = new ObjectStateFiles(options.place, options.limits)
    this.#copies = options.copies
    this.#merged = new MergedFiles(this.#files, (path) => this.#locate(path), options.mergedObjectBytesMax)
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
      await this.#retire(checkpointId)
    })
  }

  discard(paths: readonly string[]): Promise<void> {
    return this.#inTurn(() => this.#removeUnreferenced(paths))
  }

  resolveRestore(restore: RestoreRequest, options: ResolveOptions = {}): Promise<RestoreResolution> {
    return this.#inTurn(() => this.#resolve(restore, options))
  }

  giveUp(checkpointId: number): Promise<void> {
    return this.#inTurn(async () => {
      await this.#fence()
      await this.#place.store.putIfAbsent(this.#place.prefix + givenUpName(checkpointId), SEAL)
      this.#givenUp.add(checkpointId)
    })
  }

  removeAll(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#fence()
      const names = (await this.#names()).filter((name) => idOf(name) > 0 || name.startsWith(`${SHARED_FOLDER}/`))
      // Metadata first: what is left after a crash in between is no checkpoint without its files.
      await this.#delete(names.filter(isMetadata))
      await this.#delete(names.filter((name) => !isMetadata(name)))
      await this.#place.store.abortUploads(this.#place.prefix)
      this.#known.clear()
      this.#uncertain.clear()
      this.#sealed.clear()
      this.#givenUp.clear()
    })
  }

  async #open(): Promise<StorageReport> {
    this.#known.clear()
    this.#uncertain.clear()
    this.#sealed.clear()
    this.#givenUp.clear()
    const names = await this.#names()
    const ids = idsOf(names)
    for (const id of ids) if (names.includes(givenUpName(id))) this.#givenUp.add(id)
    const damaged: DamagedCheckpoint[] = []
    const reads = await inGroups(ids, (id) => this.#read(id))
    for (const [index, read] of reads.entries()) {
      if (read.kind === 'complete') this.#know(ids[index]!, read.metadata)
      else if (read.kind !== 'incomplete') damaged.push(read.damaged)
    }
    const incomplete = new Set(ids.filter((_, index) => reads[index]!.kind === 'incomplete'))
    const orphans = names.filter((name) => {
      if (name.startsWith(`${SHARED_FOLDER}/`)) return damaged.length === 0 && !this.#isReferenced(name)
      const id = idOf(name)
      const isKept = isMetadata(name) || name === givenUpName(id)
      return id > 0 && (!isKept || incomplete.has(id))
    })
    // An instance that has been taken over, and does not know it yet, must not take its successor's files for orphans.
    await this.#fence()
    await this.#delete(orphans)
    const uploads = await this.#place.store.abortUploads(this.#place.prefix)
    const usedIds = names.map((name) => idOf(name) || Number(/^shared\/\d+-(\d+)-/.exec(name)?.[1] ?? 0))
    return {
      completed: ids.filter((id) => !incomplete.has(id)),
      nextCheckpointId: Math.max(0, ...usedIds) + 1,
      orphansRemoved: [...orphans, ...uploads.map((key) => key.slice(this.#place.prefix.length))],
      damaged,
    }
  }

  async #persist(metadata: CheckpointMetadata): Promise<PersistedCheckpoint> {
    const { checkpointId } = metadata
    const merged = await this.#merged.merge(metadata)
    let bytes: Uint8Array<ArrayBuffer>
    try {
      bytes = encodeMetadataObject(merged.metadata)
      await this.#fence()
      this.#know(checkpointId, merged.metadata)
      await this.#write(checkpointId, bytes)
    } catch (error) {
      if (!this.#uncertain.has(checkpointId)) {
        this.#known.delete(checkpointId)
        await merged.abort()
      }
      throw error
    }
    try {
      await this.#fence()
    } catch (error) {
      this.#uncertain.add(checkpointId)
      throw error
    }
    await this.#removeGivenUp(checkpointId)
    return { path: this.#url(checkpointId), metadataBytes: bytes.length }
  }

  /** Resolves if the checkpoint is complete. If it rejects, it never will be, or is `uncertain`. */
  async #write(checkpointId: number, bytes: Uint8Array): Promise<void> {
    const key = this.#key(checkpointId)
    let failure: unknown
    try {
      if (await this.#place.store.putIfAbsent(key, bytes)) return
      failure = new TypeError(`there is another ${METADATA} at ${this.#url(checkpointId)}, of a former attempt`)
    } catch (error) {
      failure = error
      this.#uncertain.add(checkpointId)
      if (await this.#settle(checkpointId, bytes)) return
    }
    throw failure
  }

  /** After a write whose outcome is not known: answers whether it has taken place, and sees to it that otherwise it never does. */
  async #settle(checkpointId: number, bytes: Uint8Array): Promise<boolean> {
    const key = this.#key(checkpointId)
    try {
      const isSealed = await this.#place.store.putIfAbsent(key, SEAL)
      const isComplete = !isSealed && Buffer.from(await this.#place.store.get(key)).equals(bytes)
      this.#uncertain.delete(checkpointId)
      if (isSealed) this.#sealed.add(checkpointId)
      return isComplete
    } catch {
      return false
    }
  }

  async #removeGivenUp(newerId: number): Promise<void> {
    try {
      for (const checkpointId of [...this.#uncertain, ...this.#sealed]) {
        if (checkpointId >= newerId) continue
        await this.#retire(checkpointId)
        this.#uncertain.delete(checkpointId)
        this.#sealed.delete(checkpointId)
      }
    } catch {
      // Tried again after the next one.
    }
  }

  async #retire(checkpointId: number): Promise<void> {
    await this.#place.store.delete([this.#key(checkpointId)])
    if (this.#givenUp.delete(checkpointId)) await this.#delete([givenUpName(checkpointId)])
    const paths = this.#known.get(checkpointId)?.paths ?? new Set()
    this.#known.delete(checkpointId)
    await this.#removeUnreferenced([...paths])
  }

  /** Paths of files that travelled with their handles have no object: removing them as well is one call for all. */
  async #removeUnreferenced(paths: readonly string[]): Promise<void> {
    await this.#delete(paths.filter((path) => !this.#isReferenced(path)))
  }

  async #delete(names: readonly string[]): Promise<void> {
    if (names.length > 0) await this.#place.store.delete(names.map((name) => this.#place.prefix + name))
    this.#merged.removed(names)
  }

  #isReferenced(path: string): boolean {
    return this.#known.values().some(({ paths }) => paths.has(path))
  }

  async #resolve(restore: RestoreRequest, { verify = 'full', exclude }: ResolveOptions): Promise<RestoreResolution> {
    if (restore === 'none') return { checkpoint: undefined, damaged: [] }
    const objects = await this.#place.store.list(this.#place.prefix)
    const sizes = new Map(objects.map(({ key, sizeBytes }) => [key.slice(this.#place.prefix.length), sizeBytes]))
    if (restore !== 'latest') return { checkpoint: await this.#resolvePath(restore, sizes, verify), damaged: [] }
    const damaged: DamagedCheckpoint[] = []
    let excluded = 0
    for (const checkpointId of this.#newestFirst(idsOf([...sizes.keys()]))) {
      if (exclude?.has(checkpointId) === true) {
        excluded++
        continue
      }
      if (sizes.has(givenUpName(checkpointId))) {
        damaged.push({ checkpointId, path: this.#url(checkpointId), problem: 'an earlier start has passed it over' })
        continue
      }
      const read = await this.#read(checkpointId)
      if (read.kind === 'incomplete') continue
      if (read.kind === 'unknown-format') throw read.error
      const problem = read.kind === 'damaged' ? read.damaged.problem : await this.#findDamage(read.metadata, sizes, verify)
      if (problem === undefined && read.kind === 'complete') {
        return { checkpoint: { metadata: read.metadata, path: this.#url(checkpointId), own: true }, damaged }
      }
      damaged.push({ checkpointId, path: this.#url(checkpointId), problem: problem ?? '' })
    }
    const count = damaged.length + excluded
    if (count > 0) {
      const problem = damaged[0]?.problem ?? 'its state cannot be read'
      throw engineError('CHECKPOINT_ALL_DAMAGED', { count, path: this.#place.url, problem })
    }
    return { checkpoint: undefined, damaged }
  }

  #findDamage(metadata: CheckpointMetadata, sizes: ReadonlyMap<string, number>, verify: 'full' | 'length'): Promise<string | undefined> {
    return findObjectDamage(metadata, this.#files, sizes, verify, this.#copies)
  }

  /** Those that could not be read at the start come first: they are looked at, and reported. */
  #newestFirst(ids: readonly number[]): readonly number[] {
    const attempt = (id: number): number => this.#known.get(id)?.attempt ?? Number.MAX_SAFE_INTEGER
    return ids.toSorted((a, b) => attempt(b) - attempt(a) || b - a)
  }

  async #resolvePath(
    path: string,
    sizes: ReadonlyMap<string, number>,
    verify: 'full' | 'length',
  ): Promise<RestoreResolution['checkpoint']> {
    const folder = path.replace(/\/+$/, '').replace(new RegExp(`/${METADATA}$`), '')
    const checkpointId = folder.startsWith(`${this.#place.url}/`) ? idOf(`${folder.slice(this.#place.url.length + 1)}/`) : 0
    const isGivenUp = sizes.has(givenUpName(checkpointId))
    const read = checkpointId === 0 || isGivenUp ? undefined : await this.#read(checkpointId)
    if (read === undefined || read.kind === 'incomplete') throw engineError('CHECKPOINT_NOT_FOUND', { path })
    if (read.kind === 'unknown-format') throw read.error
    const problem = read.kind === 'damaged' ? read.damaged.problem : await this.#findDamage(read.metadata, sizes, verify)
    if (problem !== undefined || read.kind === 'damaged') throw engineError('CHECKPOINT_DAMAGED', { path, problem: problem ?? '' })
    return { metadata: read.metadata, path: this.#url(checkpointId), own: true }
  }

  async #read(checkpointId: number): Promise<ReadMetadata> {
    const path = this.#url(checkpointId)
    try {
      const bytes = await this.#place.store.get(this.#key(checkpointId))
      if (bytes.length === 0) return { kind: 'incomplete' }
      const metadata = decodeMetadataObject(bytes)
      if (metadata.checkpointId !== checkpointId) throw new TypeError(`it is of checkpoint ${metadata.checkpointId}`)
      return { kind: 'complete', metadata }
    } catch (error) {
      if (isObjectMissing(error)) return { kind: 'incomplete' }
      const damaged = { checkpointId, path, problem: `${METADATA}: ${messageOf(error)}` }
      if (isObjectDamage(error)) return { kind: 'damaged', damaged }
      if (error instanceof MillraceError) return { kind: 'unknown-format', damaged, error }
      throw error
    }
  }

  #know(checkpointId: number, metadata: CheckpointMetadata): void {
    const merged = new Map(stateFilesOf(metadata).flatMap(({ path, within }) => (within === undefined ? [] : [[path, within] as const])))
    this.#known.set(checkpointId, { attempt: metadata.attempt, paths: storedPathsOf(metadata), merged })
  }

  /** Where a merged file is, as the newest checkpoint has it. */
  #locate(path: string): Location | undefined {
    const known = [...this.#known.values()].findLast(({ merged }) => merged.has(path))
    return known?.merged.get(path)
  }

  /** Everything of the job, relative to its place. */
  async #names(): Promise<readonly string[]> {
    const objects = await this.#place.store.list(this.#place.prefix)
    return objects.map(({ key, sizeBytes }) => {
      const name = key.slice(this.#place.prefix.length)
      this.#merged.found(name, sizeBytes)
      return name
    })
  }

  #key(checkpointId: number): string {
    return `${this.#place.prefix}chk-${checkpointId}/${METADATA}`
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

/** Of the checkpoint that an object belongs to; 0 for all others. */
function idOf(name: string): number {
  return Number(/^chk-([1-9]\d{0,14})\//.exec(name)?.[1] ?? 0)
}

/** Ids of all checkpoints of which there is anything, ascending. */
function idsOf(names: readonly string[]): readonly number[] {
  return [...new Set(names.map(idOf))].filter((id) => id > 0).toSorted((a, b) => a - b)
}

function givenUpName(checkpointId: number): string {
  return `chk-${checkpointId}/${GIVEN_UP}`
}

function isMetadata(name: string): boolean {
  return name.endsWith(`/${METADATA}`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
