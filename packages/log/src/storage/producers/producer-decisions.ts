import { NO_PRODUCER_EPOCH, sequenceAfter } from '../../records/batch.ts'
import { logError } from '../../errors.ts'
import { PRODUCER_BATCHES_MAX, type ProducerBatch, type ProducerEntry } from './producer-entry.ts'

/** Who appends: a client and a coordinator are checked, replication repeats what a leader has accepted. */
export type AppendOrigin = 'client' | 'coordinator' | 'replication'

export interface DataBatchFacts {
  readonly producerId: number
  readonly producerEpoch: number
  readonly firstSequence: number
  readonly lastSequence: number
  readonly firstOffset: number
  readonly lastOffset: number
  readonly timestamp: number
  readonly isTransactional: boolean
}

export interface MarkerFacts {
  readonly producerId: number
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly isAbort: boolean
  readonly offset: number
  readonly timestamp: number
}

/** A transaction whose marker has been appended. */
export interface CompletedTransaction {
  readonly producerId: number
  readonly firstOffset: number
  /** Of the marker. */
  readonly lastOffset: number
  readonly isAborted: boolean
}

/**
 * The producer's entry after a data batch.
 * @throws `PRODUCER_FENCED`, `PRODUCER_OUT_OF_ORDER`, `PRODUCER_TRANSACTION_STATE`
 */
export function afterData(before: ProducerEntry | undefined, batch: DataBatchFacts, origin: AppendOrigin): ProducerEntry {
  if (origin === 'client') {
    checkEpoch(before, batch)
    checkSequence(before, batch)
  }
  const open = before?.transactionFirstOffset
  if (open !== undefined && !batch.isTransactional && origin !== 'replication') {
    throw logError('PRODUCER_TRANSACTION_STATE', { producerId: batch.producerId })
  }
  const offsetDelta = batch.lastOffset - batch.firstOffset
  const added: ProducerBatch = { lastSequence: batch.lastSequence, lastOffset: batch.lastOffset, offsetDelta, timestamp: batch.timestamp }
  const kept = before !== undefined && before.producerEpoch === batch.producerEpoch ? before.batches.slice(1 - PRODUCER_BATCHES_MAX) : []
  return {
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    coordinatorEpoch: before?.coordinatorEpoch ?? -1,
    lastTimestamp: batch.timestamp,
    transactionFirstOffset: open ?? (batch.isTransactional ? batch.firstOffset : undefined),
    batches: [...kept, added],
  }
}

/**
 * The producer's entry after a transaction marker, and the transaction it ended, if it had one open here.
 * @throws `PRODUCER_FENCED`, `PRODUCER_COORDINATOR_FENCED`
 */
export function afterMarker(
  before: ProducerEntry | undefined,
  marker: MarkerFacts,
  origin: AppendOrigin,
): { readonly entry: ProducerEntry; readonly completed: CompletedTransaction | undefined } {
  const { producerId, producerEpoch, coordinatorEpoch, offset } = marker
  if (origin !== 'replication') {
    checkEpoch(before, marker)
    if (before !== undefined && before.coordinatorEpoch > coordinatorEpoch) {
      throw logError('PRODUCER_COORDINATOR_FENCED', { producerId, epoch: coordinatorEpoch, current: before.coordinatorEpoch })
    }
  }
  const firstOffset = before?.transactionFirstOffset
  const completed = firstOffset === undefined ? undefined : { producerId, firstOffset, lastOffset: offset, isAborted: marker.isAbort }
  const batches = before !== undefined && before.producerEpoch === producerEpoch ? before.batches : []
  const entry = { producerId, producerEpoch, coordinatorEpoch, lastTimestamp: marker.timestamp, transactionFirstOffset: undefined, batches }
  return { entry, completed }
}

function checkEpoch(before: ProducerEntry | undefined, { producerId, producerEpoch }: { producerId: number; producerEpoch: number }): void {
  if (before !== undefined && producerEpoch < before.producerEpoch) {
    throw logError('PRODUCER_FENCED', { producerId, epoch: producerEpoch, current: before.producerEpoch })
  }
}

/** An unknown producer may start anywhere: its state may have expired with its records. A new epoch starts at 0. */
function checkSequence(before: ProducerEntry | undefined, { producerId, producerEpoch, firstSequence }: DataBatchFacts): void {
  if (before === undefined || before.producerEpoch === NO_PRODUCER_EPOCH) return
  const last = before.batches.at(-1)
  const expected = producerEpoch !== before.producerEpoch || last === undefined ? 0 : sequenceAfter(last.lastSequence, 1)
  if (firstSequence !== expected) throw logError('PRODUCER_OUT_OF_ORDER', { producerId, sequence: firstSequence, expected })
}
