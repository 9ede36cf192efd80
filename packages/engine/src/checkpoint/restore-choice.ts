/** Which of its own checkpoints a job starts from, wherever they are kept. */
import type { MillraceError } from '@millrace/core'
import { engineError } from '../errors.ts'
import type { CheckpointMetadata } from './metadata.ts'
import type { DamagedCheckpoint, ResolveOptions, RestoreResolution } from './storage.ts'

/** What there is where the metadata of a checkpoint should be. */
export type FoundMetadata =
  | { readonly kind: 'complete'; readonly metadata: CheckpointMetadata }
  /** A start has gone on from another one. Its metadata, where they can be read. */
  | { readonly kind: 'given-up'; readonly metadata: CheckpointMetadata | undefined }
  /** Nothing, or half of it. */
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'damaged'; readonly problem: string }
  /** Of a newer release: good, but not for this one. */
  | { readonly kind: 'unknown-format'; readonly problem: string; readonly error: MillraceError }

/** How the checkpoints of a place are looked at. */
export interface RestoreCandidates {
  /** Of all of them. */
  readonly place: string
  pathOf(checkpointId: number): string
  read(checkpointId: number): Promise<FoundMetadata>
  /** What is wrong with the state files, if anything is. */
  findDamage(metadata: CheckpointMetadata): Promise<string | undefined>
}

/**
 * The newest that is whole. What is damaged is passed over and reported; what was given up had its report then.
 * @throws CHECKPOINT_ALL_DAMAGED where there are some and none is whole; CHECKPOINT_FORMAT_UNKNOWN rather than falling back behind a newer release
 */
export async function chooseLatest(
  newestFirst: readonly number[],
  candidates: RestoreCandidates,
  { damaged: unreadable = new Set(), before = Infinity }: ResolveOptions = {},
): Promise<RestoreResolution> {
  const ids = newestFirst.filter((id) => id < before)
  const damaged: DamagedCheckpoint[] = []
  let givenUp = 0
  for (const checkpointId of ids) {
    if (unreadable.has(checkpointId)) continue
    const found = await candidates.read(checkpointId)
    if (found.kind === 'unknown-format') throw found.error
    if (found.kind === 'given-up') givenUp++
    if (found.kind === 'given-up' || found.kind === 'incomplete') continue
    const problem = found.kind === 'damaged' ? found.problem : await candidates.findDamage(found.metadata)
    if (found.kind === 'complete' && problem === undefined)
      return { checkpoint: { metadata: found.metadata, path: candidates.pathOf(checkpointId), own: true }, damaged }
    damaged.push({ checkpointId, path: candidates.pathOf(checkpointId), problem: problem ?? '' })
  }
  const unread = ids.filter((id) => unreadable.has(id)).length
  const count = damaged.length + givenUp + unread
  if (count === 0) return { checkpoint: undefined, damaged }
  const other = unread > 0 ? 'its state cannot be read' : 'a former start has gone on without it'
  throw engineError('CHECKPOINT_ALL_DAMAGED', { count, path: candidates.place, problem: damaged[0]?.problem ?? other })
}
