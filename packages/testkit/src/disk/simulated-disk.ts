import { DiskError, type Clock, type Disk, type FileHandle, type FileStat, type OpenMode } from '@millrace/core'
import type { SeededRandom } from '../random/seeded-random.ts'
import type { Effect } from './effect.ts'
import { FailureList, type DiskFailure, type DiskOperation } from './failures.ts'
import { FileNode, type LossCounts } from './file-node.ts'
import { describe, DirectoryNode, NameSpace, normalize, usualNameLosses, type NameLoss } from './name-space.ts'
import { SimulatedFile } from './simulated-file.ts'

/** What a `SimulatedDisk` is like: how slow, how large, and what it may lose. Given `random` alone it is prompt and without limits. */
export interface SimulatedDiskOptions {
  /** Draws latencies, short reads and what a crash loses: the same seed and the same calls give the same disk. */
  readonly random: SeededRandom
  /** Operations complete on it, in an order that the latencies give. Without one they complete at once, as a promise does. */
  readonly clock?: Clock
  /** Shortest and longest time an operation takes, in milliseconds; 0 and 0 by default. */
  readonly latencyMs?: readonly [number, number]
  /** Writes beyond it fail with `no-space`; unlimited by default. */
  readonly capacityBytes?: number
  /** Opening more fails with `too-many-open`; unlimited by default. */
  readonly handlesMax?: number
  /** What may become of names that were not synced: one of these a crash; repeat one to make it likelier. By default none, all, the later ones or any of them are lost. */
  readonly nameLosses?: readonly NameLoss[]
  /** How often a read gives less than was asked for, as the port allows; 0.05 by default. */
  readonly shortReadProbability?: number
  /** Folders that are there from the beginning, and durable. */
  readonly folders?: readonly string[]
}

/** What becomes of the names that were not synced: 'one' is lost alone, or kept alone ('all-but-one'), the one at `at` in the order of their changes. */
export interface NameFate {
  readonly loss: NameLoss
  readonly at: number
}

/** What a loss of power did to what was not synced. */
export interface CrashReport {
  readonly writes: Readonly<LossCounts>
  /** Creations, renames and removals undone. */
  readonly namesLost: number
}

/**
 * A disk in memory that keeps no promise the port does not make.
 *
 * 1. Content is durable after `sync`, names after `syncDirectory`; the rest may be lost, torn or reordered by `crash`.
 * 2. After `crash` or `kill` everything opened or begun before is dead: it never completes and changes nothing.
 * 3. The same seed and the same calls give the same outcome.
 */
export class SimulatedDisk implements Disk {
  readonly #random: SeededRandom
  readonly #options: SimulatedDiskOptions
  readonly #names = new NameSpace()
  readonly #failures = new FailureList()
  #capacityBytes: number
  #life = 0
  #nextInode = 2
  #inFlight = new Set<Effect<unknown>>()
  #handles = new Set<SimulatedFile>()
  #operationCount = 0

