/** How a partition's log is kept: Kafka's topic configurations, by their names in camel case. */
export interface LogConfig {
  /** `segment.bytes` */
  readonly segmentBytes: number
  /** `segment.ms`, measured on the records' time */
  readonly segmentMs: number
  /** `segment.jitter.ms` */
  readonly segmentJitterMs: number
  /** `segment.index.bytes` */
  readonly segmentIndexBytes: number
  /** `index.interval.bytes` */
  readonly indexIntervalBytes: number
  /** `retention.bytes`; -1: no limit */
  readonly retentionBytes: number
  /** `retention.ms`; -1: no limit */
  readonly retentionMs: number
  /** `cleanup.policy` has `delete` */
  readonly cleanupDelete: boolean
  /** `cleanup.policy` has `compact` */
  readonly cleanupCompact: boolean
  /** `delete.retention.ms`: how long tombstones and transaction markers stay after they were first compacted */
  readonly deleteRetentionMs: number
  /** `min.compaction.lag.ms` */
  readonly minCompactionLagMs: number
  /** `max.compaction.lag.ms` */
  readonly maxCompactionLagMs: number
  /** `min.cleanable.dirty.ratio` */
  readonly minCleanableDirtyRatio: number
  /** `file.delete.delay.ms` */
  readonly fileDeleteDelayMs: number
  /** `flush.messages`: syncs after so many records */
  readonly flushMessages: number
  /** `flush.ms`: syncs at the latest so long after a record was written */
  readonly flushMs: number
  /** Acknowledges an append only after it has been synced (ours, not Kafka's). */
  readonly durable: boolean
  /** `producer.id.expiration.ms`: forgets a producer that has been silent for so long */
  readonly producerIdExpirationMs: number
}

/** Kafka's defaults. */
export const defaultLogConfig: LogConfig = {
  segmentBytes: 1_073_741_824,
  segmentMs: 604_800_000,
  segmentJitterMs: 0,
  segmentIndexBytes: 10_485_760,
  indexIntervalBytes: 4_096,
  retentionBytes: -1,
  retentionMs: 604_800_000,
  cleanupDelete: true,
  cleanupCompact: false,
  deleteRetentionMs: 86_400_000,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  minCleanableDirtyRatio: 0.5,
  fileDeleteDelayMs: 60_000,
  flushMessages: Number.MAX_SAFE_INTEGER,
  flushMs: Number.MAX_SAFE_INTEGER,
  durable: false,
  producerIdExpirationMs: 86_400_000,
}
