import type { LogDirectory } from '../directory/log-directory.ts'
import type { PartitionLog } from '../partition/partition-log.ts'
import { compactLog, type CompactionResult } from './compaction.ts'
import { cleanable, type Cleanable } from './cleanable.ts'

/** What may and should be compacted of a log now. */
export async function cleanableOf(directory: LogDirectory, log: PartitionLog): Promise<Cleanable> {
  const { state } = log
  const sealed = []
  for (const segment of state.segments.slice(0, -1)) {
    const unpin = segment.pin()
    try {
      const { baseOffset, nextOffset, sizeBytes } = segment
      const { timestamp: largestTimestamp } = await segment.largestTimestamp()
      sealed.push({ baseOffset, nextOffset, sizeBytes, largestTimestamp, firstTimestamp: await segment.firstTimestamp() })
    } finally {
      unpin()
    }
  }
  return cleanable({
    config: log.config,
    nowMs: state.host.clock.now(),
    logStartOffset: log.logStartOffset,
    cleanedUpTo: directory.cleanedUpTo(log),
    lastStableOffset: log.lastStableOffset,
    sealed,
  })
}

/**
 * Compacts the log of the directory that needs it most; undefined if none does, or it got nowhere.
 *
 * `mapBytesMax` bounds the memory for its keys (24 bytes a slot, three quarters of which are used): a log with more keys is
 * compacted a part at a time. @throws as the log's operations; a failure leaves the log as it was, or half compacted, which is the same to readers
 */
export async function compactDirtiest(
  directory: LogDirectory,
  mapBytesMax: number,
): Promise<{ readonly log: PartitionLog; readonly result: CompactionResult } | undefined> {
  let dirtiest: { readonly log: PartitionLog; readonly range: Cleanable } | undefined
  for (const log of directory.logs()) {
    if (!log.config.cleanupCompact) continue
    const range = await cleanableOf(directory, log)
    if (range.isDue && range.dirtyRatio > (dirtiest?.range.dirtyRatio ?? -1)) dirtiest = { log, range }
  }
  if (dirtiest === undefined) return undefined
  const { log, range } = dirtiest
  const result = await compactLog(log, range, mapBytesMax)
  await directory.checkpointCleaned(log, result.cleanedUpTo)
  // Without headway the next look would only bring the same.
  return result.cleanedUpTo > range.firstDirtyOffset ? { log, result } : undefined
}
