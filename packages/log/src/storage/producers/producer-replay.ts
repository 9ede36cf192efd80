import { logError } from '../../errors.ts'
import type { AbortedTransaction } from '../index/transaction-index.ts'
import type { Segment } from '../segment/segment.ts'
import type { ProducerState } from './producer-state.ts'

/** Accounts for the batches of a segment from `offset` on, as replication would; gives the aborted transactions that end among them. */
export async function replaySegment(producers: ProducerState, segment: Segment, offset: number): Promise<AbortedTransaction[]> {
  const aborted: AbortedTransaction[] = []
  const { position } = offset <= segment.baseOffset ? { position: 0 } : (await segment.currentIndexes()).offsets.lookup(offset)
  const scanner = segment.scan(position, segment.sizeBytes, 65_536)
  for (let batch = await scanner.next(); batch !== undefined; batch = await scanner.next()) {
    if (batch.lastOffset < offset) continue
    if (batch.hasProducerId && batch.isControl) {
      const whole = await scanner.whole(batch)
      const completed = whole === undefined ? undefined : producers.appendControl(whole, 'replication')
      if (completed?.isAborted === true) aborted.push(producers.aborted(completed))
    } else if (batch.hasProducerId) producers.appendData(batch, 'replication')
    producers.advance(batch.nextOffset)
  }
  if (scanner.stop !== 'end') throw logError('STORAGE_CORRUPT', { path: segment.path('log'), problem: scanner.problem })
  return aborted
}
