/**
 * Keeps elements of channels that have to wait (they are blocked by an alignment, and share a transport that must go on) until they are released:
 * in memory up to a limit, beyond it in a file.
 *
 * 1. What was added comes back in the order in which it was added, each element once, whatever part of it was in the file.
 * 2. Memory is bounded by `memoryBytesMax` and one element; `sizeBytes` counts all, for the owner who cancels a checkpoint that buffers too much.
 * 3. A file belongs to one roll-over: it is complete before it is read, read from its beginning, checked piece by piece, and removed when its
 *    reader is closed. Nothing in it is needed after a crash, so that nothing is synced.
 *
 * A piece in the file: words of 32 bits (magic, channel, length, CRC-32 of the bytes and of the two words before), then the bytes of a frame.
 */
import { crc32 } from 'node:zlib'
import { type Disk, type FileHandle, type MillraceError } from '@millrace/core'
import { ColumnDecoder } from '../codec/columns/decoder.ts'
import { ColumnEncoder } from '../codec/columns/encoder.ts'
import { FRAME_RECORDS } from '../codec/columns/frame.ts'
import { engineError } from '../errors.ts'
import type { Element, RecordBatch } from './elements.ts'
import { NO_TIMESTAMP } from './elements.ts'
import { decodeEvent, encodeEvent, frameKind } from './event-frame.ts'

export interface SpillOptions {
  readonly disk: Disk
  /** Of this buffer alone; created when it is needed. */
  readonly directory: string
  /** Bytes kept in memory before a file is begun. */
  readonly memoryBytesMax: number
}

export interface SpilledElement {
  readonly channel: number
  /** Valid until the next one is read. */
  readonly element: Element
}

interface Piece {
  readonly channel: number
  readonly frame: Uint8Array
}

const MAGIC = 0x4d72_5350
const HEADER_BYTES = 16
/** A piece that claims more is corrupt. */
const PIECE_BYTES_MAX: number = 2 ** 30

export class SpillBuffer {
  readonly #options: SpillOptions
  readonly #open: Set<SpilledSequence> = new Set()
  #pieces: Piece[] = []
  #memoryBytes = 0
  #file: SpillFile | undefined
  #files = 0
  /** An encoder a channel: shapes are defined to each channel's decoder. */
  #encoders: Map<number, ColumnEncoder> = new Map()
  /** Calls act one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: SpillOptions) {
    this.#options = options
  }

  /** Bytes added since the last roll-over. */
  get sizeBytes(): number {
    return this.#memoryBytes + (this.#file?.length ?? 0)
  }

  /**
   * Adds an element. The frame is made at once: the element may change after the call.
   * @throws SPILL_FAILED, and what the codec refuses
   */
  add(channel: number, element: Element): Promise<void> {
    const frame = element.kind === 'records' ? this.#encode(channel, element) : encodeEvent(element)
    return this.#next(() => this.#keep({ channel, frame }))
  }

  /** All that was added since the last roll-over, for reading; the buffer begins anew. Undefined: nothing was. */
  rollOver(): Promise<SpilledSequence | undefined> {
    this.#encoders = new Map()
    return this.#next(async () => {
      if (this.#pieces.length === 0 && this.#file === undefined) return undefined
      const sequence = new SpilledSequence(this.#pieces, this.#file, (closed) => this.#open.delete(closed))
      this.#open.add(sequence)
      this.#pieces = []
      this.#memoryBytes = 0
      this.#file = undefined
      return sequence
    })
  }

  /** Drops what is buffered and closes the sequences that are still open; all files are gone. */
  close(): Promise<void> {
    return this.#next(async () => {
      this.#pieces = []
      this.#memoryBytes = 0
      const file = this.#file
      this.#file = undefined
      await file?.remove()
      for (const sequence of this.#open) await sequence.close()
    })
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => {})
    return result
  }

  #encode(channel: number, batch: RecordBatch): Uint8Array {
    let encoder = this.#encoders.get(channel)
    if (encoder === undefined) this.#encoders.set(channel, (encoder = new ColumnEncoder({ keyed: batch.hashes !== undefined })))
    try {
      for (let i = 0; i < batch.count; i++) encoder.append(batch.values[i], batch.timestamps?.[i] ?? NO_TIMESTAMP, batch.hashes?.[i] ?? 0)
    } catch (error) {
      encoder.discard()
      throw error
    }
    return Uint8Array.from(encoder.finish())
  }

  async #keep(piece: Piece): Promise<void> {
    const size = piece.frame.length + HEADER_BYTES
    if (this.#file === undefined && this.#memoryBytes + size <= this.#options.memoryBytesMax) {
      this.#pieces.push(piece)
      this.#memoryBytes += size
      return
    }
    // Once there is a file, all that follows goes to it: order is then memory first, file second.
    this.#file ??= await this.#begin()
    await this.#file.append(piece)
  }

  async #begin(): Promise<SpillFile> {
    const { disk, directory } = this.#options
    const path = `${directory}/spill-${this.#files++}`
    return attempt(path, async () => {
      await disk.makeDirectory(directory)
      return new SpillFile(disk, path, await disk.open(path, 'update'))
    })
  }
}