  constructor(options: SimulatedDiskOptions) {
    this.#random = options.random
    this.#options = options
    this.#capacityBytes = options.capacityBytes ?? Infinity
    for (const folder of options.folders ?? []) this.#makeDirectory(folder)
    for (const node of [this.#names.root, ...this.#names.all()]) if (node.kind === 'directory') this.#names.sync(node)
  }

  /** Handles that are open now: 0 at the end of a test that closes what it opens. */
  get openHandles(): number {
    return this.#handles.size
  }

  /** Operations begun so far, for tests that crash at each of them in turn. */
  get operationCount(): number {
    return this.#operationCount
  }

  /** Bytes of all files that have a name. */
  get usedBytes(): number {
    let used = 0
    for (const node of new Set(this.#names.all())) if (node.kind === 'file') used += node.length
    return used
  }

  /** Makes operations fail or slow down, until the result is called (or as often as `times` says). */
  fail(failure: DiskFailure): () => void {
    return this.#failures.add(failure)
  }

  /** Ends all failures asked for. */
  heal(): void {
    this.#failures.clear()
  }

  setCapacity(bytes: number): void {
    this.#capacityBytes = bytes
  }

  /** Damages one byte of a file on the medium. */
  flip(path: string, position: number, mask = 0xff): void {
    const node = this.#names.find(path, 'flip')
    if (node.kind !== 'file' || position >= node.length) throw new RangeError(`${path} has no byte ${position}`)
    node.flip(position, mask)
  }

  /** The disk as the process of this life sees it: after `crash` or `kill` nothing done through it completes. */
  attach(): Disk {
    const life = this.#life
    return {
      open: (path, mode) => this.#open(life, path, mode),
      readFile: (path) => this.#readFile(life, path),
      list: (path) => this.#list(life, path),
      stat: (path) => this.#perform(life, 'stat', path, { complete: () => describe(this.#names.find(path, 'stat')) }),
      makeDirectory: (path) => this.#change(life, 'makeDirectory', path, () => this.#makeDirectory(path)),
      rename: (from, to) => this.#change(life, 'rename', from, () => this.#rename(from, to)),
      link: (from, to) => this.#change(life, 'link', from, () => this.#link(from, to)),
      remove: (path) => this.#change(life, 'remove', path, () => this.#remove(path)),
      removeTree: (path) => this.#change(life, 'removeTree', path, () => this.#removeTree(path)),
      syncDirectory: (path) =>
        this.#perform(life, 'syncDirectory', path, {
          complete: () => this.#names.sync(this.#names.findDirectory(path, 'syncDirectory')),
        }),
    }
  }

  open(path: string, mode: OpenMode): Promise<FileHandle> {
    return this.attach().open(path, mode)
  }
  readFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.attach().readFile(path)
  }
  list(path: string): Promise<readonly string[]> {
    return this.attach().list(path)
  }
  stat(path: string): Promise<FileStat> {
    return this.attach().stat(path)
  }
  makeDirectory(path: string): Promise<void> {
    return this.attach().makeDirectory(path)
  }
  rename(from: string, to: string): Promise<void> {
    return this.attach().rename(from, to)
  }
  link(from: string, to: string): Promise<void> {
    return this.attach().link(from, to)
  }
  remove(path: string): Promise<void> {
    return this.attach().remove(path)
  }
  removeTree(path: string): Promise<void> {
    return this.attach().removeTree(path)
  }
  syncDirectory(path: string): Promise<void> {
    return this.attach().syncDirectory(path)
  }

  /** The process dies, the system lives on: what was written stays, what was under way may have happened in part. */
  kill(): void {
    const inFlight = [...this.#inFlight]
    this.#life++
    this.#inFlight = new Set()
    this.#handles = new Set()
    for (const effect of inFlight) {
      if (this.#random.chance(0.5)) attempt(effect.interrupted)
    }
  }

  /** Creations, renames and removals that a crash may undo. */
  get unsyncedNames(): number {
    return this.#names.unsyncedCount
  }

  /** The power fails: the process dies, and of what was not synced any part may be lost. `names` says what becomes of names, for tests that try all. */
  crash(names?: NameFate): CrashReport {
    this.kill()
    const files = new Set<FileNode>()
    for (const node of this.#names.all()) if (node.kind === 'file') files.add(node)
    const namesLost = this.#names.loseUnsynced(
      this.#random,
      names === undefined ? (this.#options.nameLosses ?? usualNameLosses) : [names.loss],
      names?.at,
    )
    for (const node of this.#names.rewind()) if (node.kind === 'file') files.add(node)
    const writes = { kept: 0, torn: 0, lost: 0 }
    const survival = this.#random.pick([0, 0.1, 0.5, 0.9, 1])
    for (const file of files) file.loseUnsynced(this.#random, survival, writes)
    return { writes, namesLost }
  }

  #perform<T>(life: number, operation: DiskOperation, path: string, effect: Effect<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (life !== this.#life) return
      this.#operationCount++
      const { delayMs, reason } = this.#failures.draw(operation, normalize(path))
      this.#inFlight.add(effect)
      this.#afterLatency(delayMs, () => {
        if (life !== this.#life) return
        this.#inFlight.delete(effect)
        try {
          if (reason !== undefined) {
            attempt(effect.failed)
            throw new DiskError(reason, operation, path, new Error('injected'))
          }
          resolve(effect.complete())
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  #change(life: number, operation: DiskOperation, path: string, complete: () => void): Promise<void> {
    return this.#perform(life, operation, path, { complete, interrupted: complete })
  }

  #afterLatency(delayMs: number, callback: () => void): void {
    const { clock, latencyMs: [low, high] = [0, 0] } = this.#options
    if (clock === undefined) queueMicrotask(callback)
    else clock.after(delayMs + (high > low ? low + ((high - low) * this.#random.uint32()) / 2 ** 32 : low), callback)
  }

  #open(life: number, path: string, mode: OpenMode): Promise<FileHandle> {
    const complete = (): FileHandle => {
      if (this.#handles.size >= (this.#options.handlesMax ?? Infinity)) throw new DiskError('too-many-open', 'open', path)
      const handle = new SimulatedFile(this.#node(path, mode), mode, {
        path,
        random: this.#random,
        shortReadProbability: this.#options.shortReadProbability ?? 0.05,
        perform: (operation, effect) => this.#perform(life, operation, path, effect),
        freeBytes: () => (this.#capacityBytes === Infinity ? Infinity : this.#capacityBytes - this.usedBytes),
        now: () => this.#nowMs(),
        onClose: (file) => this.#handles.delete(file),
      })
      this.#handles.add(handle)
      return handle
    }
    return this.#perform(life, 'open', path, { complete, interrupted: () => (mode === 'read' ? undefined : this.#node(path, mode)) })
  }

  #node(path: string, mode: OpenMode): FileNode {
    const { directory, name } = this.#names.place(path, 'open')
    const present = directory.entries.get(name)
    if (present?.kind === 'directory') throw new DiskError('is-a-directory', 'open', path)
    if (present !== undefined && mode === 'create') throw new DiskError('exists', 'open', path)
    if (present !== undefined) {
      if (mode === 'write' && present.length > 0) present.change({ kind: 'truncate', length: 0 })
      return present
    }
    if (mode === 'read') throw new DiskError('not-found', 'open', path)
    const node = new FileNode(this.#nextInode++, this.#nowMs())
    this.#names.apply([{ directory, name, node }], this.#nowMs())
    return node
  }

  #readFile(life: number, path: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.#perform(life, 'readFile', path, {
      complete: () => {
        const node = this.#names.find(path, 'read')
        if (node.kind !== 'file') throw new DiskError('is-a-directory', 'read', path)
        return new Uint8Array(node.bytes())
      },
    })
  }

  #list(life: number, path: string): Promise<readonly string[]> {
    return this.#perform(life, 'list', path, {
      complete: () => [...this.#names.findDirectory(path, 'list').entries.keys()].toSorted(),
    })
  }

  #makeDirectory(path: string): void {
    const parts = normalize(path).split('/')
    for (let depth = 2; depth <= parts.length; depth++) {
      const { directory, name } = this.#names.place(parts.slice(0, depth).join('/') || '/', 'create folder')
      const present = directory.entries.get(name)
      if (present?.kind === 'file') throw new DiskError('exists', 'create folder', path)
      if (present !== undefined) continue
      const node = new DirectoryNode(this.#nextInode++, this.#nowMs())
      this.#names.apply([{ directory, name, node }], this.#nowMs())
    }
  }

  #rename(from: string, to: string): void {
    const node = this.#names.find(from, 'rename')
    const source = this.#names.place(from, 'rename')
    const target = this.#names.place(to, 'rename')
    const present = target.directory.entries.get(target.name)
    if (present === node) return
    if (present !== undefined && present.kind !== node.kind) {
      throw new DiskError(present.kind === 'directory' ? 'is-a-directory' : 'not-a-directory', 'rename', `${from} to ${to}`)
    }
    if (present?.kind === 'directory' && present.entries.size > 0) throw new DiskError('exists', 'rename', `${from} to ${to}`)
    if (normalize(to).startsWith(`${normalize(from)}/`)) throw new DiskError('other', 'rename', `${from} to ${to}`)
    this.#names.apply(
      [
        { ...source, node: undefined },
        { ...target, node },
      ],
      this.#nowMs(),
    )
  }

  #link(from: string, to: string): void {
    const node = this.#names.find(from, 'link')
    const target = this.#names.place(to, 'link')
    if (target.directory.entries.has(target.name)) throw new DiskError('exists', 'link', `${from} to ${to}`)
    if (node.kind === 'directory') throw new DiskError('not-permitted', 'link', `${from} to ${to}`)
    this.#names.apply([{ ...target, node }], this.#nowMs())
  }

  #remove(path: string): void {
    const place = this.#names.place(path, 'remove')
    if (this.#names.find(path, 'remove').kind === 'directory') throw new DiskError('is-a-directory', 'remove', path)
    this.#names.apply([{ ...place, node: undefined }], this.#nowMs())
  }

  #removeTree(path: string): void {
    const place = this.#names.place(path, 'remove folder')
    const node = place.directory.entries.get(place.name)
    if (node === undefined) return
    if (node.kind === 'directory') for (const name of node.entries.keys()) this.#removeTree(`${path}/${name}`)
    this.#names.apply([{ ...place, node: undefined }], this.#nowMs())
  }

  #nowMs(): number {
    return this.#options.clock?.now() ?? 0
  }
}

function attempt(effect: (() => void) | undefined): void {
  try {
    effect?.()
  } catch {
    // It was under way already: its caller hears of the interruption, or is dead.
  }
}
