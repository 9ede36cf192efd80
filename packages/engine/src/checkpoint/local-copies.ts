/**
 * Copies of the state files of the latest completed checkpoint on a disk of this machine, so that a restart here need not read the storage of checkpoints.
 *
 * 1. A copy is never more than that: what it is of is durable elsewhere, whatever becomes of the copy, and no checkpoint waits or fails for it.
 * 2. Nothing is believed of a copy: each run of bytes is checked by its checksum as it is read, and what does not match is read from the storage.
 * 3. What the latest completed checkpoint does not need goes when it is complete; files of newer ones, which may be under way, stay.
 *
 * So copies are not synced: after a power failure they may be anything.
 */
import type { Disk, FileHandle } from '@millrace/core'
import { withoutMergedBytes, type StateFileHandle } from './handles.ts'
import { stateFilesOf, type CheckpointMetadata } from './metadata/metadata.ts'
import { FilesystemStateFiles, SHARED_FOLDER, stateFileName } from './filesystem/state-files.ts'
import type {
  CheckpointStorage,
  LocalCopyCounts,
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

/** Where the copies of one job are. */
export interface LocalPlace {
  readonly disk: Disk
  /** Absolute; the files are in the folder `shared` in it, under the names that they have in the storage. */
  readonly dir: string
  /** Files up to this size are in the metadata, and have no copy. */
  readonly inlineBytesMax: number
}

/** State files of a job that are written to its storage and copied, and read from the copy where it is whole. */
export class CopiedStateFiles implements StateFileStorage {
  readonly #own: StateFileStorage
  readonly #place: LocalPlace
  readonly #copies: FilesystemStateFiles

  constructor(own: StateFileStorage, place: LocalPlace) {
    this.#own = own
    this.#place = place
    this.#copies = new FilesystemStateFiles(place.disk, place.dir)
  }

  async createStateFile(writer: StateWriterIdentity, checkpointId: number, name: string): Promise<StateFileWriter> {
    const path = `${this.#place.dir}/${SHARED_FOLDER}/${stateFileName(writer, checkpointId, name)}`
    return new CopyingWriter(await this.#own.createStateFile(writer, checkpointId, name), new Copy(this.#place, path))
  }

  async openStateFile(file: StateFileHandle): Promise<StateFileReader> {
    const copy = await this.#copies.openStateFile(withoutPlace(file)).catch(() => undefined)
    return copy === undefined ? await this.#own.openStateFile(file) : new CopyReader(copy, () => this.#own.openStateFile(file))
  }

  async linkStateFile(file: StateFileHandle, path: string): Promise<boolean> {
    return (await this.#own.linkStateFile?.(file, path)) === true
  }
}

/** The copy of a merged file is a file of its own. */
function withoutPlace(file: StateFileHandle): StateFileHandle {
  const { within: _, ...rest } = withoutMergedBytes(file)
  return rest
}

/** A copy under construction. It gives up at the first error. */
class Copy {
  readonly #place: LocalPlace
  readonly #path: string
  #file: FileHandle | undefined
  /** Until it is known that it is worth a file. */
  #held: Uint8Array[] | undefined = []
  #length = 0
  #isGivenUp = false

  constructor(place: LocalPlace, path: string) {
    this.#place = place
    this.#path = path
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#held !== undefined && this.#length + bytes.length <= this.#place.inlineBytesMax) {
      this.#held.push(bytes.slice())
      this.#length += bytes.length
      return
    }
    await this.#attempt(async () => {
      await this.#writeHeld()
      await this.#append(bytes)
    })
  }

  async finish(): Promise<void> {
    await this.#attempt(async () => {
      await this.#writeHeld()
      await this.#close()
    })
  }

  async remove(): Promise<void> {
    this.#isGivenUp = true
    this.#held = []
    await this.#close().catch(() => {})
    await this.#place.disk.remove(this.#path).catch(() => {})
  }

  async #writeHeld(): Promise<void> {
    const held = this.#held
    if (held === undefined) return
    this.#held = undefined
    this.#length = 0
    this.#file = await this.#place.disk.open(this.#path, 'write')
    // It may have been removed before there was anything to close.
    if (this.#isGivenUp) return await this.remove()
    for (const bytes of held) await this.#append(bytes)
  }

  async #append(bytes: Uint8Array): Promise<void> {
    const at = this.#length
    this.#length += bytes.length
    await this.#file?.write(bytes, at)
  }

  async #close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    if (this.#isGivenUp) return
    await work().catch(() => this.remove())
  }
}

class CopyingWriter implements StateFileWriter {
  readonly #own: StateFileWriter
  readonly #copy: Copy

  constructor(own: StateFileWriter, copy: Copy) {
    this.#own = own
    this.#copy = copy
  }

  get length(): number {
    return this.#own.length
  }

  async write(bytes: Uint8Array): Promise<void> {
    const copied = this.#copy.write(bytes)
    try {
      await this.#own.write(bytes)
    } finally {
      await copied
    }
  }

