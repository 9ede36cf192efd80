import { crc32 } from 'node:zlib'
import { type Disk, type FileHandle, messageOf } from '@millrace/core'
import { engineError } from '../../errors.ts'
import { FolderSync } from './durable-folders.ts'
import type { StateFileHandle } from '../handles.ts'
import { isDamage, storageError, unlessNotFound, withStorageErrors } from '../storage-errors.ts'
import type { StateFileReader, StateFileStorage, StateFileWriter, StateWriterIdentity, VerifyOptions } from '../storage.ts'

/** The folder of state files in a job's checkpoint folder. */
export const SHARED_FOLDER = 'shared'

/** What a state file is called, wherever it is kept. */
export function stateFileName({ attempt, task, subtask }: StateWriterIdentity, checkpointId: number, name: string): string {
  return `${attempt}-${checkpointId}-${task}-${subtask}-${name}`
}

/** Whether `stateFileName` may have made it. */
export function isStateFileName(name: string): boolean {
  return /^\d+-\d+-/.test(name)
}

const VERIFY_CHUNK_BYTES = 1 << 20

/**
 * State files in a folder of the file system. One for each thread; the folder was made by the coordinator's `FilesystemCheckpoints`.
 *
 * 1. A handle is given only for a file whose content and name are durable.
 * 2. No file is written twice: names carry attempt, checkpoint, task and subtask.
 * 3. A file is removed only by who has made it: what has its name in a folder that was mounted over this one is another's.
 */
export class FilesystemStateFiles implements StateFileStorage {
  readonly #disk: Disk
  readonly #dir: string
  readonly #sharedSync: FolderSync

  /** `dir`: the folder of this job's checkpoints. */
  constructor(disk: Disk, dir: string) {
    this.#disk = disk
    this.#dir = dir
    this.#sharedSync = new FolderSync(disk, `${dir}/${SHARED_FOLDER}`)
  }

