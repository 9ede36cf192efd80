import type { AbortedTransaction } from '../index/transaction-index.ts'
import { SegmentIndexes } from '../segment/segment-indexes.ts'
import type { Segment } from '../segment/segment.ts'
import type { LogState } from './log-state.ts'

/** Bytes read at a time: recovery reads everything, so the calls count. */
const windowBytes = 262_144

/**
 * Looks at every batch of a segment: size, CRC, order of offsets. Builds the indexes, the epochs and the producers' state anew;
 * cuts off what is torn or corrupt, durably. The producers' state is that of the segment's base offset.
 *
 * Gives why it was cut off; undefined if it was not.
 */
export async function recoverSegment(state: LogState, segment: Segment): Promise<string | undefined> {
  const indexes = SegmentIndexes.empty(segment.baseOffset)
  const aborted: AbortedTransaction[] = []
  const scanner = segment.scan(0, segment.sizeBytes, windowBytes)
  let end = 0
  let problem: string | undefined
  segment.nextOffset = segment.baseOffset
  segment.firstBatchTimestamp = undefined
  for (let header = await scanner.next(); header !== undefined; header = await scanner.next()) {
    const batch = await scanner.whole(header)
    if (batch === undefined || !batch.isCrcValid()) problem = 'the CRC does not match'
    else if (batch.baseOffset < segment.nextOffset) problem = `offset ${batch.baseOffset} after ${segment.nextOffset - 1}`
    if (batch === undefined || problem !== undefined) break
    indexes.append(batch, scanner.batchPosition, state.config.indexIntervalBytes)
    state.epochs.assign(batch.partitionLeaderEpoch, batch.baseOffset)
    if (batch.hasProducerId && batch.isControl) {
      const completed = state.producers.appendControl(batch, 'replication')
      if (completed?.isAborted === true) aborted.push(state.producers.aborted(completed))
    } else if (batch.hasProducerId) state.producers.appendData(batch, 'replication')
    segment.firstBatchTimestamp ??= batch.maxTimestamp
    segment.nextOffset = batch.nextOffset
    end = scanner.position
  }
  state.producers.advance(segment.nextOffset)
  problem ??= scanner.stop === 'end' ? undefined : scanner.problem
  indexes.aborted = aborted
  await segment.adopt(indexes, end)
  return problem
}
