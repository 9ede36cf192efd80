import { constants, createGunzip, gunzip, type Gunzip } from 'node:zlib'
import { DiskError, type Disk, type FileHandle, type FileStat, messageOf } from '@millrace/core'
import { engineError } from '../../errors.ts'

export interface Chunk {
  readonly bytes: Buffer
  /** Where in the content its first byte stands. */
  readonly offset: number
}

/** A file's content from some offset to its end, read ahead in the background. */
export interface ContentStream {
  /** The next chunk, valid until the next call; undefined while it is on its way. Throws what reading failed with. */
  take(): Chunk | 'end' | undefined
  /** Resolves when nothing is under way any more. */
  close(): Promise<void>
}

/** An open file as readers of lines see it: gzip'd files are decompressed. */
export interface Content {
  readonly isCompressed: boolean
  stat(): Promise<FileStat>
  /** The first bytes of the content: `length`, or all if there are fewer. */
  head(length: number): Promise<Uint8Array>
  /** `wake` is called when `take` has something new. */
  stream(offset: number, wake: () => void): ContentStream
  close(): Promise<void>
}

const chunkBytes = 256 * 1_024

export async function openContent(disk: Disk, path: string): Promise<Content> {
  const handle = await disk.open(path, 'read').catch((error: unknown) => unreadable(path, error))
  return path.endsWith('.gz') ? new GzipContent(handle, path) : new PlainContent(handle, path)
}

/** `FILES_UNREADABLE`, unless the file is not there: that is for the caller to judge. */
export function unreadable(file: string, cause: unknown): never {
  if (cause instanceof DiskError && cause.reason !== 'not-found')
    throw engineError('FILES_UNREADABLE', { file, problem: cause.message }, cause)
  throw cause
}

class PlainContent implements Content {
  readonly isCompressed: boolean = false
  protected readonly handle: FileHandle
  protected readonly path: string

  constructor(handle: FileHandle, path: string) {
    this.handle = handle
    this.path = path
  }

  stat(): Promise<FileStat> {
    return this.handle.stat().catch((error: unknown) => unreadable(this.path, error))
  }

  head(length: number): Promise<Uint8Array> {
    return readUpTo(this.handle, length).catch((error: unknown) => unreadable(this.path, error))
  }

  stream(offset: number, wake: () => void): ContentStream {
    return new ReadAhead(this.handle, this.path, offset, wake)
  }

  close(): Promise<void> {
    return this.handle.close()
  }
}

class GzipContent extends PlainContent {
  override readonly isCompressed: boolean = true

  override async head(length: number): Promise<Uint8Array> {
    // Enough for `length` bytes even where nothing could be compressed; the end of the stream is of course missing.
    const compressed = await readUpTo(this.handle, length * 2 + 65_536).catch((error: unknown) => unreadable(this.path, error))
    if (compressed.length === 0) return compressed
    return await new Promise((resolve, reject) => {
      gunzip(compressed, { finishFlush: constants.Z_SYNC_FLUSH }, (error, content) => {
        if (error === null) resolve(content.subarray(0, length))
        else reject(engineError('FILES_GZIP_DAMAGED', { file: this.path, problem: error.message }, error))
      })
    })
  }

  override stream(offset: number, wake: () => void): ContentStream {
    return new GunzipStream(new ReadAhead(this.handle, this.path, 0, () => {}), this.path, offset, wake)
  }
}

async function readUpTo(handle: FileHandle, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  let filled = 0
  while (filled < length) {
    const count = await handle.read(bytes.subarray(filled), filled)
    if (count === 0) break
    filled += count
  }
  return bytes.subarray(0, filled)
}

/** Buffers of streams that were closed, for the next ones: many small files would otherwise leave a large one each to the collector. */
const spareBuffers: Buffer[] = []
const spareBuffersMax = 8

function takeBuffer(): Buffer {
  return spareBuffers.pop() ?? Buffer.allocUnsafeSlow(chunkBytes)
}

/**
 * Reads a file in order into two buffers in turn: while one is parsed, the other is filled.
 *
 * 1. At most one read is under way, and only into a buffer that nobody looks at.
 */
class ReadAhead implements ContentStream {
  readonly #handle: FileHandle
  readonly #path: string
  #wake: () => void
  #free: Buffer[] = [takeBuffer(), takeBuffer()]
  #filled: (Chunk & { readonly buffer: Buffer })[] = []
  #taken: Buffer | undefined
  #position: number
  #reading: Promise<void> | undefined
  #hasEnded = false
  #failure: { readonly error: unknown } | undefined

  constructor(handle: FileHandle, path: string, position: number, wake: () => void) {
    this.#handle = handle
    this.#path = path
    this.#position = position
    this.#wake = wake
    this.#read()
  }

  /** Calls this one from now on. */
  onMore(wake: () => void): void {
    this.#wake = wake
  }

