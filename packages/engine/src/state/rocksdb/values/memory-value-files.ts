// Files with values in memory. For simulation and property tests: whoever uses one that is gone, or reads what is not there, hears of it.
import type { StoredFile } from '../ordered-store.ts'
import { endsBefore, type ValueFile, type ValueFiles } from './value-files.ts'

export interface MemoryValueFilesHooks {
  /** A file is used that is gone, or begun again. Default: throws. */
  readonly misused?: (problem: string) => void
  readonly created?: () => void
  /** While others stay. */
  readonly removed?: () => void
  /** What reading takes. */
  readonly reading?: () => Promise<void>
}

/** Value files that go with the process, and that hear of each use that real ones would not survive. */
export class MemoryValueFiles implements ValueFiles {
  readonly #hooks: MemoryValueFilesHooks
  readonly #files: Map<string, MemoryValueFile> = new Map()

  constructor(hooks: MemoryValueFilesHooks = {}) {
    this.#hooks = hooks
  }

  create(name: string): ValueFile {
    if (this.#files.has(name)) this.#misused(`the file ${name} is there already`)
    const file = new MemoryValueFile(name, {
      misused: (problem) => this.#misused(problem),
      removed: () => {
        this.#files.delete(name)
        if (this.#files.size > 0) this.#hooks.removed?.()
      },
      reading: this.#hooks.reading ?? (() => Promise.resolve()),
    })
    this.#files.set(name, file)
    this.#hooks.created?.()
    return file
  }

  async restore(file: StoredFile): Promise<ValueFile> {
    const restored = this.create(file.name)
    for await (const chunk of file.read()) restored.appendNow(chunk)
    return restored
  }

  async removeAll(): Promise<void> {
    for (const file of this.#files.values()) await file.remove()
  }

  /** Names of those that are there. */
  get names(): readonly string[] {
    return [...this.#files.keys()]
  }

  #misused(problem: string): void {
    if (this.#hooks.misused === undefined) throw new Error(problem)
    this.#hooks.misused(problem)
  }
}

class MemoryValueFile implements ValueFile {
  readonly name: string
  readonly #hooks: Required<Omit<MemoryValueFilesHooks, 'created'>>
  #bytes = Buffer.alloc(0)
  #isRemoved = false

  constructor(name: string, hooks: Required<Omit<MemoryValueFilesHooks, 'created'>>) {
    this.name = name
    this.#hooks = hooks
  }

  get length(): number {
    return this.#bytes.length
  }

  appendNow(bytes: Uint8Array): void {
    this.#check()
    this.#bytes = Buffer.concat([this.#bytes, bytes])
  }

  readNow(into: Uint8Array, position: number): void {
    this.#copy(into, position)
  }

  async read(into: Uint8Array, position: number): Promise<void> {
    await this.#hooks.reading()
    this.#copy(into, position)
  }

  #copy(into: Uint8Array, position: number): void {
    this.#check()
    const end = position + into.length
    if (end > this.length) throw endsBefore(this.name, end, this.length)
    into.set(this.#bytes.subarray(position, end))
  }

  async remove(): Promise<void> {
    this.#check()
    this.#isRemoved = true
    this.#hooks.removed()
  }

  #check(): void {
    if (this.#isRemoved) this.#hooks.misused(`the file ${this.name} has been removed`)
  }
}
