/** Which of the oldest segments go, and taking them away. */
import type { LogConfig } from '../config.ts'
import type { Segment } from '../segment/segment.ts'
import type { LogState } from './log-state.ts'

export interface RetentionFacts {
  readonly config: Pick<LogConfig, 'cleanupDelete' | 'retentionMs' | 'retentionBytes'>
  readonly nowMs: number
  readonly logStartOffset: number
  readonly highWatermark: number
  /** By how much the log is larger than `retention.bytes`. */
  readonly excessBytes: number
  /** The oldest segment. */
  readonly segment: {
    readonly sizeBytes: number
    readonly nextOffset: number
    /** -1 if no record has one: then the time of the file counts. */
    readonly largestTimestamp: number
    readonly createdMs: number
  }
}

/** Why a segment went: below the log's start, `retention.ms`, or `retention.bytes`. */
export type RetentionReason = 'start-offset' | 'time' | 'size'

/**
 * Why the oldest segment may go; undefined if it stays.
 *
 * Only what is replicated goes: below the log's start always; else, unless the log is only compacted, what is too old by its
 * records' time, and what leaves enough behind.
 */
export function expiryReason({
  config,
  nowMs,
  logStartOffset,
  highWatermark,
  excessBytes,
  segment,
}: RetentionFacts): RetentionReason | undefined {
  if (segment.nextOffset > highWatermark || segment.sizeBytes === 0) return undefined
  if (segment.nextOffset <= logStartOffset) return 'start-offset'
  if (!config.cleanupDelete) return undefined
  const time = segment.largestTimestamp >= 0 ? segment.largestTimestamp : segment.createdMs
  if (config.retentionMs >= 0 && nowMs - time > config.retentionMs) return 'time'
  return config.retentionBytes >= 0 && excessBytes >= segment.sizeBytes ? 'size' : undefined
}

/** A segment that retention has removed. */
export interface Removed {
  readonly baseOffset: number
  readonly sizeBytes: number
  readonly reason: RetentionReason
}

/** Takes away the segments that may go, oldest first and each durably, so that a crash leaves no hole. Only in the lane, holding `syncing`. */
export async function removeExpired(state: LogState, roll: () => Promise<void>, flush: () => Promise<void>): Promise<Removed[]> {
  const removed: Removed[] = []
  for (;;) {
    const [oldest] = state.segments
    const reason = await reasonFor(state, oldest!)
    if (reason === undefined) return removed
    if (oldest === state.active) await roll()
    // What the records that go tell of producers must be in the snapshot behind them.
    if (state.pendingSnapshots.has(state.segments[1]!.baseOffset)) await flush()
    state.segments = state.segments.slice(1)
    raiseLogStart(state, state.segments[0]!.baseOffset)
    await state.discard(oldest!)
    removed.push({ baseOffset: oldest!.baseOffset, sizeBytes: oldest!.sizeBytes, reason })
  }
}

/** Moves the log's start forward; never back. */
export function raiseLogStart(state: LogState, offset: number): void {
  if (offset <= state.logStartOffset) return
  state.logStartOffset = offset
  state.highWatermark = Math.max(state.highWatermark, offset)
  state.epochs.truncateFromStart(offset)
}

async function reasonFor(state: LogState, segment: Segment): Promise<RetentionReason | undefined> {
  const { config, logStartOffset, highWatermark } = state
  if (segment.sizeBytes === 0) return undefined
  const { timestamp } = config.cleanupDelete && config.retentionMs >= 0 ? await segment.largestTimestamp() : { timestamp: -1 }
  return expiryReason({
    config,
    nowMs: state.host.clock.now(),
    logStartOffset,
    highWatermark,
    excessBytes: state.sizeBytes - config.retentionBytes,
    segment: { sizeBytes: segment.sizeBytes, nextOffset: segment.nextOffset, largestTimestamp: timestamp, createdMs: segment.createdMs },
  })
}