  async createStateFile(writer: StateWriterIdentity, checkpointId: number, name: string): Promise<StateFileWriter> {
    const path = `${SHARED_FOLDER}/${stateFileName(writer, checkpointId, name)}`
    const file = await withStorageErrors(this.#dir, () => this.#disk.open(`${this.#dir}/${path}`, 'create'))
    return new FileWriter({ disk: this.#disk, dir: this.#dir, path, file, sync: () => this.#sharedSync.sync() })
  }

  async openStateFile(file: StateFileHandle): Promise<StateFileReader> {
    const path = this.#locate(file)
    try {
      return await CheckedFile.open(this.#disk, path, file)
    } catch (error) {
      throw readError(error, path)
    }
  }

  async linkStateFile(file: StateFileHandle, to: string): Promise<boolean> {
    if (file.within !== undefined) return false
    await this.verify(file, { verify: 'length' })
    return await linked(this.#disk, this.#locate(file), to)
  }

  /** Reads a whole file that has a checksum, to see that it is as it was written. @throws CHECKPOINT_DAMAGED; anything from `stopped` on */
  async verify(file: StateFileHandle, { verify, stopped }: VerifyOptions): Promise<void> {
    const path = this.#locate(file)
    try {
      const checked = await CheckedFile.open(this.#disk, path, file)
      try {
        if (verify !== 'length' && file.crc32 !== undefined) await checked.verify(file.crc32, stopped)
      } finally {
        await checked.close()
      }
    } catch (error) {
      throw readError(error, path)
    }
  }

  #locate(file: StateFileHandle): string {
    const path = file.within?.path ?? file.path
    return path.startsWith('/') ? path : `${this.#dir}/${path}`
  }
}

async function linked(disk: Disk, from: string, to: string): Promise<boolean> {
  return await disk.link(from, to).then(
    () => true,
    () => false,
  )
}

function readError(error: unknown, path: string): Error {
  if (!isDamage(error)) return storageError(error, path)
  return engineError('CHECKPOINT_DAMAGED', { path, problem: messageOf(error) }, error)
}

interface FileWriterParts {
  readonly disk: Disk
  readonly dir: string
  readonly path: string
  /** Open, and empty. */
  readonly file: FileHandle
  /** Makes the names in the folder durable. */
  readonly sync: () => Promise<void>
}

class FileWriter implements StateFileWriter {
  readonly #parts: FileWriterParts
  #file: FileHandle
  #length = 0
  /** Undefined: the file is another's, and was not read. */
  #crc32: number | undefined = 0
  #isOpen = true
  /** Of what was finished. */
  #inode: string | undefined

  constructor(parts: FileWriterParts) {
    this.#parts = parts
    this.#file = parts.file
  }

  get length(): number {
    return this.#length
  }

  async write(bytes: Uint8Array): Promise<void> {
    const at = this.#length
    this.#length += bytes.length
    this.#crc32 = crc32(bytes, this.#crc32)
    await withStorageErrors(this.#parts.dir, () => this.#file.write(bytes, at))
  }

  async adopt(from: string): Promise<boolean> {
    const { disk, dir, path } = this.#parts
    if (this.#length > 0) return false
    const own = `${dir}/${path}`
    return await withStorageErrors(dir, async () => {
      await disk.remove(own)
      const isLinked = await linked(disk, from, own)
      if (this.#isOpen) {
        const empty = this.#file
        // Whoever has the other name must not find anything written into it.
        this.#file = await disk.open(own, isLinked ? 'read' : 'create')
        await empty.close()
      }
      if (!this.#isOpen) {
        if (isLinked) await disk.remove(own).catch(unlessNotFound)
        await this.#remove()
        throw new Error(`${own} was given up`)
      }
      if (isLinked) {
        this.#length = (await this.#file.stat()).size
        this.#crc32 = undefined
      }
      return isLinked
    })
  }

  async finish(): Promise<StateFileHandle> {
    const { dir, path, sync } = this.#parts
    await withStorageErrors(dir, async () => {
      await this.#file.sync()
      this.#inode = (await this.#file.stat()).inode
      this.#isOpen = false
      await this.#file.close()
      await sync()
    })
    return { path, length: this.#length, ...(this.#crc32 === undefined ? {} : { crc32: this.#crc32 }) }
  }

  async abort(): Promise<void> {
    if (this.#isOpen) {
      this.#isOpen = false
      await this.#remove()
    } else {
      await this.#removeName()
    }
  }

  async #remove(): Promise<void> {
    try {
      this.#inode = (await this.#file.stat()).inode
    } catch {
      // What it is cannot be told: it is left to the next start.
    }
    try {
      await this.#file.close()
    } catch {
      // It is removed all the same.
    }
    await this.#removeName()
  }

  async #removeName(): Promise<void> {
    const { disk, dir, path } = this.#parts
    try {
      const { inode } = await disk.stat(`${dir}/${path}`)
      if (inode === this.#inode) await disk.remove(`${dir}/${path}`)
    } catch {
      // What cannot be removed now is removed at the next start: no checkpoint refers to it.
    }
  }
}

/** A file that must be as it was written: whatever is not is an error that says where. */
class CheckedFile implements StateFileReader {
  readonly #file: FileHandle
  readonly #path: string
  readonly #length: number
  /** Of its first byte in what holds it. */
  readonly #start: number

  private constructor(file: FileHandle, path: string, length: number, start: number) {
    this.#file = file
    this.#path = path
    this.#length = length
    this.#start = start
  }

  static async open(disk: Disk, path: string, { length, within }: StateFileHandle): Promise<CheckedFile> {
    const file = await disk.open(path, 'read')
    try {
      const { size } = await file.stat()
      const start = within?.offset ?? 0
      // What was merged with others ends where it ends.
      if (within === undefined ? size !== length : size < start + length)
        throw new TypeError(`it has ${size} bytes where ${start + length} were written`)
      return new CheckedFile(file, path, length, start)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  async read(offset: number, length: number, expected: number | undefined): Promise<Uint8Array<ArrayBuffer>> {
    try {
      const bytes = new Uint8Array(this.#checkRange(offset, length))
      await this.#fill(bytes, offset)
      if (expected !== undefined && crc32(bytes) !== expected)
        throw new TypeError(`the checksum of bytes ${offset} to ${offset + length} does not match`)
      return bytes
    } catch (error) {
      throw readError(error, this.#path)
    }
  }

  async verify(expected: number, stopped: AbortSignal | undefined): Promise<void> {
    const chunk = new Uint8Array(Math.min(this.#length, VERIFY_CHUNK_BYTES))
    let crc = 0
    for (let at = 0; at < this.#length; at += chunk.length) {
      stopped?.throwIfAborted()
      const part = chunk.subarray(0, Math.min(chunk.length, this.#length - at))
      await this.#fill(part, at)
      crc = crc32(part, crc)
    }
    if (crc !== expected) throw new TypeError('its checksum does not match')
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  /** Never allocates by a length that the file does not have. */
  #checkRange(offset: number, length: number): number {
    if (offset < 0 || length < 0 || offset + length > this.#length)
      throw new TypeError(`there are no bytes ${offset} to ${offset + length}`)
    return length
  }

  async #fill(bytes: Uint8Array, offset: number): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const count = await this.#file.read(bytes.subarray(at), this.#start + offset + at)
      if (count === 0) throw new TypeError(`it ends at byte ${offset + at}`)
      at += count
    }
  }
}
