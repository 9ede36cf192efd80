/**
 * Coordination inside one process, kept in a folder.
 *
 * 1. Changes are decided and written one batch after the other; what a batch changes is seen only when it is durable.
 * 2. Watches hear of a change after it is seen and before its promise resolves.
 * 3. Sessions do not outlive the process: ephemeral nodes of former ones are gone when it is open.
 * 4. Transaction ids never repeat, over restarts and replacements of the journal.
 */
import type { Cancel } from '../io/clock.ts'
import type { Disk } from '../io/disk.ts'
import type {
  Coordination,
  CoordinationNode,
  CoordinationOperation,
  CoordinationSession,
  OperationResult,
  WatchEvent,
  WatchScope,
} from './coordination.ts'
import { applyAll, Draft, statOf, type Outcome, type TreeNode } from './draft.ts'
import { EmbeddedSession } from './embedded-session.ts'
import { coordinationError } from './errors.ts'
import { Journal } from './journal.ts'
import { checkPath } from './paths.ts'
import { Tree } from './tree.ts'
import { Watches } from './watches.ts'

/** Where a tree is kept, and how often its journal is written anew. */
export interface EmbeddedCoordinationOptions {
  /** Changes are synced to it before they are seen. */
  readonly disk: Disk
  /** Where the journal is; must be there. One process at a time may have it. */
  readonly folder: string
  /** Appended bytes after which the journal is replaced, if they are also more than what it holds; 1 MiB by default. */
  readonly journalSlackBytes?: number
}

interface Command {
  readonly session: string
  /** Given when its turn comes: it may depend on what is there by then. */
  readonly operations: () => readonly CoordinationOperation[]
  /** Decided over committed state only: no other command in its batch. */
  readonly isAlone: boolean
  resolve(results: readonly OperationResult[]): void
  reject(error: unknown): void
}

const BATCH_COMMANDS_MAX = 1000

/** `Coordination` for the sessions of one process. `open` reads what is there. */
export class EmbeddedCoordination implements Coordination {
  readonly #journal: Journal
  readonly #tree: Tree
  readonly #watches = new Watches()
  readonly #sessions = new Map<string, EmbeddedSession>()
  readonly #slackBytes: number
  readonly #sessionPrefix: string
  #queue: Command[] = []
  #writing: Promise<void> | undefined
  #transactionId: number
  #sessionCount = 0
  #isClosed = false

  private constructor(journal: Journal, tree: Tree, transactionId: number, slackBytes: number) {
    this.#journal = journal
    this.#tree = tree
    this.#transactionId = transactionId
    this.#slackBytes = slackBytes
    this.#sessionPrefix = transactionId.toString(16)
  }

  /** @throws COORDINATION_CORRUPT, COORDINATION_UNAVAILABLE, DiskError */
  static async open({ disk, folder, journalSlackBytes = 1024 * 1024 }: EmbeddedCoordinationOptions): Promise<EmbeddedCoordination> {
    const { journal, entries } = await Journal.open(disk, folder)
    const tree = new Tree()
    let transactionId = 0
    for (const entry of entries) {
      tree.apply(entry.changes)
      transactionId = Math.max(transactionId, entry.transactionId)
    }
    const coordination = new EmbeddedCoordination(journal, tree, transactionId, journalSlackBytes)
    // Also without anything to remove: a session's id is never given twice.
    await coordination.#submit('', () => removals(tree.ephemerals()), true)
    return coordination
  }

