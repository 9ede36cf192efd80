import type { LogConfig } from '../config.ts'
import { RELATIVE_OFFSET_MAX } from '../index/offset-index.ts'

/** What is known when an append is about to go into the active segment. */
export interface RollFacts {
  readonly config: LogConfig
  readonly jitterMs: number
  readonly nowMs: number
  readonly segment: {
    readonly baseOffset: number
    readonly createdMs: number
    readonly firstBatchTimestamp: number | undefined
    readonly isIndexFull: boolean
  }
  /** Of the segment with all that is already on its way into it. */
  readonly sizeBytes: number
  readonly append: { readonly sizeBytes: number; readonly maxTimestamp: number; readonly lastOffset: number }
}

export type RollReason = 'size' | 'time' | 'index-full' | 'offset-overflow'

/** Why the append must go into a new segment; undefined if the active one takes it. */
export function rollReason({ config, jitterMs, nowMs, segment, sizeBytes, append }: RollFacts): RollReason | undefined {
  if (append.lastOffset - segment.baseOffset > RELATIVE_OFFSET_MAX) return 'offset-overflow'
  if (sizeBytes === 0) return undefined
  if (sizeBytes > config.segmentBytes - append.sizeBytes) return 'size'
  if (segment.isIndexFull) return 'index-full'
  const { firstBatchTimestamp } = segment
  const isOnRecordTime = firstBatchTimestamp !== undefined && firstBatchTimestamp >= 0
  const waitedMs = isOnRecordTime ? append.maxTimestamp - firstBatchTimestamp : nowMs - segment.createdMs
  return waitedMs > config.segmentMs - jitterMs ? 'time' : undefined
}
