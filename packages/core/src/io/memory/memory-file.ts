import type { FileHandle, FileStat, OpenMode } from '../disk.ts'

const BLOCK_BYTES = 64 * 1024

/** The content of a file in memory, in blocks, so that growing copies nothing. A hole costs nothing and reads as zeros. */
export class MemoryFile {
  readonly kind = 'file' as const
  readonly inode: number
  readonly #blocks: (Uint8Array | undefined)[] = []
  #length = 0
  modifiedMs: number

  constructor(inode: number, nowMs: number) {
    this.inode = inode
    this.modifiedMs = nowMs
  }

  get length(): number {
    return this.#length
  }

  read(into: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(into.length, this.#length - position))
    for (let done = 0; done < count;) {
      const at = position + done
      const within = at % BLOCK_BYTES
      const part = Math.min(BLOCK_BYTES - within, count - done)
      const block = this.#blocks[Math.floor(at / BLOCK_BYTES)]
      const target = into.subarray(done, done + part)
      // The last block may be shorter than what was written as a hole.
      target.fill(0)
      if (block !== undefined) target.set(block.subarray(within, within + part))
      done += part
    }
    return count
  }

  write(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length;) {
      const at = position + done
      const within = at % BLOCK_BYTES
      const part = Math.min(BLOCK_BYTES - within, bytes.length - done)
      this.#block(Math.floor(at / BLOCK_BYTES), within + part).set(bytes.subarray(done, done + part), within)
      done += part
    }
    if (bytes.length > 0) this.#length = Math.max(this.#length, position + bytes.length)
  }

  truncate(length: number): void {
    if (length < this.#length) {
      const kept = Math.ceil(length / BLOCK_BYTES)
      this.#blocks.length = Math.min(this.#blocks.length, kept)
      this.#blocks[kept - 1]?.fill(0, length - (kept - 1) * BLOCK_BYTES)
    }
    this.#length = length
  }

  /** A block that reaches to `bytes` at least: those of small files are small. */
  #block(index: number, bytes: number): Uint8Array {
    const present = this.#blocks[index]
    if (present !== undefined && present.length >= bytes) return present
    const block = new Uint8Array(Math.min(BLOCK_BYTES, Math.max(bytes, 2 * (present?.length ?? 512))))
    if (present !== undefined) block.set(present)
    this.#blocks[index] = block
    return block
  }
}

/** An open file; every call has happened when it returns, as far as others see. */
export class MemoryFileHandle implements FileHandle {
  readonly #file: MemoryFile
  readonly #appends: boolean
  readonly #now: () => number

  constructor(file: MemoryFile, mode: OpenMode, now: () => number) {
    this.#file = file
    this.#appends = mode === 'append'
    this.#now = now
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return Promise.resolve(this.#file.read(into, position))
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    return this.writeAll([bytes], position)
  }

  writeAll(chunks: readonly Uint8Array[], position: number): Promise<void> {
    let at = this.#appends ? this.#file.length : position
    for (const chunk of chunks) {
      this.#file.write(chunk, at)
      at += chunk.length
    }
    this.#file.modifiedMs = this.#now()
    return Promise.resolve()
  }

  truncate(length: number): Promise<void> {
    this.#file.truncate(length)
    return Promise.resolve()
  }

  sync(): Promise<void> {
    return Promise.resolve()
  }

  stat(): Promise<FileStat> {
    return Promise.resolve(fileStat(this.#file))
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

export function fileStat({ length, inode, modifiedMs }: MemoryFile): FileStat {
  return { kind: 'file', size: length, inode: `memory:${inode}`, modifiedMs }
}
