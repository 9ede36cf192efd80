import { crc32 } from 'node:zlib'
import type { Disk } from '@millrace/core'
import { engineError } from '../errors.ts'
import { restoreForeign } from './foreign-checkpoint.ts'
import type { StateFileHandle } from './handles.ts'
import { decodeMetadata, encodeMetadata } from './metadata/metadata-format.ts'
import { stateFilesOf, withFiles, type CheckpointMetadata } from './metadata/metadata.ts'
import { allDamaged } from './restore-choice.ts'
import { FilesystemStateFiles, SHARED_FOLDER } from './filesystem/state-files.ts'
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
} from './storage.ts'

/** Bytes of one state file. */
export const MEMORY_STATE_BYTES_MAX: number = 5 * 1024 * 1024
/** Bytes of the metadata of one checkpoint. */
export const MEMORY_MESSAGE_BYTES_MAX: number = 10 * 1024 * 1024

export interface MemoryOptions {
  /** Default 5 MiB. */
  readonly stateBytesMax?: number
  /** Default 10 MiB. */
  readonly messageBytesMax?: number
  /** Where savepoints, and other jobs' checkpoints, are read from; undefined: from nowhere. */
  readonly disk?: Disk
}

/** State files in memory: the bytes travel with the handle. Any number on any threads. */
export class MemoryStateFiles implements StateFileStorage {
  readonly #stateBytesMax: number
  readonly #disk: Disk | undefined

  constructor(options: MemoryOptions = {}) {
    this.#stateBytesMax = options.stateBytesMax ?? MEMORY_STATE_BYTES_MAX
    this.#disk = options.disk
  }

  async createStateFile(writer: StateWriterIdentity, checkpointId: number, name: string): Promise<StateFileWriter> {
    const path = `${SHARED_FOLDER}/${writer.attempt}-${checkpointId}-${writer.task}-${writer.subtask}-${name}`
    return new MemoryWriter(path, this.#stateBytesMax)
  }

  async openStateFile(file: StateFileHandle): Promise<StateFileReader> {
    const { inline, path, length } = file
    if (inline === undefined && path.startsWith('/') && this.#disk !== undefined)
      return await new FilesystemStateFiles(this.#disk, '/').openStateFile(file)
    if (inline?.length !== length) throw engineError('CHECKPOINT_DAMAGED', { path, problem: 'its bytes are not in memory' })
    return {
      read: async (offset, count, expected) => {
        const bytes = inline.slice(offset, offset + count)
        if (bytes.length === count && (expected === undefined || crc32(bytes) === expected)) return bytes
        throw engineError('CHECKPOINT_DAMAGED', { path, problem: `bytes ${offset} to ${offset + count} are not as they were written` })
      },
      close: async () => {},
    }
  }
}

class MemoryWriter implements StateFileWriter {
  readonly #path: string
  readonly #bytesMax: number
  #chunks: Uint8Array[] = []
  #length = 0

  constructor(path: string, bytesMax: number) {
    this.#path = path
    this.#bytesMax = bytesMax
  }

  get length(): number {
    return this.#length
  }

  async write(bytes: Uint8Array): Promise<void> {
    const length = this.#length + bytes.length
    if (length > this.#bytesMax) throw engineError('CHECKPOINT_STATE_TOO_LARGE', { length, limit: this.#bytesMax })
    this.#length = length
    this.#chunks.push(bytes.slice())
  }

  async finish(): Promise<StateFileHandle> {
    const inline = new Uint8Array(Buffer.concat(this.#chunks))
    return { path: this.#path, length: inline.length, crc32: crc32(inline), inline }
  }

  async abort(): Promise<void> {
    this.#chunks = []
  }
}

interface StoredCheckpoint {
  /** Encoded, so that storage in memory takes and gives exactly what storage on disk does. */
  readonly metadata: Uint8Array<ArrayBuffer>
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>
}

/** Checkpoints in memory: for tests and jobs that need no state after the process ends. Survives restarts of the job within the process. */
export class MemoryCheckpoints extends MemoryStateFiles implements CheckpointStorage {
  readonly #messageBytesMax: number
  readonly #disk: Disk | undefined
  readonly #stored: Map<number, StoredCheckpoint> = new Map()

  constructor(options: MemoryOptions = {}) {
    super(options)
    this.#messageBytesMax = options.messageBytesMax ?? MEMORY_MESSAGE_BYTES_MAX
    this.#disk = options.disk
  }

  async open(): Promise<StorageReport> {
    const completed = this.#ids()
    return { completed, givenUp: [], nextCheckpointId: (completed.at(-1) ?? 0) + 1, orphansRemoved: [], damaged: [] }
  }

  async persist(metadata: CheckpointMetadata): Promise<PersistedCheckpoint> {
    const { checkpointId } = metadata
    const bytes = encodeMetadata(metadata)
    const limit = this.#messageBytesMax
    if (bytes.length > limit) throw engineError('CHECKPOINT_MESSAGE_TOO_LARGE', { checkpointId, length: bytes.length, limit })
    const files = stateFilesOf(metadata).map(({ path, inline }): [string, Uint8Array<ArrayBuffer>] => {
      if (inline === undefined) throw engineError('CHECKPOINT_DAMAGED', { path, problem: 'its bytes are not in memory' })
      return [path, inline]
    })
    this.#stored.set(checkpointId, { metadata: bytes, files: new Map(files) })
    return { path: undefined, metadataBytes: bytes.length }
  }

  async discard(): Promise<void> {
    // Nothing is kept of what is not completed.
  }

  async retire(checkpointId: number): Promise<void> {
    this.#stored.delete(checkpointId)
  }

  async resolveRestore(restore: RestoreRequest, options: ResolveOptions = {}): Promise<RestoreResolution> {
    const { damaged = new Map(), before = Infinity } = options
    if (restore === 'none') return { checkpoint: undefined, damaged: [] }
    if (restore !== 'latest') {
      if (this.#disk === undefined) throw engineError('CHECKPOINT_NOT_FOUND', { path: restore, instead: '' })
      return { checkpoint: await restoreForeign(this.#disk, restore, options), damaged: [] }
    }
    const ids = this.#ids().filter((id) => id < before)
    const newest = ids.findLast((id) => !damaged.has(id))
    if (newest === undefined) {
      const checkpointId = ids.at(-1)
      if (checkpointId === undefined) return { checkpoint: undefined, damaged: [] }
      throw allDamaged('memory', ids.length, { checkpointId, path: `checkpoint ${checkpointId}`, ...damaged.get(checkpointId)! })
    }
    const { metadata, files } = this.#stored.get(newest)!
    const restored = withFiles(decodeMetadata(metadata), (file) => ({ ...file, inline: files.get(file.path)! }))
    return { checkpoint: { metadata: restored, path: undefined, own: true }, damaged: [] }
  }

  async goOnFrom(restored: RestoredCheckpoint | undefined): Promise<readonly number[]> {
    const restoredId = restored?.own === true ? restored.metadata.checkpointId : 0
    const abandoned = this.#ids().filter((id) => id > restoredId)
    for (const id of abandoned) this.#stored.delete(id)
    return abandoned
  }

  async removeAll(): Promise<void> {
    this.#stored.clear()
  }

  #ids(): number[] {
    return [...this.#stored.keys()].toSorted((a, b) => a - b)
  }
}
