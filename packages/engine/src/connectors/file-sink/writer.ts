import { posix } from 'node:path'
import { folderProblem, MillraceError, randomId, type Cancel } from '@millrace/core'
import { engineError } from '../../errors.ts'
import type { SinkWriter, WriterContext } from '../sink.ts'
import { checkHandles, leftovers, type FileSinkHandle, type PendingFile } from './handle.ts'
import { finalName, hiddenName, parseHiddenName, type PartName } from './names.ts'
import { PartFile } from './part-file.ts'
import { isNotFound, isThere, makeDurableDirectory, publish } from './publish.ts'

export interface FileWriterOptions<T> {
  readonly dir: string
  readonly prefix: string
  readonly suffix: string
  readonly rollBytes: number
  readonly rollIntervalMs: number | undefined
  readonly missingFiles: 'fail' | 'accept'
  /** A record with its end of line. */
  readonly line: (value: T) => string
}

/** Of a name, on the file systems there are. */
const NAME_BYTES_MAX = 255
/** Parts of one attempt, as far as their names are concerned. */
const SEQUENCE_MAX = 999_999_999

/** Text is encoded and handed to the file in pieces of about this size. */
const pieceCharacters = 64 * 1_024
/** Text and bytes that wait to be written: from here on `ready` is false. */
const waitingBytesMax = 8 * 1_024 * 1_024

/**
 * Writes the records of one subtask to part files.
 *
 * 1. A part holds records of one checkpoint interval only, whole.
 * 2. A handle lists every part that is durable and not known to be published, also those of checkpoints that came to nothing: whichever
 *    checkpoint completes next publishes them.
 * 3. After a failure no checkpoint is prepared any more: it would lack what could not be written.
 * 4. Only `commit` and the restored handles in `open` make anything visible.
 * 5. What it has published is not looked at again. Handles that were prepared before that list it too: would each of them have to find it published, commits
 *    that fall behind checkpoints would take longer with each one, and never catch up.
 */
export class FileWriter<T> implements SinkWriter<T> {
  readonly #context: WriterContext
  readonly #options: FileWriterOptions<T>
  readonly #run: string
  #sequence = 0
  #text = ''
  #part: PartFile | undefined
  /** Sealed since the last `prepare`. */
  #sealing: PartFile[] = []
  #unpublished: PendingFile[] = []
  #preparing: Promise<unknown> = Promise.resolve()
  #waitingBytes = 0
  #pressing = false
  #failure: MillraceError | undefined
  #cancelRoll: Cancel | undefined
  #isFolderAway = false
  #makingFolder: Promise<void> | undefined

  constructor(context: WriterContext, options: FileWriterOptions<T>) {
    this.#context = context
    this.#options = options
    this.#run = randomId(context.random).slice(0, 8)
    this.#checkNames()
  }

