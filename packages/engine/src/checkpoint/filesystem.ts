import { MillraceError, type Disk } from '@millrace/core'
import { engineError } from '../errors.ts'
import { makeDurableFolder } from './durable-folders.ts'
import { findDamage, METADATA, readNamed, restoreForeign } from './foreign-checkpoint.ts'
import type { StateFileHandle } from './handles.ts'
import type { LocalCopies } from './local-copies.ts'
import { decodeMetadata, encodeMetadata } from './metadata-format.ts'
import { storedPathsOf, type CheckpointMetadata } from './metadata.ts'
import { FilesystemStateFiles, SHARED_FOLDER } from './state-files.ts'
import { isDamage, isNotFound, storageError, withStorageErrors } from './storage-errors.ts'
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
} from './storage.ts'

export interface FilesystemCheckpointsOptions {
  readonly disk: Disk
  /** Folder of this job's checkpoints, absolute. No other job may use it. */
  readonly dir: string
  /** Rejects once another instance has taken over; asked before anything is completed or removed. `JobLock.check`. */
  readonly fence?: () => Promise<void>
  /** What is whole here need not be read before a restore. */
  readonly copies?: LocalCopies
}

/** What metadata are called that a start has passed over. */
const GIVEN_UP = `${METADATA}.given-up`

type ReadMetadata =
  | { readonly kind: 'complete'; readonly metadata: CheckpointMetadata }
  | { readonly kind: 'given-up'; readonly damaged: DamagedCheckpoint; readonly metadata: CheckpointMetadata | undefined }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'damaged'; readonly damaged: DamagedCheckpoint }
  /** Of a newer release: good, but not for this one. */
  | { readonly kind: 'unknown-format'; readonly damaged: DamagedCheckpoint; readonly error: MillraceError }