  take(): Chunk | 'end' | undefined {
    if (this.#taken !== undefined) this.#free.push(this.#taken)
    this.#taken = undefined
    const chunk = this.#filled.shift()
    this.#taken = chunk?.buffer
    if (chunk === undefined && this.#failure !== undefined) throw this.#failure.error
    if (chunk === undefined && this.#hasEnded) return 'end'
    this.#read()
    return chunk
  }

  async close(): Promise<void> {
    this.#hasEnded = true
    await this.#reading
    const buffers = [...this.#free.splice(0), ...this.#filled.splice(0).map(({ buffer }) => buffer)]
    if (this.#taken !== undefined) buffers.push(this.#taken)
    this.#taken = undefined
    spareBuffers.push(...buffers.slice(0, spareBuffersMax - spareBuffers.length))
  }

  #read(): void {
    if (this.#reading !== undefined || this.#hasEnded || this.#failure !== undefined || this.#free.length === 0) return
    this.#reading = this.#readInto(this.#free.pop()!)
  }

  async #readInto(buffer: Buffer): Promise<void> {
    try {
      const count = await this.#handle.read(buffer, this.#position)
      if (count === 0) this.#hasEnded = true
      else this.#filled.push({ bytes: buffer.subarray(0, count), offset: this.#position, buffer })
      this.#position += count
    } catch (error) {
      const problem = messageOf(error)
      this.#failure = { error: engineError('FILES_UNREADABLE', { file: this.#path, problem }, error) }
    }
    this.#reading = undefined
    this.#read()
    this.#wake()
  }
}

/** Decompressed bytes that wait to be taken: from here on no more are made. */
const decompressedBytesMax = 1_024 * 1_024

/**
 * Decompresses from the start of the file, in the background, and leaves out what stands before the offset.
 *
 * 1. The file has ended when it was read to its end: zlib takes a zero where a member could begin for the end, and never looks at what follows. Zeros are fine there, as
 *    padding; anything else would be lost without a word.
 */
class GunzipStream implements ContentStream {
  readonly #compressed: ReadAhead
  readonly #gunzip: Gunzip = createGunzip({ chunkSize: chunkBytes })
  readonly #path: string
  readonly #from: number
  readonly #wake: () => void
  #position = 0
  #givenBytes = 0
  /** What zlib did not look at has begun. */
  #isPadding = false
  #isReadOut = false
  #chunks: Chunk[] = []
  #waitingBytes = 0
  #isWriting = false
  #hasEnded = false
  #failure: { readonly error: unknown } | undefined

  constructor(compressed: ReadAhead, path: string, from: number, wake: () => void) {
    this.#compressed = compressed
    this.#path = path
    this.#from = from
    this.#wake = wake
    this.#gunzip.on('data', (bytes: Buffer) => this.#receive(bytes))
    this.#gunzip.on('end', () => {
      this.#hasEnded = true
      wake()
    })
    this.#gunzip.on('error', (error) => this.#fail(error.message, error))
    compressed.onMore(() => this.#feed())
    this.#feed()
  }

  take(): Chunk | 'end' | undefined {
    const chunk = this.#chunks.shift()
    if (chunk === undefined) {
      if (this.#failure !== undefined) throw this.#failure.error
      return this.#hasEnded && this.#isReadOut ? 'end' : undefined
    }
    this.#waitingBytes -= chunk.bytes.length
    if (this.#waitingBytes < decompressedBytesMax && this.#gunzip.isPaused()) this.#gunzip.resume()
    return chunk
  }

  async close(): Promise<void> {
    this.#gunzip.destroy()
    await this.#compressed.close()
  }

  #receive(bytes: Buffer): void {
    const skipped = Math.min(bytes.length, Math.max(0, this.#from - this.#position))
    const offset = this.#position + skipped
    this.#position += bytes.length
    if (skipped === bytes.length) return
    this.#chunks.push({ bytes: bytes.subarray(skipped), offset })
    this.#waitingBytes += bytes.length - skipped
    if (this.#waitingBytes >= decompressedBytesMax) this.#gunzip.pause()
    this.#wake()
  }

  #feed(): void {
    if (this.#isWriting || this.#gunzip.destroyed || this.#gunzip.writableEnded) return
    let chunk: Chunk | 'end' | undefined
    try {
      chunk = this.#compressed.take()
    } catch (error) {
      this.#failure ??= { error }
      return this.#wake()
    }
    if (chunk === undefined) return
    if (chunk === 'end') return this.#readOut()
    const { bytes } = chunk
    if (this.#isPadding) return this.#pad(bytes)
    this.#isWriting = true
    this.#givenBytes += bytes.length
    // The buffer is read into again once the next is taken, so that waits until zlib is through with this one.
    this.#gunzip.write(bytes, (error) => {
      if (error instanceof Error) return
      this.#isWriting = false
      const left = this.#givenBytes - this.#gunzip.bytesWritten
      this.#isPadding = left > 0
      this.#pad(bytes.subarray(bytes.length - left))
    })
  }

  #pad(rest: Uint8Array): void {
    if (rest.some((byte) => byte !== 0)) return this.#fail('zeros in it are followed by more')
    this.#feed()
  }

  #readOut(): void {
    this.#isReadOut = true
    if (!this.#isPadding) this.#gunzip.end()
    this.#wake()
  }

  #fail(problem: string, cause?: Error): void {
    this.#failure ??= { error: engineError('FILES_GZIP_DAMAGED', { file: this.#path, problem }, cause) }
    this.#wake()
  }
}
