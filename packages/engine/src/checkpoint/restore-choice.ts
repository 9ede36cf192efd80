/** Which of its own checkpoints a job starts from, wherever they are kept. */
import type { MillraceError } from '@millrace/core'
import { engineError } from '../errors.ts'
import type { CheckpointMetadata } from './metadata/metadata.ts'
import type { Damage, DamagedCheckpoint, ResolveOptions, RestoreResolution } from './storage.ts'

/** What there is where the metadata of a checkpoint should be. */
export type FoundMetadata =
  | { readonly kind: 'complete'; readonly metadata: CheckpointMetadata }
  /** A start has gone on from another one. Its metadata, where they can be read. */
  | { readonly kind: 'given-up'; readonly metadata: CheckpointMetadata | undefined }
  /** Nothing, or half of it. */
  | { readonly kind: 'incomplete' }
  | ({ readonly kind: 'damaged' } & Damage)
  /** Of a newer release: good, but not for this one. */
  | ({ readonly kind: 'unknown-format'; readonly cause: MillraceError } & Damage)

/** How the checkpoints of a place are looked at. */
export interface RestoreCandidates {
  /** Of all of them. */
  readonly place: string
  pathOf(checkpointId: number): string
  read(checkpointId: number): Promise<FoundMetadata>
  /** What is wrong with the state files, if anything is. */
  findDamage(metadata: CheckpointMetadata): Promise<Damage | undefined>
}

/**
 * The newest that is whole. What is damaged is passed over and reported; what was given up had its report then.
 * @throws CHECKPOINT_ALL_DAMAGED where there are some and none is whole; CHECKPOINT_FORMAT_UNKNOWN rather than falling back behind a newer release
 */
export async function chooseLatest(
  newestFirst: readonly number[],
  candidates: RestoreCandidates,
  { damaged: unreadable = new Map(), before = Infinity }: ResolveOptions = {},
): Promise<RestoreResolution> {
  const ids = newestFirst.filter((id) => id < before)
  const damaged: DamagedCheckpoint[] = []
  let newest: DamagedCheckpoint | undefined
  let count = 0
  for (const checkpointId of ids) {
    const path = candidates.pathOf(checkpointId)
    const known = unreadable.get(checkpointId)
    const found = known === undefined ? await candidates.read(checkpointId) : { kind: 'damaged' as const, ...known }
    if (found.kind === 'incomplete') continue
    count++
    if (found.kind === 'given-up') continue
    if (found.kind === 'unknown-format') throw found.cause
    const damage = found.kind === 'damaged' ? found : await candidates.findDamage(found.metadata)
    if (found.kind === 'complete' && damage === undefined) return { checkpoint: { metadata: found.metadata, path, own: true }, damaged }
    const { problem, cause } = damage!
    newest ??= { checkpointId, path, problem, cause }
    if (known === undefined) damaged.push({ checkpointId, path, problem, cause })
  }
  if (count === 0) return { checkpoint: undefined, damaged }
  throw allDamaged(candidates.place, count, newest)
}

/** `newest`: of those that are damaged; undefined: all were given up. */
export function allDamaged(path: string, count: number, newest: DamagedCheckpoint | undefined): MillraceError {
  const problem = newest === undefined ? 'a former start has gone on without them' : `${newest.path}: ${newest.problem}`
  return engineError('CHECKPOINT_ALL_DAMAGED', { count, path, problem }, newest?.cause)
}