/** A name for the folder of a job in a folder that jobs share: letters, digits, `.`, `-` and `_` stay, all else becomes `%XX`. Of two jobs never the same. */
export function jobFolderName(jobName: string): string {
  const escaped = encodeURIComponent(jobName.toWellFormed()).replace(
    /[!'()*~]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return escaped.replace(/^\.+$/, (dots) => '%2E'.repeat(dots.length)) || '%'
}

/**
 * Checkpoints in a folder of the file system: `chk-<id>/_metadata` and `shared/` with the state files.
 *
 * 1. `chk-<id>/_metadata` exists only whole: written under another name, synced, then renamed. A checkpoint without it is none.
 * 2. `persist` resolves once the content, both names and all state files are durable; what it rejects is gone, or its files are kept until
 *    a newer one is complete.
 * 3. A state file is removed only if no metadata in the folder refers to it; while there are metadata that cannot be read, none is removed at start.
 * 4. Metadata go before the files they refer to, durably.
 * 5. What `resolveRestore` answers is durable: its writer may have died between rename and sync, and what is built upon from now on must not
 *    vanish with the next crash. (`open` has synced the folders above.)
 * 6. One operation at a time: restores never see half of a `persist` or `retire`.
 * 7. A checkpoint that was passed over has its metadata under another name: a read error may be over at the next start, but what belonged to it is gone.
 */
export class FilesystemCheckpoints implements CheckpointStorage {
  readonly #disk: Disk
  readonly #dir: string
  readonly #fence: () => Promise<void>
  readonly #files: FilesystemStateFiles
  readonly #copies: LocalCopies | undefined
  /** Of each checkpoint that is complete, or may be, the state files that it refers to. */
  readonly #references: Map<number, ReadonlySet<string>> = new Map()
  /** Given up, but perhaps complete on disk. */
  readonly #uncertain = new Set<number>()
  #sharedInode: string | undefined
  #tail: Promise<unknown> = Promise.resolve()

  constructor(options: FilesystemCheckpointsOptions) {
    this.#disk = options.disk
    this.#dir = options.dir
    this.#fence = options.fence ?? (async () => {})
    this.#files = new FilesystemStateFiles(options.disk, options.dir)
    this.#copies = options.copies
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
      const folder = this.#folder(checkpointId)
      await this.#disk.rename(`${folder}/${METADATA}`, `${folder}/${GIVEN_UP}`).catch(unlessNotFound)
      await this.#disk.syncDirectory(folder).catch(unlessNotFound)
    })
  }

  removeAll(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#fence()
      for (const checkpointId of await this.#list()) await this.#disk.removeTree(this.#folder(checkpointId))
      await this.#disk.removeTree(`${this.#dir}/${SHARED_FOLDER}`)
      await this.#disk.syncDirectory(this.#dir)
      this.#references.clear()
      this.#uncertain.clear()
    })
  }

  async #open(): Promise<StorageReport> {
    const shared = `${this.#dir}/${SHARED_FOLDER}`
    await makeDurableFolder(this.#disk, shared)
    await this.#checkWritable(shared)
    this.#sharedInode = (await this.#disk.stat(shared)).inode
    this.#references.clear()
    this.#uncertain.clear()
    const ids = await this.#list()
    const damaged: DamagedCheckpoint[] = []
    const incomplete: number[] = []
    let unknown = 0
    for (const checkpointId of ids) {
      const read = await this.#read(checkpointId)
      if ('metadata' in read && read.metadata !== undefined) this.#references.set(checkpointId, storedPathsOf(read.metadata))
      else if (read.kind === 'incomplete') incomplete.push(checkpointId)
      else unknown++
      if ('damaged' in read) damaged.push(read.damaged)
    }
    const fileNames = await this.#disk.list(shared)
    const removed = await this.#removeOrphans(incomplete, unknown > 0 ? [] : fileNames)
    const completed = ids.filter((id) => !incomplete.includes(id))
    const usedIds = [...ids, ...fileNames.map((name) => Number(/^\d+-(\d+)-/.exec(name)?.[1] ?? 0))]
    return { completed, nextCheckpointId: Math.max(0, ...usedIds) + 1, orphansRemoved: removed, damaged }
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
    const folder = this.#folder(checkpointId)
    const pending = `${folder}/${METADATA}.${attempt}.pending`
    this.#references.set(checkpointId, storedPathsOf(metadata))
    let renamed = false
    try {
      await this.#checkPresent()
      await this.#disk.makeDirectory(folder)
      await this.#write(pending, bytes)
      await this.#fence()
      renamed = true
      await this.#disk.rename(pending, `${folder}/${METADATA}`)
      await this.#disk.syncDirectory(folder)
      await this.#disk.syncDirectory(this.#dir)
    } catch (error) {
      await this.#takeBack(checkpointId, pending, renamed)
      throw error
    }
    await this.#removeUncertain(checkpointId)
    return { path: folder, metadataBytes: bytes.length }
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const file = await this.#disk.open(path, 'write')
    try {
      await file.write(bytes, 0)
      await file.sync()
    } finally {
      await file.close()
    }
  }

  /** Undoes a failed `persist`, as far as the disk lets it. The folder stays: another instance may be using it; the next start removes it. */
  async #takeBack(checkpointId: number, pending: string, renamed: boolean): Promise<void> {
    const folder = this.#folder(checkpointId)
    await this.#disk.remove(pending).catch(() => {})
    if (renamed) {
      try {
        await this.#disk.remove(`${folder}/${METADATA}`).catch(unlessNotFound)
        await this.#disk.syncDirectory(folder)
      } catch {
        // It may be complete on disk, now or after a crash: its files stay until a newer one is complete.
        this.#uncertain.add(checkpointId)
        return
      }
    }
    this.#references.delete(checkpointId)
  }

  async #removeUncertain(newerId: number): Promise<void> {
    for (const checkpointId of this.#uncertain) {
      if (checkpointId >= newerId) continue
      try {
        await this.#retire(checkpointId)
        this.#uncertain.delete(checkpointId)
      } catch {
        // Tried again after the next one.
      }
    }
  }

  async #retire(checkpointId: number): Promise<void> {
    const folder = this.#folder(checkpointId)
    try {
      await this.#disk.remove(`${folder}/${METADATA}`).catch(unlessNotFound)
      await this.#disk.syncDirectory(folder)
    } catch (error) {
      unlessNotFound(error)
    }
    await this.#disk.removeTree(folder)
    const paths = this.#references.get(checkpointId) ?? new Set()
    this.#references.delete(checkpointId)
    await this.#removeUnreferenced([...paths])
  }

  async #removeUnreferenced(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      if (!this.#isReferenced(path)) await this.#disk.remove(`${this.#dir}/${path}`).catch(unlessNotFound)
    }
  }

  #isReferenced(path: string): boolean {
    return this.#references.values().some((paths) => paths.has(path))
  }

  async #resolve(restore: RestoreRequest, { verify = 'full', exclude }: ResolveOptions): Promise<RestoreResolution> {
    if (restore === 'none') return { checkpoint: undefined, damaged: [] }
    if (restore !== 'latest') return { checkpoint: await this.#resolvePath(restore, verify), damaged: [] }
    const damaged: DamagedCheckpoint[] = []
    let excluded = 0
    for (const checkpointId of (await this.#list()).toReversed()) {
      if (exclude?.has(checkpointId) === true) {
        excluded++
        continue
      }
      const read = await this.#read(checkpointId)
      if (read.kind === 'incomplete') continue
      if (read.kind === 'unknown-format') throw read.error
      const problem = read.kind === 'complete' ? await findDamage(read.metadata, this.#files, verify, this.#copies) : read.damaged.problem
      if (problem === undefined && read.kind === 'complete') {
        await this.#disk.syncDirectory(this.#folder(checkpointId))
        return { checkpoint: { metadata: read.metadata, path: this.#folder(checkpointId), own: true }, damaged }
      }
      damaged.push({ checkpointId, path: this.#folder(checkpointId), problem: problem ?? '' })
    }
    const count = damaged.length + excluded
    if (count > 0)
      throw engineError('CHECKPOINT_ALL_DAMAGED', { count, path: this.#dir, problem: damaged[0]?.problem ?? 'its state cannot be read' })
    return { checkpoint: undefined, damaged }
  }

  async #resolvePath(path: string, verify: 'full' | 'length'): Promise<RestoredCheckpoint> {
    const named = await readNamed(this.#disk, path)
    if (named.base !== this.#dir) return await restoreForeign(this.#disk, path, verify)
    const problem = await findDamage(named.metadata, this.#files, verify, this.#copies)
    if (problem !== undefined) throw engineError('CHECKPOINT_DAMAGED', { path, problem })
    await this.#disk.syncDirectory(named.folder)
    return { metadata: named.metadata, path: named.folder, own: true }
  }

  async #read(checkpointId: number): Promise<ReadMetadata> {
    const path = this.#folder(checkpointId)
    try {
      const metadata = decodeMetadata(await this.#disk.readFile(`${path}/${METADATA}`))
      if (metadata.checkpointId !== checkpointId) throw new TypeError(`it is of checkpoint ${metadata.checkpointId}`)
      return { kind: 'complete', metadata }
    } catch (error) {
      if (isNotFound(error)) return await this.#readGivenUp(checkpointId)
      const damaged = { checkpointId, path, problem: `${METADATA}: ${messageOf(error)}` }
      if (isDamage(error)) return { kind: 'damaged', damaged }
      if (error instanceof MillraceError) return { kind: 'unknown-format', damaged, error }
      throw error
    }
  }

  async #readGivenUp(checkpointId: number): Promise<ReadMetadata> {
    const path = this.#folder(checkpointId)
    const damaged = { checkpointId, path, problem: 'an earlier start has passed it over' }
    try {
      return { kind: 'given-up', damaged, metadata: decodeMetadata(await this.#disk.readFile(`${path}/${GIVEN_UP}`)) }
    } catch (error) {
      if (isNotFound(error)) return { kind: 'incomplete' }
      return { kind: 'given-up', damaged, metadata: undefined }
    }
  }

  /** Notices a folder that was removed or unmounted and would be made anew, in another place. */
  async #checkPresent(): Promise<void> {
    const { inode } = await this.#disk.stat(`${this.#dir}/${SHARED_FOLDER}`)
    if (this.#sharedInode !== undefined && inode !== this.#sharedInode) throw engineError('CHECKPOINT_STORAGE_LOST', { path: this.#dir })
  }

  /** Ids of all checkpoint folders, ascending. */
  async #list(): Promise<number[]> {
    const ids = (await this.#disk.list(this.#dir)).flatMap((name) => {
      const id = Number(/^chk-([1-9]\d{0,14})$/.exec(name)?.[1] ?? 0)
      return id > 0 ? [id] : []
    })
    return ids.toSorted((a, b) => a - b)
  }

  #folder(checkpointId: number): string {
    return `${this.#dir}/chk-${checkpointId}`
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(() => withStorageErrors(this.#dir, work))
    this.#tail = turn.catch(() => {})
    return turn
  }
}

function unlessNotFound(error: unknown): void {
  if (!isNotFound(error)) throw storageError(error, '')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
