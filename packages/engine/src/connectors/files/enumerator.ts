import { posix } from 'node:path'
import type { Cancel, Disk } from '@millrace/core'
import { engineError } from '../../errors.ts'
import type { EnumeratorContext, Split, SplitEnumerator } from '../source.ts'
import { openContent } from './content.ts'
import { emptyFingerprint, fingerprintBytesMax, fingerprintOf, fits, isCopy, type Fingerprint } from './fingerprint.ts'
import { findFiles, isRotatedName, siblings, type FoundFile } from './finder.ts'
import { splitId, type FileEnumeratorState, type FileSplit, type KnownFile, type KnownHead } from './split.ts'

export interface FileEnumeratorOptions {
  readonly paths: readonly string[]
  readonly follow: boolean
  readonly start: 'beginning' | 'end'
  readonly discoverEveryMs: number
}

/** Beginnings of files kept to recognise their copies by. */
const headsMax = 1_024

/**
 * Finds files, once or (`follow`) again and again, and gives each to a reader.
 *
 * 1. A file (an inode) is given out once for as long as it has a name that is looked at.
 * 2. Files that stood under one path go to one reader, later ones with larger sequence numbers.
 * 3. What is remembered is bounded by what is there, and by `headsMax`.
 *
 * Whether the content of an inode was replaced (truncation, reuse) is for its reader to say, never decided here.
 */
export class FileEnumerator implements SplitEnumerator {
  readonly #context: EnumeratorContext
  readonly #options: FileEnumeratorOptions
  #known: Map<string, KnownFile> = new Map()
  #heads: KnownHead[] = []
  #nextSequence = 0
  #unassigned: FileSplit[] = []
  readonly #owners: Map<string, number> = new Map()
  readonly #loads: number[]
  readonly #readers = new Set<number>()
  #cancelTimer: Cancel | undefined
  #discovering: Promise<void> | undefined
  #isClosed = false

  constructor(context: EnumeratorContext, options: FileEnumeratorOptions) {
    this.#context = context
    this.#options = options
    this.#loads = Array.from({ length: context.parallelism }, () => 0)
  }

