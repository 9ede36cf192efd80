/**
 * A copy in memory of the nodes below a path.
 *
 * 1. It is told of every node once it is open, and of each one that changes: with its bytes, or without any when it has gone.
 * 2. What it tells is never older than what it told before of the same node.
 */
import { childPath, makePath, type Cancel, type CoordinationSession } from '@millrace/core'
import { SerialWork } from './serial-work.ts'

export interface NodeMirrorOptions {
  readonly session: CoordinationSession
  /** Made if it is missing. */
  readonly root: string
  /** Hears of what can no longer be read. */
  readonly onFailure: (error: unknown) => void
}

export class NodeMirror {
  readonly #options: NodeMirrorOptions
  readonly #onNode: (path: string, bytes: Uint8Array | undefined) => void
  readonly #work = new SerialWork()
  #cancel: Cancel = () => undefined

  private constructor(options: NodeMirrorOptions, onNode: (path: string, bytes: Uint8Array | undefined) => void) {
    this.#options = options
    this.#onNode = onNode
  }

  static async open(options: NodeMirrorOptions, onNode: (path: string, bytes: Uint8Array | undefined) => void): Promise<NodeMirror> {
    const mirror = new NodeMirror(options, onNode)
    const { session, root } = options
    await makePath(session, root)
    mirror.#cancel = await session.watch(root, 'tree', ({ path }) => void mirror.refresh(path).catch(options.onFailure))
    await mirror.#walk(root)
    return mirror
  }

  /** Tells of the node as it is now; what changed before this call is told of when it resolves. */
  refresh(path: string): Promise<void> {
    return this.#work.run(async () => this.#onNode(path, (await this.#options.session.get(path))?.bytes))
  }

  close(): void {
    this.#cancel()
  }

  async #walk(path: string): Promise<void> {
    await this.refresh(path)
    for (const name of (await this.#options.session.children(path)) ?? []) await this.#walk(childPath(path, name))
  }
}
