import { maintain, type LogDirectory } from '../storage/index.ts'
import type { BrokerConfig } from './config/index.ts'

/** Looks after the logs of a directory, one of so many, as the broker is configured to. Gives how it is stopped. */
export function maintainAsConfigured(directory: LogDirectory, config: BrokerConfig, directoryCount: number): () => Promise<void> {
  return maintain(directory, {
    retentionCheckIntervalMs: config.get('log.retention.check.interval.ms'),
    recoveryPointCheckpointIntervalMs: config.get('log.flush.offset.checkpoint.interval.ms'),
    logStartCheckpointIntervalMs: config.get('log.flush.start.offset.checkpoint.interval.ms'),
    highWatermarkCheckpointIntervalMs: config.get('replica.high.watermark.checkpoint.interval.ms'),
    producerExpirationCheckIntervalMs: config.get('producer.id.expiration.check.interval.ms'),
    cleanerBackoffMs: config.get('log.cleaner.backoff.ms'),
    cleanerMapBytesMax: Math.floor(config.get('log.cleaner.dedupe.buffer.size') / directoryCount),
    isCleaning: config.get('log.cleaner.enable'),
  })
}
