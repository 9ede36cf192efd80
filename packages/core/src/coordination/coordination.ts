/**
 * What several processes agree on: a tree of small nodes, with ZooKeeper's semantics.
 *
 * Paths begin with `/` and have no empty part; the root is always there. A node has bytes (1 MiB at most) and children, and persists, or
 * goes with the session that made it (an ephemeral node, which has no children).
 *
 * Promises: all changes have one order, the same for everybody, and each is wholly there or not at all; a change is durable before its
 * promise resolves and before anybody sees it; a session that reads sees every change of its own that has resolved.
 * Does not promise: that a change whose promise rejects with `COORDINATION_UNAVAILABLE` has not happened; that a watch tells of every
 * state in between; that two sessions see a change at the same moment.
 */
import type { Cancel } from '../io/clock.ts'

/** The tree, to whoever begins a session with it. */
export interface Coordination {
  /** Begins a session. */
  connect(): Promise<CoordinationSession>
}

/** What is known of a node beside its bytes. As ZooKeeper's `Stat`. */
export interface NodeStat {
  /** Of the transaction that made the node; grows over the whole tree, and over restarts. */
  readonly creationId: number
  /** Of the transaction that last changed its bytes. */
  readonly modificationId: number
  /** Changes of its bytes. */
  readonly version: number
  /** Changes of its list of children. */
  readonly childVersion: number
  readonly childCount: number
  /** The session whose end takes the node away; undefined for a persistent one. */
  readonly ephemeralOwner: string | undefined
}

/** A node as it is. */
export interface CoordinationNode {
  readonly bytes: Uint8Array
  readonly stat: NodeStat
}

/** How long a node lives and what it is called. */
export interface CreateOptions {
  /** Goes with the session; false by default. */
  readonly ephemeral?: boolean
  /** Appends ten digits to the path that grow with every sequential node of the same parent; false by default. */
  readonly sequential?: boolean
}

/** A part of a transaction. `version`: the version the node must have; any by default. `check` changes nothing. */
export type CoordinationOperation =
  | ({ readonly kind: 'create'; readonly path: string; readonly bytes: Uint8Array } & CreateOptions)
  | { readonly kind: 'set'; readonly path: string; readonly bytes: Uint8Array; readonly version?: number }
  | { readonly kind: 'remove'; readonly path: string; readonly version?: number }
  | { readonly kind: 'check'; readonly path: string; readonly version?: number }

/** What came of one operation of a transaction. */
export interface OperationResult {
  /** With its number, for a sequential node. */
  readonly path: string
  /** The node as the operation left it; undefined after `remove`. */
  readonly stat: NodeStat | undefined
}

/**
 * - `node`: it is made, changed or removed.
 * - `children`: a child of it is made or removed, or it is removed itself.
 * - `tree`: it, or anything below it, is made, changed or removed.
 */
export type WatchScope = 'node' | 'children' | 'tree'

/** A change of a node; `children`: of the list of its children. */
export interface WatchEvent {
  readonly kind: 'created' | 'changed' | 'removed' | 'children'
  readonly path: string
}

/** How long a watch lasts. */
export interface WatchOptions {
  /** Ends with its first event; false by default. */
  readonly once?: boolean
}

/** Every method rejects with `COORDINATION_SESSION_EXPIRED` once the session has ended. */
export interface CoordinationSession {
  /** Never given twice. */
  readonly id: string
  readonly isExpired: boolean

  /** Undefined if there is no such node. */
  get(path: string): Promise<CoordinationNode | undefined>

  /** Names, sorted; undefined if there is no such node. */
  children(path: string): Promise<readonly string[] | undefined>

  /** @throws COORDINATION_NODE_EXISTS; COORDINATION_NO_NODE without a parent; COORDINATION_EPHEMERAL_PARENT; COORDINATION_UNAVAILABLE */
  create(path: string, bytes: Uint8Array, options?: CreateOptions): Promise<OperationResult>

  /** @throws COORDINATION_NO_NODE, COORDINATION_BAD_VERSION, COORDINATION_UNAVAILABLE */
  set(path: string, bytes: Uint8Array, version?: number): Promise<NodeStat>

  /** @throws COORDINATION_NO_NODE, COORDINATION_BAD_VERSION, COORDINATION_NOT_EMPTY, COORDINATION_UNAVAILABLE */
  remove(path: string, version?: number): Promise<void>

  /** All of it or nothing. @throws the error of the first operation that fails; its place is `details.operation` */
  multi(operations: readonly CoordinationOperation[]): Promise<readonly OperationResult[]>

  /** Calls `listener` after each change, in their order, before the session can read what came of it. Set it first, then read. */
  watch(path: string, scope: WatchScope, listener: (event: WatchEvent) => void, options?: WatchOptions): Promise<Cancel>

  /** Called once if the session ends other than by `close`: its ephemeral nodes are gone, or will be. */
  onExpired(listener: () => void): Cancel

  /** Ends the session; its ephemeral nodes are gone when this resolves. */
  close(): Promise<void>
}
