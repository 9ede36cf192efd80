import type { TreeNode, TreeReader } from './draft.ts'
import { nameOf, parentPath } from './paths.ts'

const ROOT: TreeNode = {
  bytes: new Uint8Array(0),
  creationId: 0,
  modificationId: 0,
  version: 0,
  childVersion: 0,
  childCount: 0,
  owner: undefined,
  nextSequence: 0,
}

/** The nodes there are, with the names of each one's children and the ephemeral nodes of each session. */
export class Tree implements TreeReader {
  readonly #nodes = new Map<string, TreeNode>([['/', ROOT]])
  readonly #children = new Map<string, Set<string>>()
  readonly #ephemerals = new Map<string, Set<string>>()

  get size(): number {
    return this.#nodes.size
  }

  get(path: string): TreeNode | undefined {
    return this.#nodes.get(path)
  }

  entries(): IterableIterator<[string, TreeNode]> {
    return this.#nodes.entries()
  }

  children(path: string): readonly string[] | undefined {
    if (!this.#nodes.has(path)) return undefined
    return [...(this.#children.get(path) ?? [])].toSorted()
  }

  /** Of one session, or of all. */
  ephemerals(session?: string): string[] {
    const sets = session === undefined ? [...this.#ephemerals.values()] : [this.#ephemerals.get(session) ?? []]
    return sets.flatMap((paths) => [...paths])
  }

  apply(changes: Iterable<readonly [string, TreeNode | undefined]>): void {
    for (const [path, node] of changes) {
      const before = this.#nodes.get(path)
      if (before?.owner !== undefined) removeFrom(this.#ephemerals, before.owner, path)
      if (node === undefined) this.#remove(path)
      else this.#put(path, node)
    }
  }

  #put(path: string, node: TreeNode): void {
    if (!this.#nodes.has(path)) addTo(this.#children, parentPath(path), nameOf(path))
    this.#nodes.set(path, node)
    if (node.owner !== undefined) addTo(this.#ephemerals, node.owner, path)
  }

  #remove(path: string): void {
    if (!this.#nodes.delete(path)) return
    removeFrom(this.#children, parentPath(path), nameOf(path))
  }
}

function addTo(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key)
  if (set === undefined) sets.set(key, new Set([value]))
  else set.add(value)
}

function removeFrom(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key)
  if (set?.delete(value) === true && set.size === 0) sets.delete(key)
}
