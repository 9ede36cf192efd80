import { messageOf } from '@millrace/core'
import { crc32 } from 'node:zlib'
import { engineError } from '../../errors.ts'
import type { StateFileHandle } from '../handles.ts'
import { MemoryStateFiles } from '../memory.ts'
import { SHARED_FOLDER, stateFileName } from '../filesystem/state-files.ts'
import type { StateFileReader, StateFileStorage, StateFileWriter, StateWriterIdentity } from '../storage.ts'
import { PART_BYTES, type ObjectStore, type ObjectUpload } from './object-store.ts'
import { isObjectDamage, objectStorageError, withObjectStorageErrors } from './store-errors.ts'

/** Where the checkpoints of one job are in a store. */
export interface ObjectPlace {
  readonly store: ObjectStore
  /** Of all keys of the job; ends in `/`. */
  readonly prefix: string
  /** As the user writes it, without a `/` at the end: `s3://bucket/prefix/job`. */
  readonly url: string
}

/** A state file up to this size travels with its handle and is kept in `_metadata`. As Flink's `execution.checkpointing.data-inline-threshold`. */
export const INLINE_BYTES_MAX: number = 20 * 1024

/** A state file up to this size is merged with others, where files are merged. */
export const MERGE_BYTES_MAX: number = 1024 * 1024

export interface ObjectFileLimits {
  /** Of a file that travels with its handle, and is kept in `_metadata`. Default `INLINE_BYTES_MAX`. */
  readonly inlineBytesMax?: number
  /** Of a file that travels with its handle until it is merged with others. Default 0: none is. */
  readonly mergeBytesMax?: number
}

/** Read at once: a restore reads a file in many small steps, one after the other. */
const READ_AHEAD_BYTES = 8 * 1024 * 1024

/** Parts of one file grow with it, so that it never needs more than the 10,000 that S3 allows: 5 TB. */
const PARTS_A_SIZE = 1_000

/**
 * State files in a store of objects. One for each thread.
 *
 * 1. A handle is given only for a file whose object is whole, or that travels with the handle.
 * 2. No object is written twice by different writers: names carry attempt, checkpoint, task and subtask.
 * 3. A file costs no request while it travels with its handle, one up to `PART_BYTES`, and beyond that one a part and two.
 */
export class ObjectStateFiles implements StateFileStorage {
  readonly #place: ObjectPlace
  readonly #memory = new MemoryStateFiles()
  readonly #limits: Required<ObjectFileLimits>

  constructor(place: ObjectPlace, { inlineBytesMax = INLINE_BYTES_MAX, mergeBytesMax = 0 }: ObjectFileLimits = {}) {
    this.#place = place
    this.#limits = { inlineBytesMax, mergeBytesMax }
  }

