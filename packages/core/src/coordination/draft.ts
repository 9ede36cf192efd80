/** What operations do to a tree: decided on a draft over it, which is thrown away or taken over whole. */
import type { CoordinationOperation, NodeStat, OperationResult, WatchEvent } from './coordination.ts'
import { coordinationError } from './errors.ts'
import { checkPath, parentPath } from './paths.ts'

/** Replaced, never changed. */
export interface TreeNode {
  readonly bytes: Uint8Array
  readonly creationId: number
  readonly modificationId: number
  readonly version: number
  readonly childVersion: number
  readonly childCount: number
  readonly owner: string | undefined
  /** The number of its next sequential child. */
  readonly nextSequence: number
}

export interface TreeReader {
  get(path: string): TreeNode | undefined
}

/** Bytes of one node. */
export const NODE_BYTES_MAX: number = 1024 * 1024

/** Changes that are not made yet. */
export class Draft implements TreeReader {
  readonly #base: TreeReader
  /** By path; undefined where the node is removed. */
  readonly changes: Map<string, TreeNode | undefined> = new Map()

  constructor(base: TreeReader) {
    this.#base = base
  }

  get(path: string): TreeNode | undefined {
    return this.changes.has(path) ? this.changes.get(path) : this.#base.get(path)
  }

  put(path: string, node: TreeNode | undefined): void {
    this.changes.set(path, node)
  }

  mergeInto(target: Draft): void {
    for (const [path, node] of this.changes) target.put(path, node)
  }
}

export interface Transaction {
  readonly id: number
  /** The session that asks. */
  readonly session: string
}

export interface Outcome {
  readonly results: readonly OperationResult[]
  readonly events: readonly WatchEvent[]
}

/** Applies all operations to the draft. @throws the error of the first that fails; the draft is void then */
export function applyAll(draft: Draft, operations: readonly CoordinationOperation[], transaction: Transaction): Outcome {
  const results: OperationResult[] = []
  const events: WatchEvent[] = []
  for (const [index, operation] of operations.entries()) results.push(apply(draft, operation, index, transaction, events))
  return { results, events }
}

function apply(
  draft: Draft,
  operation: CoordinationOperation,
  index: number,
  transaction: Transaction,
  events: WatchEvent[],
): OperationResult {
  const { path } = operation
  checkPath(path)
  if (operation.kind === 'create') return create(draft, operation, index, transaction, events)
  const node = draft.get(path)
  if (node === undefined) throw coordinationError('COORDINATION_NO_NODE', { path, operation: index })
  const expected = operation.version ?? -1
  if (expected >= 0 && node.version !== expected) {
    throw coordinationError('COORDINATION_BAD_VERSION', { path, version: node.version, expected, operation: index })
  }
  switch (operation.kind) {
    case 'check':
      return { path, stat: statOf(node) }
    case 'set': {
      const changed = { ...node, bytes: sized(operation.bytes, path, index), version: node.version + 1, modificationId: transaction.id }
      draft.put(path, changed)
      events.push({ kind: 'changed', path })
      return { path, stat: statOf(changed) }
    }
    case 'remove':
      remove(draft, path, node, index, events)
      return { path, stat: undefined }
  }
}

function create(
  draft: Draft,
  operation: CoordinationOperation & { readonly kind: 'create' },
  index: number,
  { id, session }: Transaction,
  events: WatchEvent[],
): OperationResult {
  const parent = operation.path === '/' ? '/' : parentPath(operation.path)
  const above = draft.get(parent)
  if (above === undefined) throw coordinationError('COORDINATION_NO_NODE', { path: parent, operation: index })
  if (above.owner !== undefined) throw coordinationError('COORDINATION_EPHEMERAL_PARENT', { path: parent, operation: index })
  const isSequential = operation.sequential === true
  const path = isSequential ? `${operation.path}${String(above.nextSequence).padStart(10, '0')}` : operation.path
  if (draft.get(path) !== undefined) throw coordinationError('COORDINATION_NODE_EXISTS', { path, operation: index })
  const node: TreeNode = {
    bytes: sized(operation.bytes, path, index),
    creationId: id,
    modificationId: id,
    version: 0,
    childVersion: 0,
    childCount: 0,
    owner: operation.ephemeral === true ? session : undefined,
    nextSequence: 0,
  }
  draft.put(path, node)
  draft.put(parent, {
    ...above,
    childVersion: above.childVersion + 1,
    childCount: above.childCount + 1,
    nextSequence: above.nextSequence + (isSequential ? 1 : 0),
  })
  events.push({ kind: 'created', path }, { kind: 'children', path: parent })
  return { path, stat: statOf(node) }
}

function remove(draft: Draft, path: string, node: TreeNode, index: number, events: WatchEvent[]): void {
  if (path === '/') throw coordinationError('COORDINATION_BAD_PATH', { path, problem: 'the root stays', operation: index })
  if (node.childCount > 0) throw coordinationError('COORDINATION_NOT_EMPTY', { path, operation: index })
  const parent = parentPath(path)
  const above = draft.get(parent)!
  draft.put(path, undefined)
  draft.put(parent, { ...above, childVersion: above.childVersion + 1, childCount: above.childCount - 1 })
  events.push({ kind: 'removed', path }, { kind: 'children', path: parent })
}

/** A copy: the caller may go on writing into its own. */
function sized(bytes: Uint8Array, path: string, index: number): Uint8Array {
  if (bytes.length > NODE_BYTES_MAX) {
    throw coordinationError('COORDINATION_TOO_LARGE', { path, size: bytes.length, limit: NODE_BYTES_MAX, operation: index })
  }
  return new Uint8Array(bytes)
}

export function statOf({ creationId, modificationId, version, childVersion, childCount, owner }: TreeNode): NodeStat {
  return { creationId, modificationId, version, childVersion, childCount, ephemeralOwner: owner }
}
