import type { Cancel } from '@millrace/core'
import { compactDue } from '../cleaner/cleaner.ts'
import type { PartitionLog } from '../partition/partition-log.ts'
import type { LogDirectory } from './log-directory.ts'

/** How often a directory's logs are looked after; Kafka's broker configurations by name, and its defaults. */
export interface MaintenanceOptions {
  /** `log.retention.check.interval.ms`: 300,000 */
  readonly retentionCheckIntervalMs?: number
  /** `log.flush.offset.checkpoint.interval.ms`: 60,000 */
  readonly recoveryPointCheckpointIntervalMs?: number
  /** `log.flush.start.offset.checkpoint.interval.ms`: 60,000 */
  readonly logStartCheckpointIntervalMs?: number
  /** `replica.high.watermark.checkpoint.interval.ms`: 5,000 */
  readonly highWatermarkCheckpointIntervalMs?: number
  /** `producer.id.expiration.check.interval.ms`: 600,000 */
  readonly producerExpirationCheckIntervalMs?: number
  /** `log.cleaner.backoff.ms`, between looks for a log to compact: 15,000 */
  readonly cleanerBackoffMs?: number
  /** `log.cleaner.dedupe.buffer.size`, memory for the keys of one compaction: 134,217,728 */
  readonly cleanerMapBytesMax?: number
  /** `log.cleaner.enable`: true */
  readonly isCleaning?: boolean
}

/**
 * Looks after the logs of a directory: retention, compaction, checkpoints, silent producers. Ends with the directory's trust, or
 * by calling the result, which resolves when nothing of it is under way any longer.
 *
 * 1. A duty is done again only its interval after it was done; a failure is noted and does not end it.
 */
export function maintain(directory: LogDirectory, options: MaintenanceOptions = {}): () => Promise<void> {
  const mapBytesMax = options.cleanerMapBytesMax ?? 134_217_728
  const stops = [
    repeat(directory, options.retentionCheckIntervalMs ?? 300_000, () => retainAll(directory)),
    repeat(directory, options.recoveryPointCheckpointIntervalMs ?? 60_000, () => directory.checkpointRecoveryPoints()),
    repeat(directory, options.logStartCheckpointIntervalMs ?? 60_000, () => directory.checkpointLogStarts()),
    repeat(directory, options.highWatermarkCheckpointIntervalMs ?? 5_000, () => directory.checkpointHighWatermarks()),
    repeat(directory, options.producerExpirationCheckIntervalMs ?? 600_000, async () => {
      for (const log of directory.logs()) log.expireProducers()
    }),
    repeat(directory, options.cleanerBackoffMs ?? 15_000, async (isStopped) => {
      if (options.isCleaning === false) return
      const failed = new Set<PartitionLog>()
      while (directory.offline === undefined && !isStopped() && (await compactDue(directory, mapBytesMax, isStopped, failed)) > 0);
    }),
  ]
  return async () => void (await Promise.all(stops.map((stop) => stop())))
}

/** A log that cannot do without a write, on a full disk, does not keep the others from making room. */
async function retainAll(directory: LogDirectory): Promise<void> {
  for (const log of directory.logs()) {
    await log.applyRetention().catch((error: unknown) => {
      if (!log.isClosed) directory.failedInBackground(error, log.directory)
    })
  }
}

function repeat(directory: LogDirectory, intervalMs: number, duty: (isStopped: () => boolean) => Promise<void>): () => Promise<void> {
  let isStopped = false
  let cancel: Cancel = () => undefined
  let underWay: Promise<void> = Promise.resolve()
  const arm = (): void => {
    if (isStopped || directory.offline !== undefined) return
    cancel = directory.clock.after(intervalMs, () => {
      underWay = duty(() => isStopped)
        .catch((error: unknown) => directory.failedInBackground(error, directory.path))
        .then(arm)
    })
  }
  arm()
  return () => {
    isStopped = true
    cancel()
    return underWay
  }
}
