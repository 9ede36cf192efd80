import type { Disk } from '@millrace/core'
import { readIfPresent, writeAtomically } from './atomic-file.ts'
import { formatCheckpoint, parseCheckpoint, parseCheckpointNumber } from './text-checkpoint.ts'

/** The checkpoints of a log directory: an offset for each of its partitions. */
export const offsetCheckpointNames = {
  /** Up to where each log is known to be synced. */
  recoveryPoint: 'recovery-point-offset-checkpoint',
  /** High watermarks. */
  highWatermark: 'replication-offset-checkpoint',
  /** Log start offsets that lie above the first segment's base offset (records deleted by request). */
  logStart: 'log-start-offset-checkpoint',
  /** Up to where each log has been compacted. */
  cleaner: 'cleaner-offset-checkpoint',
} as const

/** Offsets by the name of the partition's folder (`topic-partition`). */
export type OffsetsByPartition = ReadonlyMap<string, number>

export async function writeOffsetCheckpoint(disk: Disk, path: string, offsets: OffsetsByPartition): Promise<void> {
  const lines = Array.from(offsets, ([name, offset]) => {
    const dash = name.lastIndexOf('-')
    return `${name.slice(0, dash)} ${name.slice(dash + 1)} ${offset}`
  })
  await writeAtomically(disk, path, formatCheckpoint(lines))
}

/** Empty if there is no such file. @throws `STORAGE_CORRUPT` */
export async function readOffsetCheckpoint(disk: Disk, path: string): Promise<Map<string, number>> {
  const bytes = await readIfPresent(disk, path)
  if (bytes === undefined) return new Map()
  return new Map(
    parseCheckpoint(bytes, path, 3).map(([topic, partition, offset]) => [`${topic}-${partition}`, parseCheckpointNumber(offset!, path)]),
  )
}
