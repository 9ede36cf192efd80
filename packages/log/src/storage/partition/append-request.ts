import type { BatchView } from '../../records/batch.ts'
import { BatchCursor } from '../../records/batch-cursor.ts'
import { logError } from '../../errors.ts'
import type { AppendOrigin } from '../producers/producer-decisions.ts'
import type { ProducerEntry } from '../producers/producer-entry.ts'

/** On whose behalf batches are appended. */
export interface AppendOptions {
  /** `client` and `coordinator` get offsets and the leader epoch; `replication` brings its own. `client` by default. */
  readonly origin?: AppendOrigin
  /** Of the leader that appends; -1 by default. Of no account for replication. */
  readonly leaderEpoch?: number
  /** Looks at the producer of the first batch where the append gets its place, and refuses it by throwing. Not asked about a repetition. */
  readonly guard?: (producer: ProducerEntry | undefined) => void
}

/** Where batches have come to lie. */
export interface AppendResult {
  readonly firstOffset: number
  readonly lastOffset: number
  /** The largest of the batches'; -1 without one. */
  readonly maxTimestamp: number
  readonly logStartOffset: number
  /** The producer had sent this very batch before: the offsets are those it got then. */
  readonly isDuplicate: boolean
}

/** An append on its way: its batches, found but not placed yet. */
export interface AppendRequest {
  readonly bytes: Uint8Array
  readonly batches: readonly BatchView[]
  readonly origin: AppendOrigin
  readonly leaderEpoch: number
  readonly guard: AppendOptions['guard']
  readonly maxTimestamp: number
  /** Offsets it takes. */
  readonly offsetCount: number
  readonly resolve: (result: AppendResult) => void
  readonly reject: (error: unknown) => void
}

/** @throws `RECORDS_CORRUPT` where the bytes are not whole batches, at least one */
export function prepareAppend(
  bytes: Uint8Array,
  options: AppendOptions,
  resolve: AppendRequest['resolve'],
  reject: AppendRequest['reject'],
): AppendRequest {
  const cursor = new BatchCursor(bytes)
  const batches = [...cursor]
  const { stop } = cursor
  if (stop?.reason !== 'end' || batches.length === 0) {
    const problem = stop?.reason === 'corrupt' ? stop.problem : 'not whole batches'
    throw logError('RECORDS_CORRUPT', { at: cursor.position, problem })
  }
  return {
    bytes,
    batches,
    origin: options.origin ?? 'client',
    leaderEpoch: options.leaderEpoch ?? -1,
    guard: options.guard,
    maxTimestamp: batches.reduce((largest, batch) => Math.max(largest, batch.maxTimestamp), -1),
    offsetCount: batches.reduce((count, batch) => count + batch.lastOffsetDelta + 1, 0),
    resolve,
    reject,
  }
}
