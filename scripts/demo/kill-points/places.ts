// Named moments of a job's life at which a kill test ends it, as they show at its disk and at its store of objects.

export const places = [
  /** A state file of a checkpoint is half written. */
  'upload',
  /** All state is written; what makes it a checkpoint is not there, or is there and nobody knows. */
  'before-commit',
  'after-commit',
  /** A checkpoint that is not kept any more is about to be removed, or is half removed. */
  'before-clean-up',
  'during-clean-up',
  /** The same of a savepoint that somebody has asked for. */
  'savepoint-upload',
  'before-savepoint',
  'after-savepoint',
  /** Output of a complete checkpoint is about to be published; some of it is. */
  'before-publish',
  'after-publish',
] as const

export type Place = (typeof places)[number]

export interface KillPoint {
  readonly place: Place
  /** At the so many-eth time that a thread gets there. */
  readonly times: number
}

export type Operation = 'write' | 'complete' | 'remove'

/**
 * What is happening when something is done to a path of a disk or a key of a store; undefined: nothing that has a name. `complete`: a file gets its name, or an
 * object is put.
 */
export function placeOf(operation: Operation, path: string, when: 'before' | 'after', output: string): Place | undefined {
  const isSavepoint = /\/savepoint-[^/]+\//.test(path)
  if (operation === 'complete' && path.startsWith(`${output}/`)) return when === 'before' ? 'before-publish' : 'after-publish'
  if (path.includes('/local-copies/')) return undefined
  if (operation === 'write' && path.includes('/shared/') && when === 'before') return isSavepoint ? 'savepoint-upload' : 'upload'
  if (!path.endsWith('/_metadata')) return undefined
  if (operation === 'complete') return isSavepoint ? `${when}-savepoint` : `${when}-commit`
  if (operation !== 'remove' || isSavepoint) return undefined
  return when === 'before' ? 'before-clean-up' : 'during-clean-up'
}

export function formatKillPoint({ place, times }: KillPoint): string {
  return `${place}@${times}`
}

/** @throws Error for anything that `formatKillPoint` has not written */
export function parseKillPoint(text: string): KillPoint {
  const [, place, times] = /^([a-z-]+)@(\d+)$/.exec(text) ?? []
  const known = places.find((name) => name === place)
  if (known === undefined) throw new Error(`KILL_POINT is ${text}`)
  return { place: known, times: Number(times) }
}
