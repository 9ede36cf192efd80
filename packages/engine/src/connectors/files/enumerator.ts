import type { Cancel } from '@millrace/core'
import { engineError } from '../../errors.ts'
import type { EnumeratorContext, Split, SplitEnumerator } from '../source.ts'
import { findFiles, type FoundFile } from './finder.ts'
import { FileRegistry } from './registry.ts'
import type { FileEnumeratorState, FileRegistryState, FileSplit } from './split.ts'

export interface FileEnumeratorOptions {
  readonly paths: readonly string[]
  readonly follow: boolean
  readonly start: 'beginning' | 'end'
  readonly discoverEveryMs: number
  readonly rotatedForMs: number
}

/**
 * Finds files, once or (`follow`) again and again, and gives each to a reader.
 *
 * 1. A split is with exactly one of: the unassigned ones here, one reader; those that had ended before a restore, which stay here unless they are followed.
 * 2. Files that stood under one path go to one reader.
 *
 * Whether the content of an inode was replaced (truncation, reuse) is for its reader to say, never decided here.
 */
export class FileEnumerator implements SplitEnumerator {
  readonly #context: EnumeratorContext
  readonly #options: FileEnumeratorOptions
  #registry: FileRegistry
  #unassigned: FileSplit[] = []
  #ended: FileSplit[] = []
  readonly #owners: Map<string, number> = new Map()
  readonly #loads: number[]
  readonly #readers = new Set<number>()
  #cancelTimer: Cancel | undefined
  #discovering: Promise<void> | undefined
  #isClosed = false

  constructor(context: EnumeratorContext, options: FileEnumeratorOptions) {
    this.#context = context
    this.#options = options
    this.#registry = this.#registryOf({ nextSequence: 0, known: [], heads: [] })
    this.#loads = Array.from({ length: context.parallelism }, () => 0)
  }

  async start(restored: unknown): Promise<void> {
    const state = restored as FileEnumeratorState | undefined
    if (state !== undefined) {
      this.#registry = this.#registryOf(state.registry)
      this.#unassigned = [...state.unassigned]
      this.addSplitsBack(state.ended ?? [])
    }
    if (state === undefined || this.#options.follow) await this.#discover(state === undefined)
    if (this.#options.follow) this.#schedule()
  }

  addSplitsBack(splits: readonly Split[]): void {
    for (const split of splits as readonly FileSplit[]) {
      if (split.ended === true && !this.#options.follow) this.#ended.push(split)
      else this.#unassigned.push(split)
    }
  }

  addReader(subtask: number): void {
    this.#readers.add(subtask)
    this.#assign()
    if (!this.#options.follow) this.#context.noMoreSplits(subtask)
    // It may have got none: event time does not wait for it then.
    else this.#context.assign(subtask, [])
  }

  snapshot(): FileEnumeratorState {
    return { registry: this.#registry.state(), unassigned: [...this.#unassigned], ended: [...this.#ended] }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelTimer?.()
    await this.#discovering
  }

  /** Gives what is unassigned to its readers, as far as they are up; the largest first, each to the one with the least. */
  #assign(): void {
    if (this.#readers.size === 0) return
    const given = new Map<number, FileSplit[]>()
    const waiting: FileSplit[] = []
    for (const split of this.#unassigned.toSorted((a, b) => b.sizeBytes - a.sizeBytes || a.sequence - b.sequence)) {
      const owner = this.#ownerOf(split)
      if (!this.#readers.has(owner)) waiting.push(split)
      else if (!given.get(owner)?.push(split)) given.set(owner, [split])
    }
    this.#unassigned = waiting
    for (const [owner, splits] of given)
      this.#context.assign(
        owner,
        splits.toSorted((a, b) => a.sequence - b.sequence),
      )
  }

  #ownerOf({ path, sizeBytes, offset }: FileSplit): number {
    let owner = this.#owners.get(path)
    if (owner === undefined) {
      owner = this.#loads.indexOf(Math.min(...this.#loads))
      this.#loads[owner]! += Math.max(0, sizeBytes - offset) + 1
      this.#owners.set(path, owner)
    }
    return owner
  }

  #schedule(): void {
    this.#cancelTimer = this.#context.clock.after(this.#options.discoverEveryMs, () => {
      this.#discovering = this.#discoverAgain()
    })
  }

  async #discoverAgain(): Promise<void> {
    try {
      await this.#discover(false)
      if (this.#isClosed) return
      this.#assign()
      this.#schedule()
    } catch (error) {
      if (!this.#isClosed) this.#context.fail(error)
    }
  }

  async #discover(isFirst: boolean): Promise<void> {
    const found = await this.#find()
    const registry = this.#registryOf(this.#registry.state())
    const added = await registry.add(found, isFirst && this.#options.start === 'end')
    if (this.#options.follow) await registry.remember(found)
    this.#registry = registry
    for (const split of added) this.#unassigned.push(split)
    if (!this.#options.follow) return
    const paths = registry.paths()
    for (const path of this.#owners.keys()) if (!paths.has(path)) this.#owners.delete(path)
  }

  #registryOf(state: FileRegistryState): FileRegistry {
    const { paths, rotatedForMs, discoverEveryMs } = this.#options
    // Forgotten before its reader lets go of it: from then on its inode may be another file's.
    const absencesMax = Math.floor(rotatedForMs / discoverEveryMs) - 1
    return new FileRegistry(this.#context.disk, paths, absencesMax, state)
  }

  /** A mistyped pattern would look like a job that has read everything. */
  #tellNone(path: string): void {
    this.#context.report?.({
      code: 'FILES_NONE',
      message: `files: there is no file in ${path}, or none that matches it: nothing is read there`,
    })
  }

  async #find(): Promise<readonly FoundFile[]> {
    const found = new Map<string, FoundFile>()
    for (const path of this.#options.paths) {
      const files = await findFiles(this.#context.disk, path)
      if (files?.some(({ stat }) => stat.kind === 'pipe') === true) throw engineError('FILES_PIPE', { path })
      if (files === undefined && !this.#options.follow) throw engineError('FILES_NOT_FOUND', { path })
      if (files?.length === 0 && !this.#options.follow) this.#tellNone(path)
      for (const file of files ?? []) if (!found.has(file.stat.inode)) found.set(file.stat.inode, file)
    }
    return [...found.values()]
  }
}
