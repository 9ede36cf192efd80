import type { Disk } from '@millrace/core'
import { readIfPresent, replaceFile } from './atomic-file.ts'
import { formatCheckpoint, parseCheckpoint, parseCheckpointNumber } from './text-checkpoint.ts'

/** The first offset written under a leader epoch. */
export interface EpochStart {
  readonly epoch: number
  readonly startOffset: number
}

export const leaderEpochCheckpointName = 'leader-epoch-checkpoint'

/** The name is durable after the folder's own sync. */
export async function writeLeaderEpochCheckpoint(disk: Disk, path: string, starts: readonly EpochStart[]): Promise<void> {
  await replaceFile(disk, path, formatCheckpoint(starts.map(({ epoch, startOffset }) => `${epoch} ${startOffset}`)))
}

/** In the order of the file; empty if there is none. @throws `STORAGE_CORRUPT` */
export async function readLeaderEpochCheckpoint(disk: Disk, path: string): Promise<EpochStart[]> {
  const bytes = await readIfPresent(disk, path)
  if (bytes === undefined) return []
  return parseCheckpoint(bytes, path, 2).map(([epoch, startOffset]) => ({
    epoch: parseCheckpointNumber(epoch!, path),
    startOffset: parseCheckpointNumber(startOffset!, path),
  }))
}
