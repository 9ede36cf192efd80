/** Look-ups by time, to the exact record. */
import { records, type LogRecord } from '../../records/record.ts'
import type { BatchView } from '../../records/batch.ts'
import type { Segment } from '../segment/segment.ts'
import { logError } from '../../errors.ts'
import type { LogState } from './log-state.ts'

/** The record that a look-up by time has found. */
export interface FoundTimestamp {
  readonly offset: number
  readonly timestamp: number
  /** Of the leader that wrote it; -1 if it is not known. */
  readonly leaderEpoch: number
}

/** The first record at `startOffset` or above whose timestamp is `timestamp` or later; undefined if there is none. */
export async function findTimestamp(state: LogState, timestamp: number): Promise<FoundTimestamp | undefined> {
  for (const segment of state.segments) {
    const found = await pinned(segment, async () => {
      if (segment.sizeBytes === 0 || (await segment.largestTimestamp()).timestamp < timestamp) return undefined
      const { offset } = (await segment.currentIndexes()).times.lookup(timestamp - 1)
      const from = Math.max(offset, state.logStartOffset)
      return await findRecord(segment, from, (record) => record.timestamp >= timestamp && record.offset >= state.logStartOffset, timestamp)
    })
    if (found !== undefined) return found
  }
  return undefined
}

/** The first record with the largest timestamp of the log; undefined for a log without timestamps. */
export async function findMaxTimestamp(state: LogState): Promise<FoundTimestamp | undefined> {
  let largest: { readonly segment: Segment; readonly timestamp: number } | undefined
  for (const segment of state.segments) {
    const { timestamp } = await pinned(segment, () => segment.largestTimestamp())
    if (timestamp >= 0 && (largest === undefined || timestamp > largest.timestamp)) largest = { segment, timestamp }
  }
  if (largest === undefined) return undefined
  const { segment, timestamp } = largest
  return await pinned(segment, () => findRecord(segment, segment.baseOffset, (record) => record.timestamp >= timestamp, timestamp))
}

/** The first record that fits, in a batch from the one that holds `from` on whose largest timestamp is `batchTimestampMin` or later. */
async function findRecord(
  segment: Segment,
  from: number,
  fits: (record: LogRecord) => boolean,
  batchTimestampMin: number,
): Promise<FoundTimestamp | undefined> {
  const { position } = (await segment.currentIndexes()).offsets.lookup(from)
  const scanner = segment.scan(position, segment.sizeBytes, 65_536)
  for (let header = await scanner.next(); header !== undefined; header = await scanner.next()) {
    if (header.maxTimestamp < batchTimestampMin || header.lastOffset < from) continue
    const batch = await scanner.whole(header)
    const found = batch === undefined ? undefined : findInBatch(batch, fits)
    if (found !== undefined) return found
  }
  if (scanner.stop !== 'end') throw logError('STORAGE_CORRUPT', { path: segment.path('log'), problem: scanner.problem })
  return undefined
}

function findInBatch(batch: BatchView, fits: (record: LogRecord) => boolean): FoundTimestamp | undefined {
  for (const record of records(batch)) {
    if (fits(record)) return { offset: record.offset, timestamp: record.timestamp, leaderEpoch: batch.partitionLeaderEpoch }
  }
  return undefined
}

async function pinned<T>(segment: Segment, work: () => Promise<T>): Promise<T> {
  const unpin = segment.pin()
  try {
    return await work()
  } finally {
    unpin()
  }
}
