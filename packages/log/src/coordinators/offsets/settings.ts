/** How committed offsets are kept. */
export interface OffsetSettings {
  /** `offset.metadata.max.bytes`. As in Kafka its characters are counted. */
  readonly metadataMaxBytes: number
  /** `offsets.retention.minutes`, in milliseconds. */
  readonly retentionMs: number
  /** `offsets.retention.check.interval.ms`. */
  readonly retentionCheckIntervalMs: number
}
