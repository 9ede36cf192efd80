import { MillraceError } from '../errors.ts'
import type { CoordinationSession } from './coordination.ts'
import { pathsDownTo } from './paths.ts'

const NOTHING = new Uint8Array(0)

/** Makes persistent, empty nodes down to `path` where there are none; fine if somebody else does so too. */
export async function makePath(session: CoordinationSession, path: string): Promise<void> {
  for (const each of pathsDownTo(path)) {
    if ((await session.get(each)) !== undefined) continue
    await session.create(each, NOTHING).catch((error: unknown) => {
      if (!(error instanceof MillraceError && error.code === 'COORDINATION_NODE_EXISTS')) throw error
    })
  }
}
