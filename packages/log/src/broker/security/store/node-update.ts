import { makePath, MillraceError, parentPath, type CoordinationSession } from '@millrace/core'

/** Others that change the same node at the same time have it tried again, so often at most. */
const ATTEMPTS_MAX = 100

type NodeChange = (bytes: Uint8Array | undefined) => Uint8Array | undefined

/**
 * Replaces a node's bytes by what `change` makes of them: undefined stands for no node, or an empty one where nodes are below it.
 * Nodes above are made, and stay.
 * @throws what `change` throws, with nothing changed; COORDINATION_*
 */
export async function updateNode(session: CoordinationSession, path: string, make: NodeChange): Promise<void> {
  let change = make
  for (let attempt = 1; ; attempt++) {
    const node = await session.get(path)
    const bytes = change(node?.bytes)
    try {
      if (bytes !== undefined && node !== undefined) await session.set(path, bytes, node.stat.version)
      else if (bytes !== undefined) {
        await makePath(session, parentPath(path))
        await session.create(path, bytes)
      } else if (node !== undefined) await session.remove(path, node.stat.version)
      return
    } catch (error) {
      if (codeOf(error) === 'COORDINATION_NOT_EMPTY') {
        // Nodes below it stay, and so must it.
        change = emptied(change)
        continue
      }
      const isRace = ['COORDINATION_BAD_VERSION', 'COORDINATION_NODE_EXISTS', 'COORDINATION_NO_NODE'].includes(codeOf(error) ?? '')
      if (!isRace || attempt === ATTEMPTS_MAX) throw error
    }
  }
}

function emptied(change: NodeChange): NodeChange {
  return (bytes) => change(bytes) ?? new Uint8Array(0)
}

function codeOf(error: unknown): string | undefined {
  return error instanceof MillraceError ? error.code : undefined
}
