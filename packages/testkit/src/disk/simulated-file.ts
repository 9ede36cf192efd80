import { DiskError, type FileHandle, type FileStat, type OpenMode } from '@millrace/core'
import type { SeededRandom } from '../random/seeded-random.ts'
import type { Effect } from './effect.ts'
import type { DiskOperation } from './failures.ts'
import type { FileNode } from './file-node.ts'
import { describe } from './name-space.ts'

/** What a file needs of its disk. */
export interface FileHost {
  readonly path: string
  readonly random: SeededRandom
  readonly shortReadProbability: number
  readonly perform: <T>(operation: DiskOperation, effect: Effect<T>) => Promise<T>
  readonly freeBytes: () => number
  readonly now: () => number
  readonly onClose: (file: SimulatedFile) => void
}

/** An open file of a simulated disk. Misuse (after close, against the mode, changing bytes under way) is an error. */
export class SimulatedFile implements FileHandle {
  readonly #node: FileNode
  readonly #mode: OpenMode
  readonly #host: FileHost
  #closed = false

  constructor(node: FileNode, mode: OpenMode, host: FileHost) {
    this.#node = node
    this.#mode = mode
    this.#host = host
  }

  read(into: Uint8Array, position: number): Promise<number> {
    if (this.#mode === 'write' || this.#mode === 'append') return this.#misuse('read', `the file is open to ${this.#mode}`)
    return this.#perform('read', {
      complete: () => {
        const available = this.#node.bytes().subarray(position, position + into.length)
        const isShort = available.length > 1 && this.#host.random.chance(this.#host.shortReadProbability)
        const given = isShort ? available.subarray(0, this.#host.random.between(1, available.length - 1)) : available
        into.set(given)
        return given.length
      },
    })
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    return this.writeAll([bytes], position)
  }

  writeAll(chunks: readonly Uint8Array[], position: number): Promise<void> {
    if (this.#mode === 'read') return this.#misuse('write', 'the file is open to read')
    const bytes = new Uint8Array(Buffer.concat(chunks))
    const part = (): void => this.#write(bytes.subarray(0, this.#host.random.between(0, bytes.length)), position)
    return this.#perform('write', {
      complete: () => {
        if (Buffer.compare(bytes, Buffer.concat(chunks)) !== 0) throw new Error(`bytes written to ${this.#host.path} changed under way`)
        this.#write(bytes, position)
      },
      interrupted: part,
      failed: part,
    })
  }

  truncate(length: number): Promise<void> {
    if (this.#mode === 'read') return this.#misuse('truncate', 'the file is open to read')
    const complete = (): void => this.#node.change({ kind: 'truncate', length })
    return this.#perform('truncate', { complete, interrupted: complete })
  }

  sync(): Promise<void> {
    const { changeCount } = this.#node
    const complete = (): void => this.#node.sync(changeCount)
    return this.#perform('sync', { complete, interrupted: complete, failed: () => this.#node.failSync(this.#host.random) })
  }

  stat(): Promise<FileStat> {
    return this.#perform('stat', { complete: () => describe(this.#node) })
  }

  close(): Promise<void> {
    const closing = this.#perform('close', { complete: () => undefined })
    if (!this.#closed) this.#host.onClose(this)
    this.#closed = true
    return closing
  }

  #write(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return
    const at = this.#mode === 'append' ? this.#node.length : position
    const freeBytes = Math.max(0, this.#host.freeBytes())
    const growth = at + bytes.length - this.#node.length
    const fits = growth > freeBytes ? bytes.subarray(0, Math.max(0, bytes.length - (growth - freeBytes))) : bytes
    this.#node.modifiedMs = this.#host.now()
    if (fits.length > 0) this.#node.change({ kind: 'write', position: at, bytes: fits })
    if (fits.length < bytes.length) throw new DiskError('no-space', 'write', this.#host.path)
  }

  #perform<T>(operation: DiskOperation, effect: Effect<T>): Promise<T> {
    return this.#closed ? this.#misuse(operation, 'the file is closed') : this.#host.perform(operation, effect)
  }

  #misuse<T>(operation: DiskOperation, why: string): Promise<T> {
    return Promise.reject(new DiskError('other', operation, this.#host.path, new Error(why)))
  }
}
