import type { Cancel } from '../io/clock.ts'
import type {
  CoordinationNode,
  CoordinationOperation,
  CoordinationSession,
  CreateOptions,
  NodeStat,
  OperationResult,
  WatchEvent,
  WatchOptions,
  WatchScope,
} from './coordination.ts'
import { coordinationError } from './errors.ts'

/** What a session asks of the tree it belongs to. */
export interface SessionHost {
  get(path: string): CoordinationNode | undefined
  children(path: string): readonly string[] | undefined
  multi(session: string, operations: readonly CoordinationOperation[]): Promise<readonly OperationResult[]>
  watch(session: string, path: string, scope: WatchScope, listener: (event: WatchEvent) => void, isOnce: boolean): Cancel
  end(session: string): Promise<void>
}

export class EmbeddedSession implements CoordinationSession {
  readonly id: string
  readonly #host: SessionHost
  readonly #expiredListeners = new Set<() => void>()
  #isExpired = false

  constructor(id: string, host: SessionHost) {
    this.id = id
    this.#host = host
  }

  get isExpired(): boolean {
    return this.#isExpired
  }

  async get(path: string): Promise<CoordinationNode | undefined> {
    this.#check()
    return this.#host.get(path)
  }

  async children(path: string): Promise<readonly string[] | undefined> {
    this.#check()
    return this.#host.children(path)
  }

  async create(path: string, bytes: Uint8Array, options: CreateOptions = {}): Promise<OperationResult> {
    const [result] = await this.multi([{ kind: 'create', path, bytes, ...options }])
    return result!
  }

  async set(path: string, bytes: Uint8Array, version = -1): Promise<NodeStat> {
    const [result] = await this.multi([{ kind: 'set', path, bytes, version }])
    return result!.stat!
  }

  async remove(path: string, version = -1): Promise<void> {
    await this.multi([{ kind: 'remove', path, version }])
  }

  async multi(operations: readonly CoordinationOperation[]): Promise<readonly OperationResult[]> {
    this.#check()
    return await this.#host.multi(this.id, operations)
  }

  async watch(
    path: string,
    scope: WatchScope,
    listener: (event: WatchEvent) => void,
    { once = false }: WatchOptions = {},
  ): Promise<Cancel> {
    this.#check()
    return this.#host.watch(this.id, path, scope, listener, once)
  }

  onExpired(listener: () => void): Cancel {
    this.#expiredListeners.add(listener)
    return () => void this.#expiredListeners.delete(listener)
  }

  async close(): Promise<void> {
    if (this.#isExpired) return
    this.#isExpired = true
    await this.#host.end(this.id)
  }

  /** @internal Its host has ended it. */
  expired(): void {
    if (this.#isExpired) return
    this.#isExpired = true
    for (const listener of this.#expiredListeners) listener()
  }

  #check(): void {
    if (this.#isExpired) throw coordinationError('COORDINATION_SESSION_EXPIRED', { session: this.id })
  }
}