/** Elements to be read back once. */
export class SpilledSequence {
  readonly #pieces: readonly Piece[]
  readonly #file: SpillFile | undefined
  readonly #closed: (sequence: SpilledSequence) => void
  readonly #decoders: Map<number, ColumnDecoder> = new Map()
  #next = 0

  constructor(pieces: readonly Piece[], file: SpillFile | undefined, closed: (sequence: SpilledSequence) => void) {
    this.#pieces = pieces
    this.#file = file
    this.#closed = closed
  }

  /**
   * The next element; undefined after the last.
   * @throws SPILL_CORRUPT, SPILL_FAILED
   */
  async next(): Promise<SpilledElement | undefined> {
    const piece = this.#next < this.#pieces.length ? this.#pieces[this.#next++] : await this.#file?.read()
    return piece && { channel: piece.channel, element: this.#decode(piece) }
  }

  /** Removes the file. Fine to call again. */
  async close(): Promise<void> {
    this.#closed(this)
    await this.#file?.remove()
  }

  #decode({ channel, frame }: Piece): Element {
    if (frameKind(frame) !== FRAME_RECORDS) return decodeEvent(frame)
    let decoder = this.#decoders.get(channel)
    if (decoder === undefined) this.#decoders.set(channel, (decoder = new ColumnDecoder()))
    return decoder.decode(frame)
  }
}

class SpillFile {
  readonly #disk: Disk
  readonly #path: string
  #handle: FileHandle | undefined
  length = 0
  #readTo = 0

  constructor(disk: Disk, path: string, handle: FileHandle) {
    this.#disk = disk
    this.#path = path
    this.#handle = handle
  }

  async append({ channel, frame }: Piece): Promise<void> {
    const header = new Uint32Array([MAGIC, channel, frame.length, 0])
    header[3] = checksum(header, frame)
    const handle = this.#handle!
    await attempt(this.#path, () => handle.writeAll([new Uint8Array(header.buffer), frame], this.length))
    this.length += HEADER_BYTES + frame.length
  }

  async read(): Promise<Piece | undefined> {
    if (this.#handle === undefined || this.#readTo === this.length) return undefined
    const header = new Uint32Array((await this.#exactly(HEADER_BYTES)).buffer)
    const [magic, channel, length, sum] = header as unknown as [number, number, number, number]
    if (magic !== MAGIC || length > PIECE_BYTES_MAX || this.#readTo + HEADER_BYTES + length > this.length)
      throw this.#corrupt('no piece begins there')
    this.#readTo += HEADER_BYTES
    const frame = await this.#exactly(length)
    if (checksum(header, frame) !== sum) throw this.#corrupt('the checksum does not fit')
    this.#readTo += length
    return { channel, frame }
  }

  async remove(): Promise<void> {
    const handle = this.#handle
    if (handle === undefined) return
    this.#handle = undefined
    await attempt(this.#path, async () => {
      await handle.close()
      await this.#disk.remove(this.#path)
    })
  }

  async #exactly(length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length)
    const handle = this.#handle!
    let at = 0
    while (at < length) {
      const count = await attempt(this.#path, () => handle.read(bytes.subarray(at), this.#readTo + at))
      if (count === 0) throw this.#corrupt(`it ends after ${at} of ${length} bytes`)
      at += count
    }
    return bytes
  }

  #corrupt(problem: string): MillraceError {
    return engineError('SPILL_CORRUPT', { path: this.#path, at: this.#readTo, problem })
  }
}

function checksum(header: Uint32Array, frame: Uint8Array): number {
  return crc32(frame, crc32(new Uint8Array(header.buffer, 4, 8))) >>> 0
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw engineError('SPILL_FAILED', { path, problem: error instanceof Error ? error.message : String(error) }, error)
  }
}