  async finish(): Promise<StateFileHandle> {
    const handle = await this.#own.finish()
    if (handle.inline === undefined || handle.toMerge === true) await this.#copy.finish()
    else await this.#copy.remove()
    return handle
  }

  async abort(): Promise<void> {
    await this.#own.abort()
    await this.#copy.remove()
  }
}

/** Reads a copy as long as it is as it should be, and what it is of from then on. */
class CopyReader implements StateFileReader {
  #copy: StateFileReader | undefined
  readonly #openOwn: () => Promise<StateFileReader>
  #own: Promise<StateFileReader> | undefined

  constructor(copy: StateFileReader, openOwn: () => Promise<StateFileReader>) {
    this.#copy = copy
    this.#openOwn = openOwn
  }

  async read(offset: number, length: number, crc32: number | undefined): Promise<Uint8Array<ArrayBuffer>> {
    const copy = this.#copy
    // Nothing is believed of a copy without a checksum.
    if (copy !== undefined && crc32 !== undefined) {
      try {
        return await copy.read(offset, length, crc32)
      } catch {
        if (this.#copy === copy) {
          this.#copy = undefined
          await copy.close().catch(() => {})
        }
      }
    }
    this.#own ??= this.#openOwn()
    return await (await this.#own).read(offset, length, crc32)
  }

  async close(): Promise<void> {
    await this.#copy?.close()
    await (await this.#own?.catch(() => undefined))?.close()
  }
}

/** Looks at whole copies before a restore: those that are as they were written need not be read from the storage. */
export class LocalCopies {
  readonly #copies: FilesystemStateFiles
  #counts: { read: number; missed: number } = { read: 0, missed: 0 }

  constructor({ disk, dir }: Pick<LocalPlace, 'disk' | 'dir'>) {
    this.#copies = new FilesystemStateFiles(disk, dir)
  }

  /** `stopped`: nobody needs to know any more. */
  async isWhole(file: StateFileHandle, stopped: AbortSignal | undefined): Promise<boolean> {
    if (file.crc32 === undefined) return false
    const whole = await this.#copies.verify(withoutPlace(file), { stopped }).then(
      () => true,
      () => false,
    )
    this.#counts[whole ? 'read' : 'missed']++
    return whole
  }

  /** Since this was last asked. */
  take(): LocalCopyCounts {
    const counts = this.#counts
    this.#counts = { read: 0, missed: 0 }
    return counts
  }
}

/** The storage of a job with copies of its files: removes those that are not needed any more. `own` verifies with `copies`. */
export class CopiedCheckpoints extends CopiedStateFiles implements CheckpointStorage {
  readonly #own: CheckpointStorage
  readonly #place: LocalPlace
  readonly #copies: LocalCopies

  constructor(own: CheckpointStorage, place: LocalPlace, copies: LocalCopies) {
    super(own, place)
    this.#own = own
    this.#place = place
    this.#copies = copies
  }

  async open(): Promise<StorageReport> {
    const report = await this.#own.open()
    // Slots find it there. Without it they make no copies.
    await this.#place.disk.makeDirectory(`${this.#place.dir}/${SHARED_FOLDER}`).catch(() => {})
    return report
  }

  async persist(metadata: CheckpointMetadata): Promise<PersistedCheckpoint> {
    const persisted = await this.#own.persist(metadata)
    await this.#removeSubsumed(metadata).catch(() => {}) // with the next one
    return persisted
  }

  async discard(paths: readonly string[]): Promise<void> {
    for (const path of paths) await this.#remove(path)
    await this.#own.discard(paths)
  }

  retire(checkpointId: number): Promise<void> {
    return this.#own.retire(checkpointId)
  }

  async resolveRestore(restore: RestoreRequest, options?: ResolveOptions): Promise<RestoreResolution> {
    this.#copies.take()
    const resolution = await this.#own.resolveRestore(restore, options)
    return { ...resolution, localCopies: this.#copies.take() }
  }

  goOnFrom(restored: RestoredCheckpoint | undefined): Promise<readonly number[]> {
    return this.#own.goOnFrom(restored)
  }

  async removeAll(): Promise<void> {
    await this.#own.removeAll()
    await this.#place.disk.removeTree(this.#place.dir).catch(() => {})
  }

  async #removeSubsumed(metadata: CheckpointMetadata): Promise<void> {
    const needed = new Set(stateFilesOf(metadata).map(({ path }) => path))
    for (const name of await this.#place.disk.list(`${this.#place.dir}/${SHARED_FOLDER}`)) {
      const path = `${SHARED_FOLDER}/${name}`
      const checkpointId = Number(/^\d+-(\d+)-/.exec(name)?.[1] ?? 0)
      if (checkpointId <= metadata.checkpointId && !needed.has(path)) await this.#remove(path)
    }
  }

  async #remove(path: string): Promise<void> {
    await this.#place.disk.remove(`${this.#place.dir}/${path}`).catch(() => {})
  }
}
