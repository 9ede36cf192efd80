import type { LogDirectory } from '../directory/log-directory.ts'
import type { PartitionLog } from '../partition/partition-log.ts'
import { compactLog } from './compaction.ts'
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
 * Compacts the logs of the directory that need it, those first that need it most; gives how many it got somewhere with.
 *
 * What is due is found by one look at all logs: a look before each compaction would grow with the square of their number.
 *
 * `mapBytesMax` bounds the memory for its keys (24 bytes a slot, three quarters of which are used): a log with more keys is
 * compacted a part at a time. A failure is noted with the log's folder and leaves the log as it was, or half compacted, which is the same to readers; the others go on.
 * `failed` holds those that had one, which are passed over: who looks again with the same set does not meet it once more at once.
 */
export async function compactDue(
  directory: LogDirectory,
  mapBytesMax: number,
  isStopped: () => boolean,
  failed: Set<PartitionLog> = new Set(),
): Promise<number> {
  const attempt = async <T>(log: PartitionLog, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work()
    } catch (error) {
      failed.add(log)
      // Its folder may have gone meanwhile.
      if (!log.isClosed) directory.failedInBackground(error, log.directory)
      return undefined
    }
  }
  const due: { readonly log: PartitionLog; readonly dirtyRatio: number }[] = []
  for (const log of directory.logs()) {
    if (!log.config.cleanupCompact || log.segmentCount === 1 || log.isCompactionPaused || failed.has(log)) continue
    const found = await attempt(log, () => cleanableOf(directory, log))
    if (found?.isDue === true) due.push({ log, dirtyRatio: found.dirtyRatio })
  }
  let compacted = 0
  for (const { log } of due.sort((left, right) => right.dirtyRatio - left.dirtyRatio)) {
    if (isStopped()) break
    if ((await attempt(log, () => log.compacting.run(() => compactOne(directory, log, mapBytesMax)))) === true) compacted++
  }
  return compacted
}

/** False where nothing is due any longer, or it got nowhere: the next look would only bring the same. */
async function compactOne(directory: LogDirectory, log: PartitionLog, mapBytesMax: number): Promise<boolean> {
  if (directory.offline !== undefined || log.isClosed || log.isCompactionPaused) return false
  const range = await cleanableOf(directory, log)
  if (!range.isDue) return false
  // A copy of it that nobody can look into now must not seem to have all that was there before (`log-copy.ts`), should a crash keep the end from being noted.
  await directory.checkpointCleaned(log, 0)
  const result = await compactLog(log, range, mapBytesMax)
  await directory.checkpointCleaned(log, result.cleanedUpTo)
  return result.cleanedUpTo > range.firstDirtyOffset
}