  async open(restored: readonly unknown[]): Promise<void> {
    const { disk, stateId, restoring } = this.#context
    const { dir, missingFiles } = this.#options
    const handles = checkHandles(restored, stateId)
    if (missingFiles === 'fail') {
      await publish(disk, handles, missingFiles)
      // A folder that was there and is away may hold files of other subtasks: it is made anew with the first record, which none sees before all are open.
      this.#isFolderAway = handles.some((handle) => handle.dir === dir) && !(await isThere(disk, dir))
      if (this.#isFolderAway) return
    }
    await this.#makeFolder()
    if (missingFiles === 'accept') await publish(disk, handles, missingFiles)
    const writer = { ...this.#context, restoring }
    for (const name of leftovers(await disk.list(dir), writer, handles)) {
      await disk.remove(posix.join(dir, name)).catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
    }
  }

  write(value: T): void {
    this.#text += this.#options.line(value)
    if (this.#text.length >= pieceCharacters) this.#passOn()
  }

  ready(): boolean {
    this.#pressing = this.#waitingBytes + this.#text.length >= waitingBytesMax
    return !this.#pressing
  }

  prepare(_checkpointId: number): Promise<readonly FileSinkHandle[]> {
    this.#passOn()
    this.#roll()
    const parts = this.#sealing
    this.#sealing = []
    const prepared = this.#prepare(parts, this.#preparing)
    this.#preparing = prepared.catch(() => {})
    return prepared
  }

  async commit(handles: readonly unknown[]): Promise<void> {
    const unpublished = this.#stillToPublish(checkHandles(handles, this.#context.stateId))
    await publish(this.#context.disk, unpublished, this.#options.missingFiles)
    const published = new Set(unpublished.flatMap(({ files }) => files.map(({ hidden }) => hidden)))
    this.#unpublished = this.#unpublished.filter(({ hidden }) => !published.has(hidden))
  }

  /** Of files of its own it knows; whatever else it is given may be there under either name. */
  #stillToPublish(handles: readonly FileSinkHandle[]): readonly FileSinkHandle[] {
    const unpublished = new Set(this.#unpublished.map(({ hidden }) => hidden))
    const isOwn = (hidden: string): boolean => parseHiddenName(hidden)?.run === this.#run
    return handles.map((handle) => ({ ...handle, files: handle.files.filter(({ hidden }) => unpublished.has(hidden) || !isOwn(hidden)) }))
  }

  async close(): Promise<void> {
    this.#cancelRoll?.()
    await this.#preparing
    const parts = this.#part === undefined ? this.#sealing : [...this.#sealing, this.#part]
    this.#part = undefined
    this.#sealing = []
    this.#text = ''
    for (const part of parts) await part.abandon()
  }

  async #prepare(parts: readonly PartFile[], before: Promise<unknown>): Promise<readonly FileSinkHandle[]> {
    const { disk, subtask, parallelism } = this.#context
    const { dir } = this.#options
    await before
    try {
      const files = await Promise.all(parts.map((part) => part.seal()))
      if (files.length > 0) await disk.syncDirectory(dir)
      this.#unpublished.push(...files)
    } catch (error) {
      this.#sealing.push(...parts) // no handle will ever list them
      this.#fail(error)
    }
    if (this.#failure !== undefined) throw this.#failure
    return [{ kind: 'file-sink', version: 1, dir, subtask, parallelism, files: [...this.#unpublished] }]
  }

  async #makeFolder(): Promise<void> {
    const { dir } = this.#options
    await makeDurableDirectory(this.#context.disk, dir).catch((error: unknown) => {
      throw engineError('FILE_SINK_WRITE_FAILED', { file: dir, problem: folderProblem(error) }, error)
    })
  }

  #passOn(): void {
    if (this.#text === '') return
    const bytes = Buffer.from(this.#text)
    this.#text = ''
    this.#waitingBytes += bytes.length
    this.#part ??= this.#begin()
    this.#part.append(bytes)
    if (this.#part.sizeBytes >= this.#options.rollBytes) this.#roll()
  }

  #roll(): void {
    this.#cancelRoll?.()
    this.#cancelRoll = undefined
    if (this.#part === undefined) return
    void this.#part.seal()
    this.#sealing.push(this.#part)
    this.#part = undefined
  }

  #nameOf(sequence: number): PartName {
    const { jobName, stateId, subtask, attempt } = this.#context
    return { job: jobName, stateId, subtask, attempt, run: this.#run, sequence }
  }

  /** @throws CONNECTOR_OPTION_INVALID: what has been written would never get its name, whatever the options are by then */
  #checkNames(): void {
    const { prefix, suffix } = this.#options
    const bytes = Buffer.byteLength(finalName(this.#nameOf(SEQUENCE_MAX), prefix, suffix))
    if (bytes <= NAME_BYTES_MAX) return
    const problem = `makes names of files of up to ${bytes} bytes with the suffix, and a file system takes ${NAME_BYTES_MAX}`
    throw engineError('CONNECTOR_OPTION_INVALID', { connector: 'fileSink', option: 'prefix', problem })
  }

  #begin(): PartFile {
    const { disk, clock } = this.#context
    const { dir, prefix, suffix, rollIntervalMs } = this.#options
    const name = this.#nameOf(this.#sequence++)
    if (rollIntervalMs !== undefined) this.#cancelRoll = clock.after(rollIntervalMs, () => this.#roll())
    return new PartFile({
      disk,
      ...(this.#isFolderAway ? { before: () => (this.#makingFolder ??= this.#makeFolder()) } : {}),
      dir,
      hidden: hiddenName(name),
      final: finalName(name, prefix, suffix),
      onWritten: (bytes) => this.#written(bytes),
      onFailure: (error) => this.#fail(error),
    })
  }

  #written(bytes: number): void {
    this.#waitingBytes -= bytes
    if (this.#pressing && this.ready()) this.#context.wake()
  }

  #fail(cause: unknown): void {
    if (this.#failure !== undefined) return
    const isOurs = cause instanceof MillraceError
    this.#failure = isOurs ? cause : engineError('FILE_SINK_WRITE_FAILED', { file: this.#options.dir, problem: String(cause) }, cause)
    this.#context.fail(this.#failure)
  }
}