  async createStateFile(writer: StateWriterIdentity, checkpointId: number, name: string): Promise<StateFileWriter> {
    const path = `${SHARED_FOLDER}/${stateFileName(writer, checkpointId, name)}`
    return new ObjectWriter(this.#place, path, this.#limits)
  }

  /** Begins an object for files that are merged. `name`: unique within (attempt, checkpoint). */
  createMerged(attempt: number, checkpointId: number, name: string): StateFileWriter {
    const path = `${SHARED_FOLDER}/${attempt}-${checkpointId}-${name}`
    return new ObjectWriter(this.#place, path, { inlineBytesMax: 0, mergeBytesMax: 0 })
  }

  async openStateFile(file: StateFileHandle): Promise<StateFileReader> {
    if (file.inline !== undefined) return this.#memory.openStateFile(file)
    return this.#open(file)
  }

  /** Reads a whole file, to see that it is as it was written. @throws CHECKPOINT_DAMAGED; anything from `stopped` on */
  async verify(file: StateFileHandle, stopped: AbortSignal | undefined): Promise<void> {
    stopped?.throwIfAborted()
    // What travels with its handle was checked when the metadata were read.
    if (file.inline === undefined && file.crc32 !== undefined) await (await this.#open(file)).verify(file.crc32, stopped)
  }

  async #open(file: StateFileHandle): Promise<ObjectReader> {
    const reader = new ObjectReader(this.#place, file)
    await reader.open()
    return reader
  }
}

class ObjectWriter implements StateFileWriter {
  readonly #place: ObjectPlace
  readonly #path: string
  #upload: ObjectUpload | undefined
  /** Not yet sent. */
  #chunks: Uint8Array[] = []
  #heldBytes = 0
  #parts = 0
  #length = 0
  #crc32 = 0
  #isWritten = false
  #isGivenUp = false
  /** What was asked for last. */
  #underWay: Promise<void> = Promise.resolve()
  readonly #limits: Required<ObjectFileLimits>

  constructor(place: ObjectPlace, path: string, limits: Required<ObjectFileLimits>) {
    this.#place = place
    this.#path = path
    this.#limits = limits
  }

  get length(): number {
    return this.#length
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#length += bytes.length
    this.#crc32 = crc32(bytes, this.#crc32)
    this.#chunks.push(bytes.slice())
    this.#heldBytes += bytes.length
    if (this.#heldBytes >= this.#partBytes()) await this.#guard(() => this.#sendPart())
  }

  async finish(): Promise<StateFileHandle> {
    const handle = { path: this.#path, length: this.#length, crc32: this.#crc32 }
    if (this.#upload === undefined) {
      if (this.#length <= this.#limits.inlineBytesMax) return { ...handle, inline: this.#take() }
      if (this.#length <= this.#limits.mergeBytesMax) return { ...handle, inline: this.#take(), toMerge: true }
    }
    await this.#guard(async () => {
      this.#isWritten = true
      if (this.#upload === undefined) return this.#place.store.put(this.#key(), this.#take())
      if (this.#heldBytes > 0) await this.#sendPart()
      await this.#upload.complete()
    })
    return handle
  }

  async abort(): Promise<void> {
    this.#isGivenUp = true
    // A removal that overtakes what is on its way would remove nothing.
    await this.#underWay.catch(() => {})
    this.#chunks = []
    await this.#upload?.abort()
    // What cannot be removed now is removed at the next start: no checkpoint refers to it.
    if (this.#isWritten) await this.#place.store.delete([this.#key()]).catch(() => {})
  }

  async #sendPart(): Promise<void> {
    this.#upload ??= await this.#place.store.beginUpload(this.#key())
    this.#parts++
    await this.#upload.part(this.#take())
  }

  #partBytes(): number {
    return PART_BYTES * 2 ** Math.floor(this.#parts / PARTS_A_SIZE)
  }

  #take(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#heldBytes)
    let at = 0
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at)
      at += chunk.length
    }
    this.#chunks = []
    this.#heldBytes = 0
    return bytes
  }

  #key(): string {
    return this.#place.prefix + this.#path
  }

  async #guard(work: () => Promise<void>): Promise<void> {
    if (this.#isGivenUp) throw new Error(`${this.#place.url}/${this.#path} was given up`)
    this.#underWay = withObjectStorageErrors(this.#place.url, work)
    await this.#underWay
  }
}

/** A file that must be as it was written: whatever is not is an error that says where. */
class ObjectReader implements StateFileReader {
  readonly #place: ObjectPlace
  readonly #key: string
  readonly #url: string
  readonly #length: number
  /** Of its first byte in the object. */
  readonly #start: number
  readonly #isMerged: boolean
  /** What was read last, more than was asked for. */
  #window: { readonly offset: number; readonly bytes: Uint8Array<ArrayBuffer> } = { offset: 0, bytes: new Uint8Array(0) }
  #tail: Promise<unknown> = Promise.resolve()

  constructor(place: ObjectPlace, file: StateFileHandle) {
    this.#place = place
    const path = file.within?.path ?? file.path
    this.#key = place.prefix + path
    this.#url = `${place.url}/${path}`
    this.#length = file.length
    this.#start = file.within?.offset ?? 0
    this.#isMerged = file.within !== undefined
  }

  /** Asks for one byte more than there should be, which tells its length: of a small file after all others, which are then here. What was merged has another behind it. */
  open(): Promise<void> {
    return this.#checked(async () => {
      const offset = this.#length <= READ_AHEAD_BYTES ? 0 : this.#length - 1
      const more = this.#isMerged ? 0 : 1
      const bytes = await this.#place.store.get(this.#key, { offset: this.#start + offset, length: this.#length - offset + more })
      if (offset + bytes.length > this.#length) throw new TypeError(`it has more than the ${this.#length} bytes that were written`)
      if (offset + bytes.length < this.#length) throw new TypeError(`it has fewer than the ${this.#length} bytes that were written`)
      this.#window = { offset, bytes }
    })
  }

  read(offset: number, length: number, expected: number | undefined): Promise<Uint8Array<ArrayBuffer>> {
    const turn = this.#tail.then(() =>
      this.#checked(async () => {
        if (offset < 0 || length < 0 || offset + length > this.#length)
          throw new TypeError(`there are no bytes ${offset} to ${offset + length}`)
        const bytes = await this.#bytes(offset, length)
        if (expected !== undefined && crc32(bytes) !== expected)
          throw new TypeError(`the checksum of bytes ${offset} to ${offset + length} does not match`)
        return bytes
      }),
    )
    this.#tail = turn.catch(() => {})
    return turn
  }

  verify(expected: number, stopped: AbortSignal | undefined): Promise<void> {
    return this.#checked(async () => {
      let crc = 0
      for (let at = 0; at < this.#length; at += READ_AHEAD_BYTES) {
        stopped?.throwIfAborted()
        crc = crc32(await this.#bytes(at, Math.min(READ_AHEAD_BYTES, this.#length - at)), crc)
      }
      if (crc !== expected) throw new TypeError('its checksum does not match')
    })
  }

  async close(): Promise<void> {
    this.#window = { offset: 0, bytes: new Uint8Array(0) }
  }

  async #bytes(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const { offset: start, bytes } = this.#window
    if (offset < start || offset + length > start + bytes.length) {
      const ahead = Math.min(Math.max(length, READ_AHEAD_BYTES), this.#length - offset)
      this.#window = { offset, bytes: await this.#fetch(offset, ahead) }
    }
    const at = offset - this.#window.offset
    return this.#window.bytes.slice(at, at + length)
  }

  /** Never allocates by a length that the object does not have: the store answers what there is. */
  async #fetch(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (length === 0) return new Uint8Array(0)
    const bytes = await this.#place.store.get(this.#key, { offset: this.#start + offset, length })
    if (bytes.length !== length) throw new TypeError(`it ends at byte ${offset + bytes.length}`)
    return bytes
  }

  async #checked<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!isObjectDamage(error)) throw objectStorageError(error, this.#place.url)
      const problem = messageOf(error)
      throw engineError('CHECKPOINT_DAMAGED', { path: this.#url, problem }, error)
    }
  }
}
