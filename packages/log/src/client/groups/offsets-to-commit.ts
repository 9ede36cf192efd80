/** What to commit of a partition: `offset` is that of the next record to read, `leaderEpoch` that of the record before, `metadata` any text (empty by default). */
export interface OffsetToCommit {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly leaderEpoch?: number
  readonly metadata?: string
}

interface TopicToCommit {
  readonly name: string
  readonly partitions: readonly {
    readonly partitionIndex: number
    readonly committedOffset: number
    readonly committedLeaderEpoch: number
    readonly committedMetadata: string
  }[]
}

/** As requests of OffsetCommit and TxnOffsetCommit have them. */
export function topicsToCommit(offsets: readonly OffsetToCommit[]): readonly TopicToCommit[] {
  return [...Map.groupBy(offsets, ({ topic }) => topic)].map(([name, list]) => ({
    name,
    partitions: list.map(({ partition, offset, leaderEpoch, metadata }) => ({
      partitionIndex: partition,
      committedOffset: offset,
      committedLeaderEpoch: leaderEpoch ?? -1,
      committedMetadata: metadata ?? '',
    })),
  }))
}