  connect(): Promise<CoordinationSession> {
    if (this.#isClosed) return Promise.reject(closed())
    const session = new EmbeddedSession(`${this.#sessionPrefix}-${++this.#sessionCount}`, this)
    this.#sessions.set(session.id, session)
    return Promise.resolve(session)
  }

  /** Ends a session as if its process were gone: its ephemeral nodes are removed, and it hears of it. */
  async expire(session: CoordinationSession): Promise<void> {
    const found = this.#sessions.get(session.id)
    if (found === undefined) return
    await this.end(session.id)
    found.expired()
  }

  /** Waits for what is under way and closes the journal. Ephemeral nodes go at the next start. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    while (this.#writing !== undefined) await this.#writing
    for (const id of this.#sessions.keys()) this.#watches.removeSession(id)
    await this.#journal.close()
  }

  /** @internal For its sessions. */
  get(path: string): CoordinationNode | undefined {
    checkPath(path)
    const node = this.#tree.get(path)
    return node && { bytes: node.bytes, stat: statOf(node) }
  }

  /** @internal For its sessions. */
  children(path: string): readonly string[] | undefined {
    checkPath(path)
    return this.#tree.children(path)
  }

  /** @internal For its sessions. */
  multi(session: string, operations: readonly CoordinationOperation[]): Promise<readonly OperationResult[]> {
    return this.#submit(session, () => operations, false)
  }

  /** @internal For its sessions. */
  watch(session: string, path: string, scope: WatchScope, listener: (event: WatchEvent) => void, isOnce: boolean): Cancel {
    checkPath(path)
    return this.#watches.add(path, scope, { session, listener, isOnce })
  }

  /** @internal For its sessions. */
  async end(session: string): Promise<void> {
    if (!this.#sessions.delete(session)) return
    this.#watches.removeSession(session)
    await this.#submit(session, () => removals(this.#tree.ephemerals(session)), true)
  }

  #submit(session: string, operations: Command['operations'], isAlone: boolean): Promise<readonly OperationResult[]> {
    if (this.#isClosed) return Promise.reject(closed())
    const { promise, resolve, reject } = Promise.withResolvers<readonly OperationResult[]>()
    this.#queue.push({ session, operations, isAlone, resolve, reject })
    this.#writing ??= this.#write()
    return promise
  }

  async #write(): Promise<void> {
    // What is asked for in the same turn goes into one batch.
    await Promise.resolve()
    while (this.#queue.length > 0) await this.#commit(this.#takeBatch())
    this.#writing = undefined
  }

  #takeBatch(): Command[] {
    const alone = this.#queue.findIndex(({ isAlone }) => isAlone)
    const count = alone === 0 ? 1 : Math.min(alone < 0 ? this.#queue.length : alone, BATCH_COMMANDS_MAX)
    return this.#queue.splice(0, count)
  }

  async #commit(batch: readonly Command[]): Promise<void> {
    const draft = new Draft(this.#tree)
    const done: (readonly [Command, Outcome])[] = []
    for (const command of batch) {
      const attempt = new Draft(draft)
      try {
        if (this.#isEnded(command)) throw coordinationError('COORDINATION_SESSION_EXPIRED', { session: command.session })
        const outcome = applyAll(attempt, command.operations(), { id: this.#transactionId + 1, session: command.session })
        this.#transactionId++
        attempt.mergeInto(draft)
        done.push([command, outcome])
      } catch (error) {
        command.reject(error)
      }
    }
    if (done.length === 0) return
    try {
      await this.#save(draft)
    } catch (error) {
      for (const [command] of done) command.reject(error)
      return
    }
    this.#tree.apply(draft.changes)
    for (const [, { events }] of done) for (const event of events) this.#watches.tell(event)
    for (const [command, { results }] of done) command.resolve(results)
  }

  /** Whose session has ended meanwhile must not leave an ephemeral node behind. */
  #isEnded({ session, isAlone }: Command): boolean {
    return !isAlone && !this.#sessions.has(session)
  }

  async #save(draft: Draft): Promise<void> {
    const transactionId = this.#transactionId
    const { appendedBytes, sizeBytes } = this.#journal
    const isDue = appendedBytes > Math.max(this.#slackBytes, sizeBytes / 2)
    if (isDue && (await this.#journal.replace({ transactionId, changes: this.#whole(draft) }))) return
    await this.#journal.append({ transactionId, changes: [...draft.changes] })
  }

  /** The tree as the draft makes it. */
  #whole(draft: Draft): [string, TreeNode | undefined][] {
    const kept = [...this.#tree.entries()].filter(([path]) => !draft.changes.has(path))
    return [...kept, ...[...draft.changes].filter(([, node]) => node !== undefined)]
  }
}

function removals(paths: readonly string[]): CoordinationOperation[] {
  return paths.map((path) => ({ kind: 'remove', path }))
}

function closed(): Error {
  return coordinationError('COORDINATION_UNAVAILABLE', { problem: 'it is closed' })
}
