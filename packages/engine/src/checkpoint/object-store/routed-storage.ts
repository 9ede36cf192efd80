import { isAbsolute } from 'node:path'
import type { Disk } from '@millrace/core'
import { restoreForeign, snapshotFolder } from '../foreign-checkpoint.ts'
import { movedFile, type StateFileHandle } from '../handles.ts'
import { MemoryStateFiles } from '../memory.ts'
import type { CheckpointMetadata } from '../metadata/metadata.ts'
import { FilesystemStateFiles } from '../filesystem/state-files.ts'
import type {
  CheckpointStorage,
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
} from '../storage.ts'
import { checkpointPlace, isCheckpointUrl } from './checkpoint-url.ts'
import { restoreForeignObject } from './foreign-object.ts'
import { ObjectStateFiles } from './object-state-files.ts'
import type { RemotePlaces } from './remote-places.ts'

/** How places other than the job's own are reached. */
export interface RouteParts {
  readonly places: RemotePlaces
  readonly disk: Disk
}

/** State files of the job's own storage, and those of a checkpoint of any other that it was restored from. */
export class RoutedStateFiles implements StateFileStorage {
  readonly #own: StateFileStorage
  readonly #parts: RouteParts
  readonly #memory = new MemoryStateFiles()

  constructor(own: StateFileStorage, parts: RouteParts) {
    this.#own = own
    this.#parts = parts
  }

  inFolder(folder: string, inlineBytesMax?: number): StateFileStorage {
    if (!isCheckpointUrl(folder)) return new FilesystemStateFiles(this.#parts.disk, folder)
    return new ObjectStateFiles(this.#parts.places.place(folder), inlineBytesMax === undefined ? {} : { inlineBytesMax })
  }

  createStateFile(writer: StateWriterIdentity, checkpointId: number, name: string): Promise<StateFileWriter> {
    return this.#own.createStateFile(writer, checkpointId, name)
  }

  async linkStateFile(file: StateFileHandle, to: string): Promise<boolean> {
    const { path, inline } = file
    if (inline !== undefined || isCheckpointUrl(path)) return false
    if (isAbsolute(path)) return await new FilesystemStateFiles(this.#parts.disk, '/').linkStateFile(file, to)
    return (await this.#own.linkStateFile?.(file, to)) === true
  }

  openStateFile(file: StateFileHandle): Promise<StateFileReader> {
    const { path, inline } = file
    if (inline !== undefined) return this.#memory.openStateFile(file)
    if (isAbsolute(path)) return new FilesystemStateFiles(this.#parts.disk, '/').openStateFile(file)
    if (!isCheckpointUrl(path)) return this.#own.openStateFile(file)
    const [folder] = splitFile(path)
    const own = movedFile(file, (name) => splitFile(name)[1])
    return new ObjectStateFiles(this.#parts.places.place(folder)).openStateFile(own)
  }
}

/**
 * The storage of a job, which also restores from a checkpoint that is anywhere else. What is restored so has absolute paths and is not the job's
 * own: no later checkpoint builds on it.
 */
export class RoutedCheckpoints extends RoutedStateFiles implements CheckpointStorage {
  readonly #own: CheckpointStorage
  readonly #url: string | undefined
  readonly #parts: RouteParts

  /** `url`: of the job's own place, if that is no folder. */
  constructor(own: CheckpointStorage, url: string | undefined, parts: RouteParts) {
    super(own, parts)
    this.#own = own
    this.#url = url
    this.#parts = parts
  }

  open(): Promise<StorageReport> {
    return this.#own.open()
  }

  persist(metadata: CheckpointMetadata): Promise<PersistedCheckpoint> {
    return this.#own.persist(metadata)
  }

  discard(paths: readonly string[]): Promise<void> {
    return this.#own.discard(paths)
  }

  retire(checkpointId: number): Promise<void> {
    return this.#own.retire(checkpointId)
  }

  goOnFrom(restored: RestoredCheckpoint | undefined): Promise<readonly number[]> {
    return this.#own.goOnFrom(restored)
  }

  removeAll(): Promise<void> {
    return this.#own.removeAll()
  }

  async resolveRestore(restore: RestoreRequest, options: ResolveOptions = {}): Promise<RestoreResolution> {
    if (restore === 'latest' || restore === 'none') return this.#own.resolveRestore(restore, options)
    // Absolute: it may be noted for another process, which may be started in another folder.
    const path = checkpointPlace(restore)
    if (isCheckpointUrl(path)) return this.#resolveUrl(path, options)
    if (this.#url === undefined) return this.#own.resolveRestore(path, options)
    return { checkpoint: await restoreForeign(this.#parts.disk, path, options), damaged: [] }
  }

  async #resolveUrl(url: string, options: ResolveOptions): Promise<RestoreResolution> {
    const folder = this.#parts.places.place(snapshotFolder(url)).url
    if (folder.slice(0, folder.lastIndexOf('/')) === this.#url) return this.#own.resolveRestore(folder, options)
    return { checkpoint: await restoreForeignObject(this.#parts.places, folder, options), damaged: [] }
  }
}

/** `s3://bucket/prefix/shared/1-2-3-0-state`: the place, and the path in it. */
function splitFile(path: string): readonly [string, string] {
  const at = path.lastIndexOf('/', path.lastIndexOf('/') - 1)
  return [path.slice(0, at), path.slice(at + 1)]
}