  async start(restored: unknown): Promise<void> {
    const state = restored as FileEnumeratorState | undefined
    if (state !== undefined) {
      this.#known = new Map(state.known.map((file) => [file.inode, file]))
      this.#heads = [...state.heads]
      this.#nextSequence = state.nextSequence
      this.#unassigned = [...state.unassigned]
    }
    if (state === undefined || this.#options.follow) await this.#discover(state === undefined)
    if (this.#options.follow) this.#schedule()
  }

  addSplitsBack(splits: readonly Split[]): void {
    this.#unassigned.push(...(splits as readonly FileSplit[]))
  }

  addReader(subtask: number): void {
    this.#readers.add(subtask)
    this.#assign()
    if (!this.#options.follow) this.#context.noMoreSplits(subtask)
  }

  snapshot(): FileEnumeratorState {
    return {
      nextSequence: this.#nextSequence,
      known: [...this.#known.values()],
      heads: [...this.#heads],
      unassigned: [...this.#unassigned],
    }
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
    const { disk } = this.#context
    const found = await this.#find()
    const added: FileSplit[] = []
    for (const file of found) {
      if (this.#known.has(file.stat.inode)) continue
      const head = await readHead(disk, file.path)
      if (head === undefined || this.#isCopyOfKnown(file.path, head)) continue
      for (const between of await this.#rotatedBetween(file, found)) added.push(this.#split(between, between.stat.size, 0, file.path))
      const startsAtEnd = isFirst && this.#options.start === 'end'
      if (startsAtEnd && file.path.endsWith('.gz')) continue
      const offset = startsAtEnd ? await endOfLastLine(disk, file) : 0
      added.push(this.#split(file, file.stat.size, offset, file.path))
    }
    if (this.#options.follow) await this.#remember(found)
    this.#unassigned.push(...added)
  }

  async #find(): Promise<readonly FoundFile[]> {
    const found = new Map<string, FoundFile>()
    for (const path of this.#options.paths) {
      const files = await findFiles(this.#context.disk, path)
      if (files === undefined && !this.#options.follow) throw engineError('FILES_NOT_FOUND', { path })
      for (const file of files ?? []) if (!found.has(file.stat.inode)) found.set(file.stat.inode, file)
    }
    return [...found.values()]
  }

  #split({ path, stat }: FoundFile, sizeBytes: number, offset: number, lineage: string): FileSplit {
    const split = { sequence: this.#nextSequence++, inode: stat.inode, offset, sizeBytes, generation: 0, fingerprint: emptyFingerprint }
    // Under its path there is another file by now, so this one is looked for by its inode, and ends at its end.
    const placed = { ...split, path: lineage, detached: false }
    if (path !== lineage) this.#known.set(stat.inode, { inode: stat.inode, path: lineage, modifiedMs: stat.modifiedMs })
    return { id: splitId(placed), ...placed }
  }

  /** A file that was rotated away before anybody saw it: newer than the one that stood under the path when it was last looked at. */
  async #rotatedBetween(file: FoundFile, found: readonly FoundFile[]): Promise<readonly FoundFile[]> {
    const before = [...this.#known.values()].filter(({ path }) => path === file.path).toSorted((a, b) => b.modifiedMs - a.modifiedMs)[0]
    if (before === undefined) return []
    const name = posix.basename(file.path)
    const rotated = await siblings(this.#context.disk, file.path, (other) => isRotatedName(other, name))
    let isBeforeFound = rotated.some(({ stat }) => stat.inode === before.inode)
    const lastHead = this.#heads.findLast((head) => head.path === file.path)?.fingerprint
    const between: FoundFile[] = []
    for (const candidate of rotated.toSorted((a, b) => a.stat.modifiedMs - b.stat.modifiedMs)) {
      const isOld = candidate.stat.modifiedMs <= before.modifiedMs
      if (isOld || this.#known.has(candidate.stat.inode) || found.some(({ stat }) => stat.inode === candidate.stat.inode)) continue
      const head = await readHead(this.#context.disk, candidate.path)
      if (head === undefined) continue
      // The one that stood there before may be left as a copy alone: its reader reads that to its end.
      const isBefore = !isBeforeFound && lastHead !== undefined && fits(lastHead, head)
      isBeforeFound ||= isBefore || this.#isCopyOfKnown(candidate.path, head)
      if (!isBefore && !this.#isCopyOfKnown(candidate.path, head)) between.push(candidate)
    }
    return between
  }

  #isCopyOfKnown(path: string, head: Uint8Array): boolean {
    const name = posix.basename(path)
    return this.#heads.some((known) => {
      const isRotated = posix.dirname(known.path) === posix.dirname(path) && isRotatedName(name, posix.basename(known.path))
      return isRotated && isCopy(known.fingerprint, head)
    })
  }

  /** Takes note of what is there now, and forgets what is not. */
  async #remember(found: readonly FoundFile[]): Promise<void> {
    const known = new Map<string, KnownFile>()
    for (const { path, stat } of found) {
      const former = this.#known.get(stat.inode)
      known.set(stat.inode, { inode: stat.inode, path: former?.path ?? path, modifiedMs: stat.modifiedMs })
      if (former?.modifiedMs !== stat.modifiedMs) await this.#rememberHead(former?.path ?? path, path)
    }
    await this.#keepRotated(known)
    this.#known = known
    const paths = new Set([...known.values()].map(({ path }) => path))
    for (const path of this.#owners.keys()) if (!paths.has(path)) this.#owners.delete(path)
  }

  /** Files that were renamed to where nobody looks are known for as long as they are there. */
  async #keepRotated(known: Map<string, KnownFile>): Promise<void> {
    const gone = [...this.#known.values()].filter(({ inode }) => !known.has(inode))
    for (const path of new Set(gone.map((file) => file.path))) {
      const name = posix.basename(path)
      for (const { stat } of await siblings(this.#context.disk, path, (other) => isRotatedName(other, name))) {
        if (this.#known.has(stat.inode) && !known.has(stat.inode)) {
          known.set(stat.inode, { inode: stat.inode, path, modifiedMs: stat.modifiedMs })
        }
      }
    }
  }

  async #rememberHead(lineage: string, path: string): Promise<void> {
    const head = await readHead(this.#context.disk, path)
    if (head === undefined || head.length === 0) return
    const fingerprint = fingerprintOf(head)
    if (this.#heads.some((other) => other.path === lineage && isEqual(other.fingerprint, fingerprint))) return
    // A younger state of the same file says less.
    this.#heads = this.#heads.filter((other) => !(other.path === lineage && isYounger(other.fingerprint, head)))
    this.#heads.push({ path: lineage, fingerprint })
    if (this.#heads.length > headsMax) this.#heads.shift()
  }
}

function isEqual(a: Fingerprint, b: Fingerprint): boolean {
  return a.bytes === b.bytes && a.hash === b.hash
}

function isYounger(fingerprint: Fingerprint, head: Uint8Array): boolean {
  return (
    fingerprint.bytes < Math.min(head.length, fingerprintBytesMax) &&
    isEqual(fingerprint, fingerprintOf(head.subarray(0, fingerprint.bytes)))
  )
}

/** The first bytes of a file's content; undefined if it has gone meanwhile. */
async function readHead(disk: Disk, path: string): Promise<Uint8Array | undefined> {
  try {
    const content = await openContent(disk, path)
    try {
      return await content.head(fingerprintBytesMax)
    } finally {
      await content.close()
    }
  } catch (error) {
    if ((error as { reason?: unknown }).reason === 'not-found') return undefined
    throw error
  }
}

const tailBytes = 64 * 1_024

/** Where the last line of the file that has an end ends: what follows is still being written. */
async function endOfLastLine(disk: Disk, { path, stat }: FoundFile): Promise<number> {
  const handle = await disk.open(path, 'read')
  try {
    const from = Math.max(0, stat.size - tailBytes)
    const tail = new Uint8Array(stat.size - from)
    let filled = 0
    for (let count = -1; count !== 0 && filled < tail.length; filled += count)
      count = await handle.read(tail.subarray(filled), from + filled)
    const newline = tail.subarray(0, filled).lastIndexOf(0x0a)
    return newline >= 0 ? from + newline + 1 : from
  } finally {
    await handle.close()
  }
}
