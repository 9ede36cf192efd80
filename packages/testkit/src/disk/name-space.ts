import { posix } from 'node:path'
import { DiskError, type FileStat } from '@millrace/core'
import type { SeededRandom } from '../random/seeded-random.ts'
import { FileNode } from './file-node.ts'

export type Node = FileNode | DirectoryNode

/** A folder: the names the running process sees, and those a loss of power surely leaves. */
export class DirectoryNode {
  readonly kind = 'directory' as const
  readonly inode: number
  modifiedMs: number
  readonly entries: Map<string, Node> = new Map()
  readonly durable: Map<string, Node> = new Map()

  constructor(inode: number, modifiedMs: number) {
    this.inode = inode
    this.modifiedMs = modifiedMs
  }
}

/** One name of one folder and what it means from now on (`undefined`: nothing). */
interface NameChange {
  readonly directory: DirectoryNode
  readonly name: string
  readonly node: Node | undefined
}

/** What happens to names at once: one change, or the two of a rename. */
type NameOperation = readonly NameChange[]

/** How the names that were not synced fare in a crash: a journal keeps their order, other file systems only that of each name. */
export type NameLoss = 'none' | 'all' | 'later' | 'any' | 'one' | 'all-but-one'

export const usualNameLosses: readonly NameLoss[] = ['none', 'all', 'later', 'later', 'any', 'any']

/**
 * The tree of names and what of it is durable.
 *
 * 1. The entries equal the durable ones with all unsynced operations applied in order.
 * 2. An operation is durable wholly or not at all; so a rename never loses both names.
 * 3. Operations on the same name become durable in their order.
 */
export class NameSpace {
  readonly root: DirectoryNode = new DirectoryNode(1, 0)
  #unsynced: NameOperation[] = []

  find(path: string, operation: string): Node {
    let node: Node = this.root
    for (const name of split(path)) {
      if (node.kind !== 'directory') throw new DiskError('not-a-directory', operation, path)
      const next = node.entries.get(name)
      if (next === undefined) throw new DiskError('not-found', operation, path)
      node = next
    }
    return node
  }

  findDirectory(path: string, operation: string): DirectoryNode {
    const node = this.find(path, operation)
    if (node.kind !== 'directory') throw new DiskError('not-a-directory', operation, path)
    return node
  }

  /** The folder that holds the last name of `path`, and that name. */
  place(path: string, operation: string): { readonly directory: DirectoryNode; readonly name: string } {
    const name = split(path).at(-1)
    if (name === undefined) throw new DiskError('not-permitted', operation, path)
    return { directory: this.findDirectory(posix.dirname(normalize(path)), operation), name }
  }

  apply(operation: NameOperation, nowMs: number): void {
    for (const { directory, name, node } of operation) {
      directory.modifiedMs = nowMs
      set(directory.entries, name, node)
    }
    this.#unsynced.push(operation)
  }

  /** Makes the operations of this folder durable, and earlier ones on the same names elsewhere. */
  sync(directory: DirectoryNode): void {
    const touched = new Map<DirectoryNode, Set<string>>()
    const isDue = (operation: NameOperation): boolean =>
      operation.some((change) => change.directory === directory || touched.get(change.directory)?.has(change.name) === true)
    const due = new Set<NameOperation>()
    for (const operation of this.#unsynced.toReversed()) {
      if (!isDue(operation)) continue
      due.add(operation)
      for (const change of operation) {
        const names = touched.get(change.directory) ?? new Set()
        touched.set(change.directory, names.add(change.name))
      }
    }
    for (const operation of this.#unsynced) if (due.has(operation)) makeDurable(operation)
    this.#unsynced = this.#unsynced.filter((operation) => !due.has(operation))
  }

  get unsyncedCount(): number {
    return this.#unsynced.length
  }

  /** Loss of power. Gives the number of operations lost. */
  loseUnsynced(random: SeededRandom, losses: readonly NameLoss[], at?: number): number {
    const loss = random.pick(losses)
    const firstLost = at ?? random.between(0, this.#unsynced.length)
    const lostNames = new Map<DirectoryNode, Set<string>>()
    let lost = 0
    for (const [index, operation] of this.#unsynced.entries()) {
      const depends = operation.some((change) => lostNames.get(change.directory)?.has(change.name) === true)
      const isTheOne = index === firstLost
      const chosen = {
        none: false,
        all: true,
        later: index >= firstLost,
        any: random.chance(0.5),
        one: isTheOne,
        'all-but-one': !isTheOne,
      }[loss]
      if (!depends && !chosen) {
        makeDurable(operation)
        continue
      }
      lost++
      for (const change of operation) lostNames.set(change.directory, (lostNames.get(change.directory) ?? new Set()).add(change.name))
    }
    this.#unsynced = []
    return lost
  }

  /** Every node that can still be reached by a durable name; their entries become the durable ones. */
  *rewind(directory: DirectoryNode = this.root): Generator<Node> {
    directory.entries.clear()
    for (const [name, node] of directory.durable) {
      directory.entries.set(name, node)
      yield node
      if (node.kind === 'directory') yield* this.rewind(node)
    }
  }

  *all(directory: DirectoryNode = this.root): Generator<Node> {
    for (const node of directory.entries.values()) {
      yield node
      if (node.kind === 'directory') yield* this.all(node)
    }
  }
}

export function normalize(path: string): string {
  return posix.resolve('/', path)
}

function split(path: string): string[] {
  return normalize(path)
    .split('/')
    .filter((name) => name !== '')
}

function makeDurable(operation: NameOperation): void {
  for (const { directory, name, node } of operation) set(directory.durable, name, node)
}

function set(entries: Map<string, Node>, name: string, node: Node | undefined): void {
  if (node === undefined) entries.delete(name)
  else entries.set(name, node)
}

export function describe(node: Node): FileStat {
  const size = node.kind === 'file' ? node.length : 0
  return { kind: node.kind, size, inode: `simulated:${node.inode}`, modifiedMs: node.modifiedMs }
}
