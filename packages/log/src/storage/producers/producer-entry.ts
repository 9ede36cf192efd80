import type { BatchView } from '../../records/batch.ts'
import { sequenceBefore } from '../../records/batch.ts'

/** One of the last batches a producer wrote. */
export interface ProducerBatch {
  readonly lastSequence: number
  readonly lastOffset: number
  /** Records before the last one. */
  readonly offsetDelta: number
  readonly timestamp: number
}

/** What a log knows of a producer; replaced, never changed. */
export interface ProducerEntry {
  readonly producerId: number
  readonly producerEpoch: number
  /** Of the coordinator that wrote the last marker; -1 before the first one. */
  readonly coordinatorEpoch: number
  readonly lastTimestamp: number
  /** Of the first record of the transaction that is open. */
  readonly transactionFirstOffset: number | undefined
  /** The last five at most, oldest first, all of the current epoch. */
  readonly batches: readonly ProducerBatch[]
}

export const PRODUCER_BATCHES_MAX = 5

export function firstSequenceOf(batch: ProducerBatch): number {
  return sequenceBefore(batch.lastSequence, batch.offsetDelta)
}

export function firstOffsetOf(batch: ProducerBatch): number {
  return batch.lastOffset - batch.offsetDelta
}

/** The batch that is an exact repetition of one already written. */
export function findDuplicate(entry: ProducerEntry | undefined, batch: BatchView): ProducerBatch | undefined {
  if (entry === undefined || batch.producerEpoch !== entry.producerEpoch) return undefined
  const { baseSequence, lastSequence } = batch
  return entry.batches.find((known) => known.lastSequence === lastSequence && firstSequenceOf(known) === baseSequence)
}
