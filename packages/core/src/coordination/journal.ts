/**
 * The durable form of a tree: one file that every change is appended to, and that is replaced when most of it is history.
 *
 * 1. One write at a time, synced before the next: only the last frame can be torn, and it was never acknowledged.
 * 2. A frame that is not whole with a whole one behind it is damage, and refused; at the end it is what a crash left, and cut off.
 * 3. After a failure that leaves the file in an unknown state nothing is written any more.
 */
import { messageOf } from '../errors.ts'
import { posix } from 'node:path'
import { DiskError, type Disk, type FileHandle } from '../io/disk.ts'
import { coordinationError } from './errors.ts'
import {
  decodeEntry,
  decodeHeader,
  encodeEntry,
  encodeHeader,
  hasFrameBehind,
  JOURNAL_FORMAT,
  readFrame,
  type JournalEntry,
} from './journal-format.ts'

const FILE_NAME = 'coordination.journal'
/** Nodes in one frame of a replacement. */
const FRAME_NODES = 1000

export interface OpenedJournal {
  readonly journal: Journal
  /** What the file holds, in order. */
  readonly entries: readonly JournalEntry[]
}

export class Journal {
  readonly #disk: Disk
  readonly #path: string
  #file: FileHandle
  #sizeBytes: number
  /** Of the file as it was last replaced. */
  #baseBytes: number
  #failure: unknown

  private constructor(disk: Disk, path: string, file: FileHandle, sizeBytes: number, baseBytes: number) {
    this.#disk = disk
    this.#path = path
    this.#file = file
    this.#sizeBytes = sizeBytes
    this.#baseBytes = baseBytes
  }

  /** Opens the journal in a folder that is there; makes an empty one if there is none. @throws COORDINATION_CORRUPT, DiskError */
  static async open(disk: Disk, folder: string): Promise<OpenedJournal> {
    const path = posix.join(folder, FILE_NAME)
    const bytes = await readIfPresent(disk, path)
    if (bytes === undefined) {
      const chunks = chunksOf([])
      await writeTemporary(disk, path, chunks)
      await takeOver(disk, path)
      const sizeBytes = sizeOf(chunks)
      return { journal: new Journal(disk, path, await disk.open(path, 'update'), sizeBytes, sizeBytes), entries: [] }
    }
    const { entries, sizeBytes, baseBytes } = parse(bytes, path)
    const file = await disk.open(path, 'update')
    // Not synced: what a crash brings back is cut off again, and nothing is whole behind it before the next append, which syncs.
    if (sizeBytes < bytes.length) await file.truncate(sizeBytes)
    return { journal: new Journal(disk, path, file, sizeBytes, baseBytes), entries }
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** How much of the file has been appended since it was last replaced. */
  get appendedBytes(): number {
    return this.#sizeBytes - this.#baseBytes
  }

  /** Durable when it resolves. @throws COORDINATION_UNAVAILABLE */
  async append(entry: JournalEntry): Promise<void> {
    this.#check()
    const bytes = encodeEntry(entry)
    try {
      await this.#file.write(bytes, this.#sizeBytes)
    } catch (error) {
      await this.#takeBack(error)
      throw unavailable(error)
    }
    await this.#guarded(() => this.#file.sync())
    this.#sizeBytes += bytes.length
  }

  /**
   * Replaces the file by one that holds these changes alone, durably. False, with nothing changed, if the disk has no room for a second one.
   * @throws COORDINATION_UNAVAILABLE
   */
  async replace(entry: JournalEntry): Promise<boolean> {
    this.#check()
    const chunks = chunksOf(split(entry))
    try {
      await writeTemporary(this.#disk, this.#path, chunks)
    } catch (error) {
      if (error instanceof DiskError && error.reason === 'no-space') return false
      this.#failure = error
      throw unavailable(error)
    }
    const sizeBytes = sizeOf(chunks)
    await this.#guarded(async () => {
      await takeOver(this.#disk, this.#path)
      await this.#file.close()
      this.#file = await this.#disk.open(this.#path, 'update')
      this.#sizeBytes = sizeBytes
      this.#baseBytes = sizeBytes
    })
    return true
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  /** A write that did not fit leaves nothing behind. */
  async #takeBack(error: unknown): Promise<void> {
    if (!(error instanceof DiskError && error.reason === 'no-space')) {
      this.#failure = error
      return
    }
    await this.#guarded(() => this.#file.truncate(this.#sizeBytes))
  }

  #check(): void {
    if (this.#failure !== undefined) throw unavailable(this.#failure)
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#failure = error
      throw unavailable(error)
    }
  }
}

function unavailable(error: unknown): Error {
  return coordinationError('COORDINATION_UNAVAILABLE', { problem: messageOf(error) }, error)
}

function split({ transactionId, changes }: JournalEntry): JournalEntry[] {
  const entries: JournalEntry[] = []
  for (let at = 0; at < changes.length; at += FRAME_NODES) entries.push({ transactionId, changes: changes.slice(at, at + FRAME_NODES) })
  return entries
}

function chunksOf(entries: readonly JournalEntry[]): Uint8Array[] {
  return [encodeHeader({ format: JOURNAL_FORMAT, frames: entries.length }), ...entries.map(encodeEntry)]
}

function sizeOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0)
}

async function writeTemporary(disk: Disk, path: string, chunks: readonly Uint8Array[]): Promise<void> {
  const file = await disk.open(`${path}.tmp`, 'write')
  try {
    await file.writeAll(chunks, 0)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function takeOver(disk: Disk, path: string): Promise<void> {
  await disk.rename(`${path}.tmp`, path)
  await disk.syncDirectory(posix.dirname(path))
}

interface Parsed {
  readonly entries: readonly JournalEntry[]
  readonly sizeBytes: number
  readonly baseBytes: number
}

function parse(content: Uint8Array, path: string): Parsed {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length)
  const corrupt = (at: number, problem: string): Error => coordinationError('COORDINATION_CORRUPT', { path, at, problem })
  const first = readFrame(bytes, 0)
  const header = first && decodeHeader(first.value)
  if (first === undefined || header === undefined) throw corrupt(0, 'it has no header')
  if (header.format !== JOURNAL_FORMAT) throw corrupt(0, `its format is ${header.format}`)
  const entries: JournalEntry[] = []
  let at = first.end
  let baseBytes = at
  for (;;) {
    const frame = readFrame(bytes, at)
    if (frame === undefined) break
    const entry = decodeEntry(frame.value)
    if (entry === undefined) throw corrupt(at, 'a frame has other contents')
    entries.push(entry)
    at = frame.end
    if (entries.length === header.frames) baseBytes = at
  }
  if (entries.length < header.frames) throw corrupt(at, 'a frame is damaged or missing')
  if (at < bytes.length && hasFrameBehind(bytes, at)) throw corrupt(at, 'a frame is damaged')
  return { entries, sizeBytes: at, baseBytes }
}

async function readIfPresent(disk: Disk, path: string): Promise<Uint8Array | undefined> {
  try {
    return await disk.readFile(path)
  } catch (error) {
    if (error instanceof DiskError && error.reason === 'not-found') return undefined
    throw error
  }
}
